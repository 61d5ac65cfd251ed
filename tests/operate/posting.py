"""Records put into Kafka by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from contracts import topics
from contracts.envelope import stamp, write
from contracts.model import Message


async def posted(platform: Any, topic: str, value: bytes | None, headers: list[tuple[str, bytes]], key: str) -> str:
    """The record's place, once Kafka has it."""
    async with AIOKafkaProducer(bootstrap_servers=platform.kafka) as producer:
        sent = await producer.send_and_wait(topic, value, key.encode(), headers=headers)
    return f"{sent.topic}/{sent.partition}/{sent.offset}"


async def commanded(platform: Any, command: Message, command_id: str, ahead: timedelta = timedelta(0)) -> str:
    """Publish a command as a client does, whose clock is this far ahead."""
    topic, key = topics.address(command)
    created = stamp(datetime.now(UTC) + ahead)
    headers = write(b"/clients/tests", command_id, command.type, "demo", command_id, created, key)
    return await posted(platform, topic, command.model_dump_json(exclude_none=True).encode(), headers, key)


async def read_at(platform: Any, place: str) -> Any:
    """The record at this place."""
    topic, partition, offset = place.split("/")
    consumer = AIOKafkaConsumer(bootstrap_servers=platform.kafka)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, int(partition))])
        consumer.seek(TopicPartition(topic, int(partition)), int(offset))
        return await consumer.getone()
    finally:
        await consumer.stop()
