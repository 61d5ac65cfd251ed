"""A platform with short holds for each file of tests: two booking and two relay processes, of which one each is at rest."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from flows import Street, street

from embedded.platform import Platform, running

HOLD = "6s"


@dataclass(frozen=True)
class Scene:
    """Where it happens."""

    platform: Platform
    street: Street


@pytest.fixture(scope="module")
async def scene() -> AsyncIterator[Scene]:
    """Quiet at first."""
    scale = {"booking": 2, "availability": 2, "relay": 2, "gateway": 0}
    async with running(fast_sessions=True, hold=HOLD, scale=scale) as platform:
        for name in scale:
            if scale[name] == 2:
                await platform.stop_process(f"{name}-2")
        async with street(platform.kafka) as there:
            yield Scene(platform, there)
