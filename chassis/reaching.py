"""Whether a worker reaches its database, asked every few seconds beside its work; and how busy its connections are."""

import asyncio
import logging
import time

import asyncpg
from prometheus_client import Gauge

from chassis.telemetry import metrics

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
ANSWERED_WITHIN = 3.0  # seconds, waiting for a free connection included
AWAY_SECONDS = 4.0  # one answer that is late says nothing yet

UP = Gauge("holdfast_database_up", "Whether the database answered the last time it was asked, 1 or 0", registry=metrics)
CONNECTIONS = Gauge(
    "holdfast_database_connections",
    "Connections of a pool: most there may be, open, and idle of these",
    ["pool", "state"],
    registry=metrics,
)


def measure(pool: asyncpg.Pool, name: str) -> None:
    """Tell of this pool, each time the metrics are asked for."""
    CONNECTIONS.labels(name, "most").set(pool.get_max_size())
    CONNECTIONS.labels(name, "open").set_function(pool.get_size)
    CONNECTIONS.labels(name, "idle").set_function(pool.get_idle_size)


class Reaching:
    """Asks for ever, as soon as `run` is awaited."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool, self._heard = pool, time.monotonic()

    def missing(self) -> list[str]:
        """Why nothing can be decided or read, in words."""
        silent = time.monotonic() - self._heard
        return [f"database has not answered for {silent:.0f} s"] if silent > LOOK_SECONDS + AWAY_SECONDS else []

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(ANSWERED_WITHIN):
                    await self._pool.fetchval("SELECT 1")
            except Exception as error:  # whatever it is, the next answer may be a better one
                UP.set(0)
                log.warning("the database does not answer: %r", error)
            else:
                self._heard = time.monotonic()
                UP.set(1)
            await asyncio.sleep(LOOK_SECONDS)
