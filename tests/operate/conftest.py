"""One platform for all commands; a house of its own for each test."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

# Their house and their authority serve here too.
sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("system", "outbound")]

from http_house import House, opened


@pytest.fixture
async def house(platform: Any) -> AsyncIterator[House]:
    """One test's own room; nobody else books it."""
    async with opened(platform.url) as mine:
        yield mine
