"""What is decided and perhaps not sent goes first, in the order of its decisions, whichever topic comes in first."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable

import pytest
from aiokafka import TopicPartition
from answering import create, granted, replies
from bus import REPLIES, Bus, Log, Record, header, stays, until

from chassis import stream
from chassis.batch import Batches
from chassis.decider import Decider
from chassis.messages import open_record
from chassis.stream import Stream
from chassis.subscription import Records
from contracts import topics
from contracts.availability import SlotReleased
from contracts.booking import ConfirmBooking, DeleteBooking

EVENTS = "availability.events"


@pytest.fixture
async def log(bus: Bus) -> AsyncIterator[Log]:
    async with bus.listening("booking.events", "availability.commands", EVENTS, REPLIES) as log:
        yield log


def kept_back(monkeypatch: pytest.MonkeyPatch, late: Callable[[Record], bool]) -> asyncio.Event:
    """Kafka brings these records after the others: not before the event is set."""
    receive, come = Stream._receive, asyncio.Event()

    async def later(self: Stream, batch: Records) -> None:
        if early := tuple(record for record in batch if not late(record)):
            await receive(self, early)
        if last := tuple(record for record in batch if late(record)):
            waiting.append(asyncio.create_task(then(self, last)))

    async def then(self: Stream, batch: Records) -> None:
        await come.wait()
        await receive(self, batch)

    waiting: list[asyncio.Task[None]] = []
    monkeypatch.setattr(Stream, "_receive", later)
    return come


async def reserved(bus: Bus, log: Log) -> str:
    """A booking of version 2 that holds its slot."""
    command = str(uuid.uuid4())
    async with bus.deciding():
        await bus.tell(create(command), command)
        held = await granted(bus, log, command)
        await log.caused_by(held, "booking.events")
        await bus.quiet("booking")
    return create(command).booking_id


async def ran_out(bus: Bus, booking: str) -> TopicPartition:
    """Brings version 3, through the one topic; where that lies."""
    _, sent = await bus.tell(SlotReleased(booking_id=booking, reason="expired"), reply_to=None, causation=booking)
    return TopicPartition(sent.topic, sent.partition)


async def deleted(bus: Bus, booking: str) -> TopicPartition:
    """Brings version 4, through the other."""
    _, sent = await bus.tell(DeleteBooking(booking_id=booking))
    return TopicPartition(sent.topic, sent.partition)


async def decided(bus: Bus, at: TopicPartition) -> None:
    async def processed() -> bool:
        return (await bus.marks("booking"))[at][0] == (await bus.ends([at.topic]))[at]

    await until(processed)


async def versions(log: Log, booking: str, last: int) -> list[int]:
    """The first occurrences of this booking's events, up to this version."""

    def found(records: list[Record]) -> list[int]:
        events = [r for r in records if r.topic == "booking.events" and r.key == booking.encode()]
        bodies = {header(r, "ce_id"): topics.models()[header(r, "ce_type") or ""] for r in events}
        first = {header(r, "ce_id"): r for r in reversed(events)}
        ordered = sorted(first.items(), key=lambda each: each[1].offset)
        return [bodies[key].model_validate_json(r.value or b"").booking.version for key, r in ordered]  # type: ignore[attr-defined]

    await log.until(lambda records: last in found(records))
    await log.read(300)
    return found(log.records)


async def nothing_of(log: Log, booking: str, version: int) -> bool:
    """Whether no event of this booking has come from this version on."""
    events = [r for r in await log.read() if r.topic == "booking.events" and r.key == booking.encode()]
    models = topics.models()
    return all(
        models[header(r, "ce_type") or ""].model_validate_json(r.value or b"").booking.version < version  # type: ignore[attr-defined]
        for r in events
    )


async def unanswered(log: Log, commands: list[str]) -> bool:
    records = await log.read()
    return not any(replies(records, command) for command in commands)


@contextlib.asynccontextmanager
async def cut_off(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Decider]:
    """A worker that decides and dies before the first output of it: as it would at the failpoint `committed`."""
    acks: list[asyncio.Future[None]] = []

    async def cut(_sends: object) -> list[asyncio.Future[None]]:
        acks.append(asyncio.get_running_loop().create_future())
        return [acks[-1]]

    async with bus.deciding() as worker:
        worker.publisher.publish = cut  # type: ignore[method-assign]
        yield worker
        monkeypatch.setattr(stream, "REVOKE_SECONDS", 0.1)
    monkeypatch.undo()


@pytest.mark.parametrize("late", [EVENTS, "booking.commands"])
async def test_after_a_crash_the_versions_come_in_order_whichever_topic_comes_first(
    bus: Bus, log: Log, monkeypatch: pytest.MonkeyPatch, late: str
) -> None:
    booking = await reserved(bus, log)
    async with cut_off(bus, monkeypatch):
        await decided(bus, await ran_out(bus, booking))
        await decided(bus, await deleted(bus, booking))
    come = kept_back(monkeypatch, lambda record: record.topic == late)
    async with bus.deciding():
        await stays(lambda: nothing_of(log, booking, 3), 0.5)
        come.set()
        assert await versions(log, booking, 4) == [2, 3, 4]
        await bus.quiet("booking")


async def test_what_somebody_else_decides_meanwhile_goes_first(
    bus: Bus, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was replaced and does not know it writes, and is stopped before it sends."""
    booking = await reserved(bus, log)
    come = kept_back(monkeypatch, lambda record: record.topic == EVENTS)
    async with bus.deciding():
        at = await ran_out(bus, booking)
        record = await log.until(lambda records: next((r for r in records[::-1] if is_end_of(r, booking)), None))
        assert record is not None
        zombie = Batches(bus.real("booking"), bus.pools["booking"])
        span = {at: (record.offset, record.offset + 1)}
        sends = await zombie.decide([open_record(record, topics.models())], span, {}, {at: 0}, {})
        assert [send.topic for send in sends] == ["booking.events"]
        command = await deleted(bus, booking)
        await stays(lambda: nothing_of(log, booking, 3), 0.5)
        assert (await bus.marks("booking"))[command][0] < (await bus.ends([command.topic]))[command]
        come.set()
        assert await versions(log, booking, 4) == [2, 3, 4]
        await bus.quiet("booking")


def is_end_of(record: Record, booking: str) -> bool:
    return record.topic == EVENTS and record.key == booking.encode() and b"expired" in (record.value or b"")


async def test_a_backlog_gets_in_however_much_comes_before_it(
    bus: Bus, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than a worker lets wait: what is not of the backlog is put off, and comes again."""
    monkeypatch.setitem(Decider.__init__.__kwdefaults__, "max_records", 2)  # type: ignore[index]
    before = await bus.marks("booking")
    async with bus.deciding():
        commands = [await ask(bus, number) for number in (0, 0, 0, 1, 1, 1)]
        await log.until(lambda records: all(replies(records, command) for command in commands))
        await bus.quiet("booking")
    await bus.unpublish("booking", before)
    more = [await ask(bus, number) for number in (1, 2, 3) * 10]
    come = kept_back(monkeypatch, lambda record: record.topic == "booking.commands" and record.partition == 0)
    async with bus.deciding():
        await stays(lambda: unanswered(log, more), 1)
        come.set()
        await log.until(lambda records: all(replies(records, command) for command in more))
        await bus.quiet("booking")
    assert all(len(replies(log.records, command)) == 2 for command in commands)
    assert all(len(replies(log.records, command)) == 1 for command in more)


async def ask(bus: Bus, partition: int) -> str:
    """A command that is answered by itself: there is no such booking."""
    command, _ = await bus.tell(ConfirmBooking(booking_id=str(uuid.uuid4())), partition=partition)
    return command


@pytest.mark.parametrize("running", [False, True])
async def test_a_backlog_that_the_log_has_lost_stops_its_partition_alone(bus: Bus, log: Log, running: bool) -> None:
    at = TopicPartition("booking.commands", 0)
    end = (await bus.ends([at.topic]))[at]
    lost = "UPDATE progress SET processed = $1 WHERE topic = $2 AND partition = 0"
    if not running:
        await bus.pools["booking"].execute(lost, end + 3, at.topic)
    async with bus.deciding() as worker:
        if running:
            await bus.pools["booking"].execute(lost, end + 3, at.topic)
        command = await ask(bus, 1)
        await log.until(lambda records: replies(records, command))
        [word] = worker.missing()
        assert word.startswith(f"booking.commands/0: offset {end} comes next, {end + 3} was decided, the log has ")
