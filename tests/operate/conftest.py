"""One platform for all commands; a house of its own for each test."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "system"))  # its house serves here too

from http_house import House, opened


@pytest.fixture
async def house(platform: Any) -> AsyncIterator[House]:
    """One test's own room; nobody else books it."""
    async with opened(platform.url) as mine:
        yield mine
