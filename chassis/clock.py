"""The database's time between two looks at it."""

import time
from datetime import UTC, datetime

import asyncpg


class Clock:
    """The database's clock, as an offset to the monotonic one: never ahead of it, behind by a round trip at most."""

    def __init__(self, database: asyncpg.Pool) -> None:
        self.database = database
        self._ahead: float | None = None

    async def read(self) -> None:
        """Ask the database for the time. Raises what a database that is away raises."""
        moment: datetime = await self.database.fetchval("SELECT clock_timestamp()")
        # As if it had been read just now, at the end of the round trip: then ours is late rather than early.
        self._ahead = moment.timestamp() - time.monotonic()

    def now(self) -> datetime:
        assert self._ahead is not None, "read() first"
        return datetime.fromtimestamp(time.monotonic() + self._ahead, UTC)
