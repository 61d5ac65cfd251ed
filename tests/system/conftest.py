"""Fixtures for the tests that talk HTTP; the platform itself comes from the conftest above."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from http_house import House, opened


@pytest.fixture
async def house(platform: Any) -> AsyncIterator[House]:
    """One test's own room; nobody else books it."""
    async with opened(platform.url) as mine:
        yield mine
