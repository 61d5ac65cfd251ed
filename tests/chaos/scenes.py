"""A platform with short holds and customers before its door."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from flows import Street, street

from embedded.platform import Platform, running

HOLD = "6s"
# There is no gateway to hear the provider's events: they are read in its list.
SOON = {"HOLDFAST_PAYMENT_EVENTS_SECONDS": "1"}
TWICE = ("booking", "availability", "relay")


@dataclass(frozen=True)
class Scene:
    """Where it happens."""

    platform: Platform
    street: Street


@contextlib.asynccontextmanager
async def opened(fast_sessions: bool = True) -> AsyncIterator[Scene]:
    """Two processes of each kind, of which the second is at rest; no gateway."""
    async with running(
        fast_sessions=fast_sessions, hold=HOLD, settings=SOON, scale={"gateway": 0, **dict.fromkeys(TWICE, 2)}
    ) as platform:
        for name in TWICE:
            await platform.stop_process(f"{name}-2")
        async with street(platform.kafka) as there:
            yield Scene(platform, there)
