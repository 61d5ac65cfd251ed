"""Sends records in order and awaits their acks. An idempotent producer: no loss, no doubles, no inversions while it lives."""

import asyncio
import itertools
import logging
import time
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder
from prometheus_client import Counter

from chassis.entries import Send
from chassis.telemetry import metrics
from contracts import connecting
from contracts.topics import RECORD_BYTES

log = logging.getLogger(__name__)

Acks = list[asyncio.Future[Any]]

BATCH_BYTES = RECORD_BYTES // 2  # a topic takes no larger batch than its largest record
ACKS_SECONDS = 120.0  # longer than a broker needs to come back
UNKNOWN_FOR = 10.0  # seconds until a reply topic that does not exist is looked for again
_partition_of = DefaultPartitioner()
NOBODY = Counter("holdfast_answers_to_nobody", "Answers whose reply topic does not exist", registry=metrics)


class Publisher:
    """One producer. Whoever cannot get an ack must not go on: what is stored is sent again after a restart."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._partitions: dict[str, list[int]] = {}
        self._turn = itertools.count()
        self._reply_topics: dict[str, float] = {}  # topic -> until when it is believed to be missing; 0: it is there

    async def start(self) -> None:
        """Connect. Raises KafkaError while Kafka is away."""
        self._producer = AIOKafkaProducer(
            **connecting.address(self.bootstrap).options,
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            max_request_size=2 * RECORD_BYTES + 65536,  # a dead letter holds a record of any size
        )
        await self._producer.start()

    async def stop(self) -> None:
        await self._producer.stop()

    async def topics(self) -> set[str]:
        """The topics that there are now."""
        metadata = await self._producer.client.fetch_all_metadata()
        names: set[str] = metadata.topics()
        return names

    async def publish(self, sends: Sequence[Send]) -> Acks:
        """Hand the records to the producer, each partition's in order; their acks come later.

        Filling whole batches ourselves costs a quarter of sending record by record, and one round trip instead of many.
        An answer to a topic that does not exist is left out.
        """
        acks: Acks = []
        filling: dict[tuple[str, int], BatchBuilder] = {}
        anywhere = next(self._turn)
        for send in sends:
            topic = send.topic
            if send.answers and not await self._exists(topic):
                NOBODY.inc()
                continue
            partition = send.partition
            if partition is None:
                partition = await self._partition(topic, send.key, anywhere)
            place = (topic, partition)
            batch = filling.get(place)
            if batch is None:
                batch = filling[place] = self._producer.create_batch()
            if batch.append(timestamp=None, key=send.key, value=send.value, headers=send.headers) is None:  # it is full
                acks.append(await self._producer.send_batch(batch, topic, partition=partition))
                batch = filling[place] = self._producer.create_batch()
                batch.append(timestamp=None, key=send.key, value=send.value, headers=send.headers)
        for (topic, partition), batch in filling.items():
            acks.append(await self._producer.send_batch(batch, topic, partition=partition))
        return acks

    async def _partition(self, topic: str, key: bytes | None, anywhere: int) -> int:
        partitions = self._partitions.get(topic)
        if partitions is None:  # their number never changes in a topic's life
            partitions = self._partitions[topic] = sorted(await self._producer.partitions_for(topic))
        if key is None:
            return partitions[anywhere % len(partitions)]
        number: int = _partition_of(key, partitions, partitions)
        return number

    async def _exists(self, topic: str) -> bool:
        """Whether the reply topic is there: a name that a stranger chose must not block everybody's outputs for ever."""
        missing_until = self._reply_topics.get(topic)
        if missing_until == 0.0:
            return True
        if missing_until is not None and time.monotonic() < missing_until:
            return False
        if len(self._reply_topics) > 1000:
            self._reply_topics.clear()
        there = topic in await self.topics()
        self._reply_topics[topic] = 0.0 if there else time.monotonic() + UNKNOWN_FOR
        if not there:
            log.warning("nobody can be answered at %s: there is no such topic", topic)
        return there


async def acknowledged(acks: Acks) -> None:
    """All acks. Raises the first error, and TimeoutError after two minutes: a sender that died answers nobody."""
    async with asyncio.timeout(ACKS_SECONDS):
        await asyncio.gather(*acks)
