"""R11: a message that ends its worker is found and buried, as one that raises is (`chassis/attempts.py`).

No exception tells of it: the process is gone, by a bug outside of Python or by the killer of those that take too much memory, and
its successor meets the same message. So a run leaves a row where it works (`runs`) until it leaves in order. Where two runs in a row
have ended without deciding anything, what they may have had in hand is decided one by one, each attempt counted before it
begins; what has ended its worker three times is buried. One kill costs nothing: the next run goes on in batches.
"""

import contextlib
import logging
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import asyncpg
from aiokafka import TopicPartition

from chassis.database import TRANSIENT
from chassis.subscription import Record
from chassis.whereabouts import Bounds

log = logging.getLogger(__name__)

ENDED = 2  # runs that ended at one place, until its messages are decided one by one
MOST_ATTEMPTS = 3  # of a message alone
AT_ONCE = 500  # no run has more of a partition in hand
# The table is new in 0.1: a worker that is started before it works without.
AWAY: tuple[type[BaseException], ...] = (*TRANSIENT, asyncpg.UndefinedTableError)

_BEGIN = """
INSERT INTO runs AS r (topic, partition, run, processed)
SELECT p.topic, p.partition, $3::uuid, p.processed
FROM progress p
JOIN unnest($1::text[], $2::int[]) u(topic, partition) USING (topic, partition)
ON CONFLICT (topic, partition) DO UPDATE
SET run = excluded.run, processed = excluded.processed,
  ended = CASE WHEN r.processed = excluded.processed THEN r.ended + 1 ELSE 1 END
RETURNING topic, partition, processed, ended, position, attempts
"""
_LEAVE = "DELETE FROM runs WHERE run = $1::uuid"
_COUNT = "UPDATE runs SET position = $3, attempts = $4 WHERE topic = $1 AND partition = $2"


@dataclass(slots=True)
class Suspect:
    """Where in a partition a message may end its worker: from `first` to before `end`; `position` was tried so many times."""

    first: int
    end: int
    position: int | None
    attempts: int


class Suspects:
    """What this run must be careful with; usually nothing."""

    def __init__(self, database: asyncpg.Pool) -> None:
        self._database, self._run = database, str(uuid.uuid4())
        self._found: dict[TopicPartition, Suspect] = {}

    async def begin(self, partitions: Iterable[TopicPartition], log_has: Bounds) -> None:
        """This run has these partitions, of which the log has so much."""
        mine = list(partitions)
        topics, numbers = [tp.topic for tp in mine], [tp.partition for tp in mine]
        try:
            rows = await self._database.fetch(_BEGIN, topics, numbers, self._run)
        except AWAY as error:  # then one end of a run is not counted
            log.warning("not known how the run before ended: %r", error)
            return
        for topic, number, processed, ended, position, attempts in rows:
            partition = TopicPartition(topic, number)
            end = min(log_has.get(partition, (0, 0))[1], processed + AT_ONCE)
            if ended >= ENDED and end > processed:
                log.warning("%s runs ended at %s/%s/%s: one by one from there", ended, topic, number, processed)
                self._found[partition] = Suspect(processed, end, position, attempts)

    async def leave(self) -> None:
        """This run gives all away, with nothing in hand."""
        self._found.clear()
        try:
            await self._database.execute(_LEAVE, self._run)
        except AWAY as error:  # then the next run takes this one's end for a crash, once
            log.warning("not said that this run ends in order: %r", error)

    def among(self, spans: Mapping[TopicPartition, tuple[int, int]]) -> bool:
        """Whether one of these messages may have ended a run."""
        if not self._found:
            return False
        return any(self._at(partition, first) for partition, (first, _) in spans.items())

    async def attempt(self, record: Record) -> int:
        """Count an attempt before it begins; how often it was begun before. Nothing is counted beyond `MOST_ATTEMPTS`."""
        partition = TopicPartition(record.topic, record.partition)
        suspect = self._at(partition, record.offset)
        if suspect is None:
            return 0
        before = suspect.attempts if suspect.position == record.offset else 0
        if before < MOST_ATTEMPTS:
            await self._count(partition, record.offset, before + 1)
        return before

    async def survived(self, record: Record) -> None:
        """That attempt ended and the process did not: it was no fault of the message's."""
        partition = TopicPartition(record.topic, record.partition)
        if self._at(partition, record.offset):
            with contextlib.suppress(*TRANSIENT):
                await self._count(partition, record.offset, 0)

    async def _count(self, partition: TopicPartition, position: int, attempts: int) -> None:
        await self._database.execute(_COUNT, *partition, position, attempts)

    def _at(self, partition: TopicPartition, offset: int) -> Suspect | None:
        suspect = self._found.get(partition)
        if suspect is not None and offset >= suspect.end:
            del self._found[partition]  # all of it is decided
            return None
        return suspect if suspect is not None and offset >= suspect.first else None
