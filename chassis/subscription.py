"""FastStream's subscriber, handing over raw records and nothing else.

In front of a decision nothing may raise, drop or acknowledge (reliability.md, M1-M5): the parser and the decoder look at
nothing, acknowledgement is manual, nothing is committed but by whoever knows what is done.
"""

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faststream.kafka.message import KafkaMessage
from faststream.middlewares import AckPolicy

from chassis.security import broker
from chassis.watch import At, Watch, nowhere
from contracts import header_names

log = logging.getLogger(__name__)

Record = ConsumerRecord[bytes, bytes]
Records = tuple[Record, ...]


def named(member: str, topics: Iterable[str]) -> str:
    """The name of a static member that reads these topics. Under its old name Kafka would give a member that is back its old
    partitions, without a look at what it asks for now: nobody would read a topic that is new, and nobody would notice."""
    return f"{member}-{zlib.crc32(','.join(sorted(topics)).encode()):08x}"


class Subscription:
    """Raw records of some topics for one member of a group, in batches, one batch at a time.

    `on_error` is asked when the poll fails; polling goes on after 0.2 s. `at` says which offset is to be dealt with next, by
    partition, for the lag.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        topics: Sequence[str],
        receive: Callable[[Records], Awaitable[None]],
        listener: ConsumerRebalanceListener,
        *,
        reset: str,
        max_records: int,
        member: str | None,
        session_timeout_ms: int,
        on_error: Callable[[KafkaError], None] | None = None,
        at: At = nowhere,
        **options: Any,
    ) -> None:
        header_names.tolerate()  # else one record with a name that is not UTF-8 stops every partition of this member
        self.max_records, self.on_error = max_records, on_error
        self._broker = broker(bootstrap)
        self.watch = Watch(self, listener, at)
        subscriber = self._broker.subscriber(
            *topics,
            group_id=group,
            batch=True,
            max_records=max_records,
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset=cast("Any", reset),
            partition_assignment_strategy=(RangePartitionAssignor,),  # equal partition numbers meet in one worker
            session_timeout_ms=session_timeout_ms,
            heartbeat_interval_ms=min(1000, session_timeout_ms // 3),
            rebalance_timeout_ms=30_000,
            group_instance_id=member and named(member, topics),
            listener=self.watch,
            parser=self._parse_nothing,
            decoder=self._decode_nothing,
            **options,
        )
        subscriber(receive)
        self._subscriber = cast("Any", subscriber)
        self._subscriber.get_msg = self._poll

    @property
    def consumer(self) -> AIOKafkaConsumer:
        """The consumer, for seek, pause and commit. Raises ConsumerStoppedError before start and after stop."""
        if self._subscriber.consumer is None:
            raise ConsumerStoppedError
        return cast("AIOKafkaConsumer", self._subscriber.consumer)

    async def start(self) -> None:
        """Join the group. Raises KafkaError while Kafka is away."""
        await self._broker.start()
        self.watch.start()

    async def stop(self) -> None:
        """Leave the group."""
        self.watch.stop()
        await self._broker.stop()

    async def _parse_nothing(self, raw: Records) -> KafkaMessage:
        return KafkaMessage(body=b"", raw_message=raw, consumer=self.consumer)

    async def _decode_nothing(self, message: KafkaMessage) -> Records:
        return cast("Records", message.raw_message)

    async def _poll(self, consumer: AIOKafkaConsumer) -> Records:
        """Never returns empty-handed: FastStream would sleep after an empty poll, and 5 s after a KafkaError."""
        while self._subscriber.running:
            self.watch.polled()
            try:
                if got := await consumer.getmany(timeout_ms=1000, max_records=self.max_records):
                    return tuple(record for records in got.values() for record in records)
            except KafkaError as error:
                log.warning("no records to be had: %r", error)
                if self.on_error:
                    self.on_error(error)
                await asyncio.sleep(0.2)
        raise ConsumerStoppedError
