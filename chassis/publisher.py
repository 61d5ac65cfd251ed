"""Sends records in order and awaits their acks. An idempotent producer: no loss, no doubles, no inversions while it lives."""

import asyncio
import logging
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from prometheus_client import Counter

from chassis.entries import Send
from chassis.telemetry import metrics
from contracts.topics import RECORD_BYTES

log = logging.getLogger(__name__)

UNKNOWN_FOR = 10.0  # seconds until a reply topic that does not exist is looked for again
NOBODY = Counter("holdfast_answers_to_nobody", "Answers whose reply topic does not exist", registry=metrics)


class Publisher:
    """One producer. Whoever cannot get an ack must not go on: what is stored is sent again after a restart."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._reply_topics: dict[str, float] = {}  # topic -> until when it is believed to be missing; 0: it is there

    async def start(self) -> None:
        """Connect. Raises KafkaError while Kafka is away."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            enable_idempotence=True,
            linger_ms=0,
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

    async def send(self, send: Send) -> "asyncio.Future[object] | None":
        """Hand the record to the producer, in order; the future is its ack. None: an answer to a topic that does not exist."""
        if send.answers and not await self._exists(send.topic):
            NOBODY.inc()
            return None
        future: asyncio.Future[object] = await self._producer.send(
            send.topic, send.value, key=send.key, headers=send.headers, partition=send.partition
        )
        return future

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


async def acknowledged(futures: Sequence["asyncio.Future[object] | None"]) -> None:
    """All acks. Raises the first error."""
    await asyncio.gather(*[future for future in futures if future is not None])
