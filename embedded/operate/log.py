"""Reading Kafka's log as an operator does: in no group, from where to where one says, a piece at a time."""

import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from contracts import connecting, header_names
from embedded.operate.places import Place

Record = ConsumerRecord[bytes, bytes]
Bounds = dict[TopicPartition, tuple[int, int]]
AT_ONCE = 2000  # records in memory


def connection(place: Place) -> dict[str, Any]:
    """How every client of ours reaches Kafka, and as whom."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it has to say comes as an exception too
    told = connecting.address(place.kafka).options
    return {**told, "client_id": "holdfast-operator", "request_timeout_ms": 20_000}


@contextlib.asynccontextmanager
async def reader(place: Place, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that leaves no trace: no group, no commits. Raises KafkaError."""
    header_names.tolerate()
    consumer = AIOKafkaConsumer(
        **{**connection(place), "enable_auto_commit": False, "auto_offset_reset": "earliest", **options}
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


@contextlib.asynccontextmanager
async def administrator(place: Place) -> AsyncIterator[AIOKafkaAdminClient]:
    """Kafka's administration. Raises KafkaError."""
    admin = AIOKafkaAdminClient(**connection(place))
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def bounds(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> Bounds:
    """From where to where the log has these topics; nothing of those that are not there."""
    cluster = await consumer._client.fetch_all_metadata()
    wanted = sorted(set(topics) & cluster.topics())
    partitions = [
        TopicPartition(name, number) for name in wanted for number in sorted(cluster.partitions_for_topic(name))
    ]
    if not partitions:
        return {}
    first, last = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    return {partition: (first[partition], last[partition]) for partition in partitions}


async def since(consumer: AIOKafkaConsumer, found: Bounds, milliseconds: int) -> Bounds:
    """The same without what the broker wrote earlier."""
    if not found:
        return {}
    offsets = await consumer.offsets_for_times(dict.fromkeys(found, milliseconds))
    return {
        partition: (max(first, at.offset) if (at := offsets.get(partition)) else last, last)
        for partition, (first, last) in found.items()
    }


async def records(consumer: AIOKafkaConsumer, spans: Mapping[TopicPartition, tuple[int, int]]) -> AsyncIterator[Record]:
    """The records of these spans of offsets, each partition's in order."""
    left = {partition: last for partition, (first, last) in spans.items() if first < last}
    if not left:
        return
    consumer.assign(list(left))
    for partition in left:
        consumer.seek(partition, spans[partition][0])
    while left:
        for partition, got in (await consumer.getmany(timeout_ms=500, max_records=AT_ONCE)).items():
            last = left.get(partition, 0)
            for record in got:
                if record.offset < last:
                    yield record
        for partition in list(left):
            if await consumer.position(partition) >= left[partition]:
                del left[partition]
                consumer.pause(partition)


async def record_at(consumer: AIOKafkaConsumer, topic: str, partition: int, offset: int) -> Record | None:
    """The record at this place, if the log still has it."""
    place = TopicPartition(topic, partition)
    first, last = (await bounds(consumer, [topic])).get(place, (0, 0))
    if first <= offset < last:
        async for record in records(consumer, {place: (offset, offset + 1)}):
            return record
    return None


def headers(record: Record) -> dict[str, str]:
    """Its headers as text; of a name that comes twice the last one."""
    return {name: (value or b"").decode("utf-8", "replace") for name, value in record.headers}
