"""How far the services are, against what Kafka's log has: seen, and set right when the log has lost what they have decided.

A service stands still in a partition whose log does not have what comes next (`chassis/whereabouts.py`). Set to where the log is, it goes on;
rows of the inbox that say they lie further on are of a log that is gone, and are put out of its way, to negative places: they are
remembered as before, so that nothing is decided twice.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition

from chassis.whereabouts import gone
from embedded.operate import databases, log
from embedded.operate.places import SERVICES, Place
from embedded.problem import Problem

LOOKS = 8  # a second apart: longer than a session
_PROGRESS = "SELECT topic, partition, processed, published FROM progress ORDER BY 1, 2"
_SET = """
UPDATE progress
SET processed = $3, published = $3
WHERE topic = $1 AND partition = $2 AND processed = $4 AND published = $5
"""
# A dead letter is known by its place, which another record may have now.
_FORGET = "DELETE FROM inbox WHERE topic = $1 AND partition = $2 AND position >= $3 AND dead"
# What ended a worker there before is another matter, or mended.
_ANEW = "DELETE FROM runs WHERE topic = $1 AND partition = $2"
_ASIDE = "UPDATE inbox SET position = -1 - position WHERE topic = $1 AND partition = $2 AND position >= $3"


@dataclass(frozen=True)
class Mark:
    """One service in one partition, and from where to where the log has it. `why` it cannot go on there, if it cannot."""

    service: str
    topic: str
    partition: int
    processed: int
    published: int
    first: int
    last: int

    @property
    def why(self) -> str | None:
        return gone(self.published, self.processed, (self.first, self.last))

    @property
    def right(self) -> int:
        """Where it can go on."""
        return min(max(self.processed, self.first), self.last)

    def told(self) -> dict[str, Any]:
        """For programs."""
        return {**vars(self), "why": self.why, "right": self.right}


async def seen(place: Place) -> list[Mark]:
    """Every mark of every service. Raises what says that it could not look: half a look would be taken for all of it."""
    place.needs(*SERVICES)
    found: list[Mark] = []
    async with log.reader(place) as consumer:
        for service, url in place.databases.items():
            async with databases.connected(url) as connection:
                if not await databases.has(connection, "progress"):
                    continue
                rows = await connection.fetch(_PROGRESS)
            bounds = await log.bounds(consumer, {row["topic"] for row in rows})
            for topic, partition, processed, published in rows:
                first, last = bounds.get(TopicPartition(topic, partition), (0, 0))
                found.append(Mark(service, topic, partition, processed, published, first, last))
    return found


async def lost(place: Place) -> list[Mark]:
    """Those that cannot go on."""
    return [mark for mark in await seen(place) if mark.why]


async def put(place: Place, mark: Mark, to: int) -> None:
    """Set it, while the service stands still. Raises Problem if it does not."""
    await _stands_still(place, mark.service)
    async with databases.changing(place.databases[mark.service]) as connection, connection.transaction():
        was = (mark.processed, mark.published)
        done = await connection.execute(_SET, mark.topic, mark.partition, to, *was)
        if done != "UPDATE 1":
            raise Problem(f"{mark.service} has moved on in {mark.topic}/{mark.partition} meanwhile: look again")
        await connection.execute(_FORGET, mark.topic, mark.partition, to)
        if await databases.has(connection, "runs"):
            await connection.execute(_ANEW, mark.topic, mark.partition)
        await connection.execute(_ASIDE, mark.topic, mark.partition, to)


async def _stands_still(place: Place, service: str) -> None:
    """One that was stopped just now is a member for a while, until its session ends."""
    async with log.administrator(place) as admin:
        for _ in range(LOOKS):
            answers = await admin.describe_consumer_groups([service])
            members = sum(len(group["members"]) for answer in answers for group in answer.to_object()["groups"])
            if not members:
                return
            await asyncio.sleep(1)
    raise Problem(f"{members} workers of {service} are at work: stop them first, they would not see it")
