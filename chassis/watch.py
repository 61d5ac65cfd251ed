"""A member of a consumer group, looked at from beside it: how far behind it is, and whether it is at work at all.

Looked at every few seconds and never for a message or a batch, so it costs the messages nothing.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from prometheus_client import Gauge

from chassis.telemetry import metrics

log = logging.getLogger(__name__)

LOOK_SECONDS = 3.0
ANSWERED_WITHIN = 2.0  # seconds Kafka has to say where its topics end
SILENT_SECONDS = 15.0  # a rebalance, or a batch that is refused and tried again, takes less
STANDING_SECONDS = 60.0  # records wait and none of them is dealt with

LAST_POLL = Gauge("holdfast_last_poll_timestamp_seconds", "When records were last asked for", registry=metrics)
LAG = Gauge(
    "holdfast_lag_records",
    "Records of this worker's partitions that it has not dealt with yet",
    ["topic", "partition"],
    registry=metrics,
)
ASSIGNED = Gauge("holdfast_assigned_partitions", "Partitions that this worker has", registry=metrics)
KAFKA = Gauge("holdfast_kafka_up", "Whether Kafka answered the last time it was asked, 1 or 0", registry=metrics)

At = Callable[[], Mapping[TopicPartition, int]]


class Watched(Protocol):
    """Who is looked at."""

    @property
    def consumer(self) -> AIOKafkaConsumer: ...


def nowhere() -> Mapping[TopicPartition, int]:
    """For those whose records wait on purpose: they have no lag."""
    return {}


class Watch(ConsumerRebalanceListener):
    """Stands between the group and its listener. `at` says which offset is to be dealt with next, by partition."""

    def __init__(self, member: Watched, listener: ConsumerRebalanceListener, at: At) -> None:
        self._member, self._listener, self._at = member, listener, at
        now = time.monotonic()
        self._polled = self._heard = now
        self._lost: float | None = now  # since when it has not even been told that it has no partition
        self._standing: dict[TopicPartition, tuple[int, float]] = {}  # where those with a lag stand, and since when
        self._behind: set[TopicPartition] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look; Kafka has just answered."""
        self._polled = self._heard = time.monotonic()
        KAFKA.set(1)
        self._task = asyncio.create_task(self._look_for_ever())

    def stop(self) -> None:
        if self._task:
            self._task.cancel()

    def polled(self) -> None:
        """Records are asked for now."""
        self._polled = time.monotonic()
        LAST_POLL.set_to_current_time()

    def missing(self) -> list[str]:
        """What keeps it from work, in words."""
        now, words = time.monotonic(), []
        if (silent := now - self._heard) > SILENT_SECONDS:
            words.append(f"kafka has not answered for {silent:.0f} s")
        if (silent := now - self._polled) > SILENT_SECONDS:
            words.append(f"no records asked for since {silent:.0f} s")
        if self._lost is not None and (silent := now - self._lost) > SILENT_SECONDS:
            words.append(f"out of the consumer group since {silent:.0f} s")
        for partition, (offset, since) in self._standing.items():
            if (silent := now - since) > STANDING_SECONDS:
                words.append(f"{partition.topic}/{partition.partition} stands at {offset} since {silent:.0f} s")
        return words

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        assigned = list(assigned)
        await self._listener.on_partitions_assigned(assigned)
        self._lost = None
        ASSIGNED.set(len(assigned))

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self._lost = time.monotonic()
        ASSIGNED.set(0)
        await self._listener.on_partitions_revoked(revoked)

    # ---- looking

    async def _look_for_ever(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                async with asyncio.timeout(ANSWERED_WITHIN):
                    await self._look()
            except Exception as error:  # whatever a library has: to look must not end what is looked at
                KAFKA.set(0)
                log.warning("Kafka does not say where its topics end: %r", error)
            else:
                self._heard = time.monotonic()
                KAFKA.set(1)

    async def _look(self) -> None:
        asked = list(self._at())
        if not asked:
            await self._member.consumer.topics()  # only whether it answers
        ends = await self._member.consumer.end_offsets(asked) if asked else {}
        at, now = self._at(), time.monotonic()
        lag = {tp: max(0, ends[tp] - at[tp]) for tp in ends if tp in at}
        for partition in self._behind - lag.keys():  # not ours any more
            LAG.remove(partition.topic, partition.partition)
        for partition, records in lag.items():
            LAG.labels(partition.topic, partition.partition).set(records)
        self._behind = set(lag)
        before = self._standing
        self._standing = {
            tp: before[tp] if tp in before and before[tp][0] == at[tp] else (at[tp], now)
            for tp, records in lag.items()
            if records
        }
