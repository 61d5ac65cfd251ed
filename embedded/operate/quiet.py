"""Under way, or stuck? What is on its way arrives when everybody has decided what lay in the log at some moment."""

import asyncio
import contextlib
from collections.abc import Iterable

from aiokafka import TopicPartition

from embedded.operate import databases, log
from embedded.operate.places import Place

LOOKS, PAUSE = 6, 0.5
CAUGHT_UP_WITHIN = 15.0  # seconds; whoever is later than that has a finding of its own, or stands still

_PROGRESS = "SELECT topic, partition, processed, published FROM progress"

Marks = dict[TopicPartition, int]


async def caught_up(place: Place, services: Iterable[str]) -> None:
    """Return when these services have told what they had decided, and have decided what is then in the log; or after a while."""
    mine = [service for service in services if service in place.databases]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CAUGHT_UP_WITHIN):
            for service in mine:
                decided = await _marks(place, service, "processed")
                await _reached(place, service, decided, "published")
            async with log.reader(place) as consumer:
                for service in mine:
                    ends = await log.bounds(consumer, {at.topic for at in await _marks(place, service, "processed")})
                    await _reached(place, service, {at: end for at, (_, end) in ends.items()}, "processed")
    await asyncio.sleep(PAUSE)


async def _reached(place: Place, service: str, wanted: Marks, column: str) -> None:
    while True:
        marks = await _marks(place, service, column)
        if all(marks.get(at, end) >= end for at, end in wanted.items()):
            return
        await asyncio.sleep(0.1)


async def _marks(place: Place, service: str, column: str) -> Marks:
    async with databases.connected(place.databases[service]) as connection:
        if not await databases.has(connection, "progress"):
            return {}
        return {
            TopicPartition(row["topic"], row["partition"]): row[column] for row in await connection.fetch(_PROGRESS)
        }
