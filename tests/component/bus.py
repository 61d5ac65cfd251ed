"""The bus as a stranger sees it: raw records in, raw records out, and the workers' databases beside it."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.structs import RecordMetadata
from awaiting import until as until
from trouble import Trouble

from chassis import database
from chassis.decider import Decider
from contracts import topics
from contracts.envelope import stamp, write
from contracts.model import Message
from embedded.infrastructure import Infrastructure
from services.availability.handlers import AvailabilityService
from services.availability.settings import AvailabilitySettings
from services.booking.handlers import BookingService
from services.booking.settings import BookingSettings

Record = ConsumerRecord[bytes, bytes]
T = TypeVar("T")

PARTITIONS = 4
HOLD = timedelta(seconds=2)
REPLIES = topics.CLIENTS_REPLIES.name
INPUTS = {
    "booking": [topic.name for topic in BookingService.inputs],
    "availability": [topic.name for topic in AvailabilityService.inputs],
}


async def stays(asked: Callable[[], Awaitable[bool]], seconds: float) -> None:
    """It is so, and stays so for a while."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        assert await asked()
        await asyncio.sleep(0.02)


def header(record: Record, name: str) -> str | None:
    """The last header of this name, as text."""
    value = dict(record.headers).get(name)
    return None if value is None else value.decode("utf-8", "backslashreplace")


class Log:
    """What comes into some topics from the moment on at which it was opened."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.consumer = consumer
        self.records: list[Record] = []

    async def read(self, timeout_ms: int = 0) -> list[Record]:
        """Everything so far."""
        for records in (await self.consumer.getmany(timeout_ms=timeout_ms)).values():
            self.records += records
        return self.records

    async def until(self, found: Callable[[list[Record]], T], within: float = 20.0) -> T:
        """The first true answer of `found`; fails with what came when it takes too long."""
        ends = time.monotonic() + within
        while not (answer := found(await self.read(50))):
            came = [
                (record.topic, header(record, "ce_type"), header(record, "ce_causationid")) for record in self.records
            ]
            assert time.monotonic() < ends, (
                f"not within {within} s: {answer!r}; {len(came)} came, the last: {came[-5:]}"
            )
        return answer

    async def caused_by(
        self, cause: str, topic: str | None = None, count: int = 1, within: float = 20.0
    ) -> list[Record]:
        """`count` or more records that this message brought about."""

        def found(records: list[Record]) -> list[Record] | None:
            caused = [r for r in records if header(r, "ce_causationid") == cause and topic in (None, r.topic)]
            return caused if len(caused) >= count else None

        caused = await self.until(found, within)
        assert caused is not None
        return caused


@dataclass
class Bus:
    """Kafka with the platform's topics, Postgres with its tables."""

    infra: Infrastructure
    producer: AIOKafkaProducer
    pools: dict[str, asyncpg.Pool] = field(default_factory=dict)

    async def raw(
        self,
        topic: str,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes | None]],
        key: bytes | None = None,
        partition: int | None = None,
    ) -> RecordMetadata:
        """A record exactly like this, acknowledged."""
        sent = await self.producer.send(topic, value, key=key, headers=list(headers), partition=partition)
        metadata: RecordMetadata = await sent
        return metadata

    async def tell(
        self, message: Message, message_id: str | None = None, *, partition: int | None = None, **said: Any
    ) -> tuple[str, RecordMetadata]:
        """A message with usual headers; its id and where it lies."""
        message_id = message_id or str(uuid.uuid4())
        topic, key = topics.address(message)
        value = message.__pydantic_serializer__.to_json(message, exclude_none=True)
        sent = await self.raw(topic, value, headers(message, message_id, **said), key.encode(), partition)
        return message_id, sent

    @contextlib.asynccontextmanager
    async def listening(self, *names: str) -> AsyncIterator[Log]:
        """These topics from now on."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.infra.kafka, fetch_max_wait_ms=50)
        await consumer.start()
        try:
            partitions = [TopicPartition(name, number) for name in names for number in range(PARTITIONS)]
            consumer.assign(partitions)
            for partition, end in (await consumer.end_offsets(partitions)).items():
                consumer.seek(partition, end)
            yield Log(consumer)
        finally:
            await consumer.stop()

    async def ends(self, names: Iterable[str]) -> dict[TopicPartition, int]:
        """Where these topics end."""
        async with self.listening() as log:
            partitions = [TopicPartition(name, number) for name in names for number in range(PARTITIONS)]
            ends: dict[TopicPartition, int] = await log.consumer.end_offsets(partitions)
            return ends

    async def marks(self, service: str) -> dict[TopicPartition, tuple[int, int]]:
        """Processed and published, by partition."""
        rows = await self.pools[service].fetch("SELECT topic, partition, processed, published FROM progress")
        return {TopicPartition(row[0], row[1]): (row[2], row[3]) for row in rows}

    async def quiet(self, service: str, within: float = 20.0) -> None:
        """Return when everything that lies in the service's inputs is processed and published."""

        async def done() -> bool:
            ends, marks = await self.ends(INPUTS[service]), await self.marks(service)
            return all(marks.get(at, (0, 0)) == (end, end) for at, end in ends.items())

        await until(done, within)

    async def skip(self, service: str) -> None:
        """Begin at the ends of the logs: what another test left there is nobody's business."""
        ends = await self.ends(INPUTS[service])
        at = [tp.topic for tp in ends], [tp.partition for tp in ends], list(ends.values())
        await self.pools[service].execute("DELETE FROM progress")
        sql = "INSERT INTO progress SELECT t, p, e, e FROM unnest($1::text[], $2::int[], $3::bigint[]) u(t, p, e)"
        await self.pools[service].execute(sql, *at)

    async def unpublish(self, service: str, marks: dict[TopicPartition, tuple[int, int]]) -> None:
        """As if nothing had been sent since then: what a crash between the commit and the first output leaves behind."""
        sql = "UPDATE progress SET published = $3 WHERE topic = $1 AND partition = $2"
        await self.pools[service].executemany(sql, [(*at, published) for at, (_, published) in marks.items()])

    def real(self, name: str) -> Any:
        """The service as it is shipped."""
        return BookingService() if name == "booking" else AvailabilityService(self.settings(name))

    def settings(self, service: str, **changes: Any) -> Any:
        """A worker's settings."""
        kind = BookingSettings if service == "booking" else AvailabilitySettings
        if service == "availability":
            changes = {"hold": HOLD, **changes}
        return kind(
            kafka=self.infra.kafka,
            internal_token="between us",
            database=self.infra.dsn(service),
            port=1,
            session_timeout_ms=1000,
            **changes,
        )

    @contextlib.asynccontextmanager
    async def deciding(
        self,
        name: str = "booking",
        *,
        service: Any = None,
        meets: Trouble | None = None,
        failures: list[BaseException] | None = None,
        **changes: Any,
    ) -> AsyncIterator[Decider]:
        """A decider with the real service, or with this one, beside the test.

        It must not have failed at the end, unless the test wants to know its `failures`.
        """
        settings, expected = self.settings(name, **changes), failures is not None
        failures = [] if failures is None else failures
        pool = await database.connect(settings.database, 4, f"decider of {name}")
        reaches: Any = meets.between(pool) if meets else pool
        decider = Decider(service or self.real(name), settings, reaches, failures.append)
        try:
            await decider.start()
            async with asyncio.timeout(20):
                await decider.joined.wait()
            yield decider
        finally:
            with contextlib.suppress(Exception) if failures else contextlib.nullcontext():
                await decider.stop()
            await pool.close()
        assert expected or failures == []


def headers(
    message: Message,
    message_id: str,
    *,
    reply_to: str | None = REPLIES,
    organisation: str = "demo",
    created: datetime | None = None,
    causation: str | None = None,
) -> list[tuple[str, bytes]]:
    """As the typed client writes them."""
    return write(
        b"/clients/test",
        message_id,
        type(message).type,
        organisation,
        message_id,
        stamp(created or datetime.now(UTC)),
        "subject",
        causation=causation,
        reply_to=reply_to,
    )
