"""Whatever is delivered twice, in another place of the log or in the same one, has one effect and the same bytes."""

import asyncio
import contextlib
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest
from answering import House, body, replies
from bus import HOLD, INPUTS, REPLIES, Bus, Log, Record, header, until

from contracts import topics
from contracts.availability import ExpireHold, HoldSlot
from contracts.booking import (
    CancelBooking,
    ConfirmBooking,
    DeleteBooking,
    ExtendHold,
    FindOrCreateCustomer,
    RescheduleBooking,
    UpdateBooking,
)
from contracts.catalogue import ArchiveProduct, ArchiveSpace, ArchiveVenue, ProductFields, PutProduct
from contracts.claims import claim
from contracts.client import booking_id
from contracts.examples import DETAILS
from contracts.model import Message

EXPIRY = topics.expiry(HOLD).name
WATCHED = ("booking.commands", "availability.commands", "availability.events", "booking.events", EXPIRY, REPLIES)
INTERNAL = ("availability.commands", "availability.events")

# In test_moves_twice.py, and below.
SAID_ELSEWHERE = (
    *("MoveSlot", "SlotMoved", "MoveRefused", "QuoteExtras", "ExtrasQuoted", "ExtrasRefused"),
    *("UpdateBooking", "RescheduleBooking", "FindOrCreateCustomer", "AbandonQuestion"),
)


class Echo:
    """Writes what services tell each other once more, and what is written into the delay topic as soon as it is due."""

    def __init__(self, bus: Bus, log: Log) -> None:
        self.bus, self.log = bus, log
        self.done = 0
        self.again: set[tuple[str, int, int]] = set()

    async def run(self) -> None:
        while True:
            records = await self.log.read(20)
            for record in records[self.done :]:
                if record.topic in INTERNAL and header(record, "ce_causationid") and not self._is_mine(record):
                    await self.write(record.topic, record)
                elif record.topic == EXPIRY:
                    await self.write(
                        "availability.commands", record
                    )  # too early: it has to wait, and is a repeat later
            self.done = len(records)

    def _is_mine(self, record: Record) -> bool:
        return (record.topic, record.partition, record.offset) in self.again

    async def write(self, topic: str, record: Record) -> None:
        sent = await self.bus.raw(topic, record.value, record.headers, record.key, record.partition)
        self.again.add((sent.topic, sent.partition, sent.offset))


class Office:
    """Both services, everything said twice."""

    def __init__(self, bus: Bus, log: Log, house: House) -> None:
        self.bus, self.log, self.house = bus, log, house

    async def says(self, command: Message, command_id: str | None = None) -> Record:
        """Say it twice; the answer."""
        command_id = command_id or str(uuid.uuid4())
        for _ in range(2):
            await self.bus.tell(command, command_id, organisation=self.house.organisation)
        return await until(lambda: self._answer(command_id))

    async def _answer(self, command_id: str) -> Record | None:
        return next(iter(replies(self.log.records, command_id)), None)

    async def books(self, number: int) -> str:
        """A held booking of that hour."""
        command_id = str(uuid.uuid4())
        answer = await self.says(self.house.create(command_id, number), command_id)
        assert header(answer, "ce_type") == "holdfast.BookingAnswer.v1", answer.value
        return booking_id(command_id)


@pytest.fixture
async def office(bus: Bus) -> AsyncIterator[Office]:
    async with bus.listening(*WATCHED) as log, bus.deciding("availability"), bus.deciding("booking"):
        house = House()
        echo = asyncio.create_task(Echo(bus, log).run())
        office = Office(bus, log, house)
        for command in house.commands:
            await office.says(command)
        yield office
        echo.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await echo


async def rested(bus: Bus) -> None:
    """Return when neither service has anything to do, nor the echo."""
    for service in (*INPUTS, *INPUTS):
        await bus.quiet(service)


def distinct(log: Log, topic: str) -> dict[str, set[tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]]]:
    """By id, what was written under it."""
    found = defaultdict(set)
    for record in log.records:
        if record.topic == topic and header(record, "ce_causationid"):
            found[header(record, "ce_id") or ""].add((record.key, record.value, tuple(record.headers)))
    return found


async def test_every_message_that_comes_twice_has_one_effect(bus: Bus, office: Office) -> None:
    kept, cancelled, lapsed, deleted = [await office.books(number) for number in range(4)]
    await office.says(ExtendHold(booking_id=kept))
    await office.says(ConfirmBooking(booking_id=kept, **DETAILS))
    await office.says(CancelBooking(booking_id=cancelled))
    await office.says(DeleteBooking(booking_id=deleted))
    claimed = str(uuid.uuid4())
    await office.says(claim(claimed, office.house.organisation, ArchiveVenue(venue_id=office.house.venue)), claimed)
    refused = str(uuid.uuid4())
    await office.says(office.house.create(refused, 0), refused)

    async def has_lapsed() -> bool:
        sql = "SELECT status FROM bookings WHERE id = $1"
        return await bus.pools["booking"].fetchval(sql, lapsed) == "CANCEL"

    timers = [r for r in office.log.records if r.topic == EXPIRY and body(r).booking_id == lapsed]  # type: ignore[attr-defined]
    await until(lambda: _overdue(bus, body(timers[0])))
    for _ in range(2):  # the relay's part
        await bus.tell(
            body(timers[0]), str(uuid.uuid4()), organisation=office.house.organisation, reply_to=None, causation=lapsed
        )
    await until(has_lapsed)
    for archive in (ArchiveProduct(product_id=office.house.product), ArchiveSpace(space_id=office.house.space)):
        assert b"CONFLICT" in ((await office.says(archive)).value or b"")  # somebody has a slot there
    await office.says(CancelBooking(booking_id=kept))
    for archive in (
        ArchiveProduct(product_id=office.house.product),
        ArchiveSpace(space_id=office.house.space),
        ArchiveVenue(venue_id=office.house.venue),
    ):
        assert header(await office.says(archive), "ce_type") == "holdfast.ArchiveAnswer.v1"
    await rested(bus)
    rows = await bus.pools["booking"].fetch(
        "SELECT id::text, version FROM bookings WHERE organisation_id = $1", office.house.organisation
    )
    # created, held; then extended, confirmed, cancelled | cancelled | lapsed | deleted | refused
    assert {row["id"]: row["version"] for row in rows} == {
        kept: 5, cancelled: 3, lapsed: 3, deleted: 3, booking_id(refused): 2,
    }  # fmt: skip
    events = distinct(office.log, "booking.events")
    assert len(events) == 4 + 2 + 2 + 2
    for topic in (*INTERNAL, "booking.events", EXPIRY):
        assert [id_ for id_, written in distinct(office.log, topic).items() if len(written) > 1] == []
    for command_id in {header(r, "ce_id") for r in office.log.records if r.topic == "booking.commands"}:
        assert len({record.value for record in replies(office.log.records, command_id or "")}) == 1
    spoken = {header(record, "ce_type") for record in office.log.records}
    inputs = {
        m.type
        for t in (topics.BOOKING_COMMANDS, topics.AVAILABILITY_COMMANDS, topics.AVAILABILITY_EVENTS)
        for m in t.messages
    }
    never = {"holdfast.SlotLost.v1", "holdfast.ExtendRefused.v1"}
    never |= {f"holdfast.{name}.v1" for name in SAID_ELSEWHERE}
    assert inputs - spoken <= never


async def _overdue(bus: Bus, timer: Message) -> bool:
    assert isinstance(timer, ExpireHold)
    overdue: bool = await bus.pools["availability"].fetchval("SELECT clock_timestamp() > $1", timer.expires_at)
    return overdue


@pytest.mark.parametrize("service", INPUTS)
async def test_what_was_not_published_yet_is_published_again_byte_by_byte_and_in_order(bus: Bus, service: str) -> None:
    """A worker that died after its commit and before its first output: its successor sends what is stored."""
    outputs = {
        "booking": ("availability.commands", "booking.events", REPLIES),
        "availability": ("availability.events", EXPIRY, REPLIES),
    }
    async with bus.listening(*outputs["booking"], *outputs["availability"]) as log:
        before = await bus.marks(service)
        async with bus.deciding("availability"), bus.deciding("booking"):
            house = await House().open(bus, log)
            bookings = []
            for number in range(3):
                bookings.append(str(uuid.uuid4()))
                await bus.tell(house.create(bookings[-1], number), bookings[-1], organisation=house.organisation)
                await log.until(lambda records: replies(records, bookings[-1]))
            await bus.tell(CancelBooking(booking_id=booking_id(bookings[0])), organisation=house.organisation)
            await rested(bus)
        first = [r for r in await log.read(200) if r.topic in outputs[service] and _source(r) == service]
        log.records.clear()
        await bus.unpublish(service, before)
        async with bus.deciding(service):
            await bus.quiet(service)
            await log.until(lambda records: len(records) >= len(first))
        rows = await bus.pools[service].fetch("SELECT id::text, topic, partition FROM inbox")
        causes = {row["id"]: (row["topic"], row["partition"]) for row in rows}
        assert _by_way(log.records, causes) == _by_way(first, causes)


def _source(record: Record) -> str | None:
    return header(record, "ce_source")


def _by_way(
    records: list[Record], causes: dict[str, tuple[str, int]]
) -> dict[object, list[tuple[bytes | None, bytes | None, object]]]:
    """What each partition got because of each partition, in order; an answer may go to any partition, at any time."""
    found = defaultdict(list)
    for record in records:
        way: object = record.topic
        if record.topic != REPLIES:
            way = (record.topic, record.partition, causes[header(record, "ce_causationid") or ""])
        found[way].append((record.key, record.value, tuple(record.headers)))
    return {way: sorted(told) if way == REPLIES else told for way, told in found.items()}


async def test_a_hold_that_is_asked_for_twice_is_one_hold(bus: Bus) -> None:
    async with bus.listening("availability.events", REPLIES) as log, bus.deciding("availability"):
        house = await House().open(bus, log)
        question: HoldSlot = house.hold()
        for _ in range(2):
            await bus.tell(
                question, question.question, organisation=house.organisation, reply_to=None, causation=question.question
            )
        await bus.quiet("availability")
        [held] = await log.caused_by(question.question)
        assert header(held, "ce_type") == "holdfast.SlotHeld.v1"


async def test_every_change_that_comes_twice_is_one_version(bus: Bus, office: Office) -> None:
    house, coffee = office.house, str(uuid.uuid4())
    fields = ProductFields(name="Coffee", reference=coffee, price=500, currency="EUR", category="additional")
    await office.says(PutProduct(product_id=coffee, create=True, fields=fields))
    booking = await office.books(0)
    email = f"{booking}@example.org"
    for command in (
        UpdateBooking(booking_id=booking, email=email, additional_products=(coffee,)),
        RescheduleBooking(booking_id=booking, slot=house.slot(7)),
        ConfirmBooking(booking_id=booking, **DETAILS, additional_products=()),
        UpdateBooking(booking_id=booking, email=email),
    ):
        told = await office.says(command)
        assert header(told, "ce_type") == "holdfast.BookingAnswer.v1", told.value
    wrong = await office.says(UpdateBooking(booking_id=booking, additional_products=(coffee,)))
    assert b"CONFLICT" in (wrong.value or b"")
    found = await office.says(FindOrCreateCustomer(customer_id=booking, email=email))
    assert b'"created":false' in (found.value or b"")
    made = await office.says(FindOrCreateCustomer(customer_id=booking, email=f"b-{email}"))
    assert b'"created":true' in (made.value or b"")
    await rested(bus)
    events = distinct(office.log, "booking.events")
    versions = sorted(body(r).booking.version for r in office.log.records if r.topic == "booking.events")  # type: ignore[attr-defined]
    assert (len(events), versions) == (5, [2, 3, 4, 5, 6])
    for topic in (*INTERNAL, "booking.events"):
        assert [id_ for id_, written in distinct(office.log, topic).items() if len(written) > 1] == []
    for command_id in {header(r, "ce_id") for r in office.log.records if r.topic == "booking.commands"}:
        assert len({record.value for record in replies(office.log.records, command_id or "")}) == 1
    sql = "SELECT email, name FROM customers WHERE organisation_id = $1 ORDER BY created_at, email"
    rows = [tuple(row) for row in await bus.pools["booking"].fetch(sql, house.organisation)]
    assert rows == [(email, "Ada Lovelace"), (DETAILS["email"], "Ada Lovelace"), (f"b-{email}", None)]
    slot = await bus.pools["availability"].fetchrow("SELECT slot_from, state FROM slots WHERE booking_id = $1", booking)
    assert tuple(slot) == (house.slot(7).from_, "COMMITTED")
