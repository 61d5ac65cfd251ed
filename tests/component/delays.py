"""Delay topics of the test's own, records that wait in them, and a relay beside the test."""

import asyncio
import contextlib
import itertools
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from bus import PARTITIONS, Bus, Record, header, until

from chassis import database
from chassis.delay import Relay
from contracts import topics
from contracts.availability import ExpireHold
from contracts.envelope import stamp, write
from services.availability.settings import RelaySettings

GROUP = "availability.relay"
TARGET = topics.AVAILABILITY_COMMANDS.name
ROOM = "5ea00000-0000-4000-8000-000000000011"
_seconds = itertools.count(1001)  # no two tests, and nobody's settings, have a topic of this length


@dataclass
class Waiting:
    """What was written into delay topics: when each is due by its id, and the ids of each partition in order."""

    bus: Bus
    due: dict[str, datetime] = field(default_factory=dict)
    order: dict[TopicPartition, list[str]] = field(default_factory=dict)

    async def put(self, topic: str, dues: list[datetime]) -> list[str]:
        """One ExpireHold for each, one partition after the other."""
        ids, sent = [str(uuid.uuid4()) for _ in dues], list[Any]()
        for number, (message_id, due) in enumerate(zip(ids, dues, strict=True)):
            at = TopicPartition(topic, number % PARTITIONS)
            body = ExpireHold(booking_id=message_id, space_id=ROOM, expires_at=due)
            value = body.__pydantic_serializer__.to_json(body)
            headers = envelope(message_id, stamp(due))
            sent.append(await self.bus.producer.send(topic, value, ROOM.encode(), at.partition, headers=headers))
            self.due[message_id] = due
            self.order.setdefault(at, []).append(message_id)
        await asyncio.gather(*sent)
        return ids

    def forwarded(self, records: list[Record]) -> list[Record]:
        """Those of ours among these, none of them before its time."""
        ours = [record for record in records if header(record, "ce_id") in self.due]
        for record in ours:  # stamped by the broker, whose clock is the database's: they are on one machine
            due = self.due[dict(record.headers)["ce_id"].decode()]
            assert record.timestamp >= int(due.timestamp() * 1000), f"{due} has come at {record.timestamp}"
        return ours

    def all_there(self, records: list[Record]) -> list[Record] | None:
        """Ours, once there is none missing."""
        ours = self.forwarded(records)
        return ours if {header(record, "ce_id") for record in ours} == set(self.due) else None

    def in_order(self, records: list[Record]) -> bool:
        """Whether each partition's came in its order, repeats aside."""
        came = list(dict.fromkeys(header(record, "ce_id") for record in records))
        place = {message_id: number for number, message_id in enumerate(came)}
        return all([place[each] for each in ids] == sorted(place[each] for each in ids) for ids in self.order.values())


def envelope(message_id: str, due: bytes | None) -> list[tuple[str, bytes]]:
    """The headers of an ExpireHold."""
    said = write(b"/test", message_id, ExpireHold.type, "demo", message_id, stamp(datetime.now(UTC)), "subject")
    return said if due is None else [*said, ("ce_dueat", due)]


def times(records: list[Record]) -> Counter[str]:
    """How often each came."""
    return Counter(dict(record.headers)["ce_id"].decode() for record in records)


def over(seconds: float, count: int, later: float = 1.0) -> list[datetime]:
    """Moments evenly spread over so many seconds, the first a while from now."""
    first = datetime.now(UTC) + timedelta(seconds=later)
    return [first + timedelta(seconds=seconds * n / count) for n in range(count)]


@contextlib.asynccontextmanager
async def delay_topics(bus: Bus, count: int = 1) -> AsyncIterator[list[str]]:
    """New delay topics of lengths that no setting names, gone afterwards: what waits in them is nobody else's burden."""
    lengths = [timedelta(seconds=next(_seconds)) for _ in range(count)]
    names = [topics.expiry(length).name for length in lengths]
    await topics.provision(bus.infra.kafka, PARTITIONS, lengths)
    try:
        yield names
    finally:
        async with administering(bus) as admin:
            await admin.delete_topics(names)


@contextlib.asynccontextmanager
async def administering(bus: Bus) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bus.infra.kafka)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def committed(bus: Bus, topic: str) -> dict[int, int]:
    """Where the relays' group is in this topic, by partition; without those in which it has not been."""
    async with administering(bus) as admin:
        offsets = await admin.list_consumer_group_offsets(GROUP)
        return {tp.partition: at.offset for tp, at in offsets.items() if tp.topic == topic and at.offset >= 0}


class SlowClock:
    """Availability's database as the relay meets it, its clock behind by so much."""

    def __init__(self, pool: Any, behind: timedelta) -> None:
        self.pool, self.behind = pool, behind

    async def fetchval(self, sql: str) -> datetime:
        moment: datetime = await self.pool.fetchval(sql)
        return moment - self.behind


class Watched(Relay):
    """A relay whose buffers are looked at whenever something comes in, and that counts its commits."""

    most = commits = 0

    async def _receive(self, batch: Any) -> None:
        await super()._receive(batch)
        self.most = max([self.most, *map(len, self._waiting.values())])

    async def _commit(self) -> None:
        await super()._commit()
        self.commits += 1

    async def committed_again(self, often: int) -> None:
        """So many commits later."""
        seen = self.commits

        async def enough() -> bool:
            return self.commits >= seen + often

        await until(enough)

    async def comes_right(self) -> None:
        """The database's clock is not behind any longer."""
        source: Any = self.clock.database
        source.behind = timedelta(0)
        await self.clock.read()
        self._changed.set()


@contextlib.asynccontextmanager
async def relaying(bus: Bus, behind: timedelta = timedelta(0)) -> AsyncIterator[Watched]:
    """A relay in this process; it must not have failed at the end."""
    dsn, failures = bus.infra.dsn("availability"), list[BaseException]()
    settings = RelaySettings(
        kafka=bus.infra.kafka, internal_token="between us", HOLDFAST_AVAILABILITY_DATABASE=dsn, session_timeout_ms=1000
    )
    pool = await database.connect(dsn, 2, "a relay")
    relay = Watched(GROUP, settings, topics.delay_topics, SlowClock(pool, behind), failures.append)
    try:
        await relay.start()
        async with asyncio.timeout(20):
            await relay.joined.wait()
        yield relay
    finally:
        await relay.stop()
        await pool.close()
        assert failures == []


def gated(relay: Relay) -> tuple[Callable[[], Awaitable[None]], asyncio.Event]:
    """Until the event is set no forwarded record counts as acknowledged; await the first to know that something is under way."""
    publish, begun, opened = relay.publisher.publish, asyncio.Event(), asyncio.Event()

    async def slowly(sends: Any) -> Any:
        acks = await publish(sends)
        begun.set()
        return [*acks, asyncio.ensure_future(opened.wait())]

    async def under_way() -> None:
        async with asyncio.timeout(20):
            await begun.wait()

    relay.publisher.publish = slowly  # type: ignore[method-assign]
    return under_way, opened
