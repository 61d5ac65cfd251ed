"""Where a service is in its partitions, by its database, and what Kafka's log has of them."""

import asyncio
import logging
from collections.abc import Sequence

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from chassis import inbox
from chassis.database import TRANSIENT

log = logging.getLogger(__name__)

Bounds = dict[TopicPartition, tuple[int, int]]


async def marks(database: asyncpg.Pool, partitions: Sequence[TopicPartition]) -> Bounds:
    """Up to where these are published, and processed."""
    topics, numbers = [tp.topic for tp in partitions], [tp.partition for tp in partitions]
    await database.execute(inbox.MAKE_PROGRESS_ROWS, topics, numbers)
    rows = await database.fetch(inbox.MARKS, topics, numbers)
    return {TopicPartition(row["topic"], row["partition"]): (row["published"], row["processed"]) for row in rows}


async def patient_marks(database: asyncpg.Pool, partitions: Sequence[TopicPartition]) -> Bounds:
    """The same, as soon as the database answers."""
    while True:
        try:
            return await marks(database, partitions)
        except TRANSIENT as error:
            log.warning("the progress is not readable: %r", error)
            await asyncio.sleep(0.5)


async def ends(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> Bounds:
    """From where to where the log has these; nothing if Kafka does not say."""
    if not partitions:
        return {}
    try:
        first, last = await asyncio.gather(consumer.beginning_offsets(partitions), consumer.end_offsets(partitions))
    except KafkaError as error:  # then the first fetch tells
        log.warning("the ends of the log are not known: %r", error)
        return {}
    return {partition: (first[partition], last[partition]) for partition in partitions}


def gone(at: int, processed: int, has: tuple[int, int] | None) -> str | None:
    """Why there is no going on at this offset: the log does not have what comes next, or not all that is decided."""
    if has is None or (has[0] <= at <= has[1] and processed <= has[1]):
        return None
    decided = f", {processed} was decided" if processed > at else ""
    return f"offset {at} comes next{decided}, the log has {has[0]} to {has[1]}"


def lost(error: KafkaError) -> list[TopicPartition]:
    """The partitions of which the log no longer has what was asked for, by what the poll raised."""
    if not isinstance(error, (OffsetOutOfRangeError, NoOffsetForPartitionError)) or not error.args:
        return []
    culprits = error.args[0]
    return list(culprits) if isinstance(culprits, dict) else [culprits]
