"""One platform for each file of tests."""

from collections.abc import AsyncIterator

import pytest
from scenes import Scene, opened


@pytest.fixture(scope="module")
async def scene() -> AsyncIterator[Scene]:
    """Quiet at first."""
    async with opened() as scene:
        yield scene
