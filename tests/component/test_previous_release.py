"""The services of now beside builds of an earlier release: they read what those wrote, and are understood by them."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from bus import REPLIES, Bus, Log, Record, header, until
from hooks import Hooks, hooks_of
from old_records import OldRecords
from tills import Till, till

from contracts import topics
from releases import frozen
from releases.frozen import Release

RELEASES = frozen.all_of_them()
every_release = pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
READ = {
    "booking": ("booking.commands", "availability.events", "payment.events"),
    "availability": ("availability.commands",),
    "payment": ("payment.commands",),
    "notifier": ("notifier.commands", "booking.events"),
}
LETTERS = [topics.dead_letters(service).name for service in READ]
SAID = [REPLIES, "availability.commands", "availability.events", "booking.events", "payment.commands", "payment.events"]
NOT_ANSWERED = {"RecordProviderEvent.v1"}  # whoever heard the provider has done with it when Kafka has it
# A client's life, in the order in which it asks.
LIFE = (
    ("ClaimKey", "KeyClaimed"),
    ("PutVenue", "VenueAnswer"),
    ("PutSpace", "SpaceAnswer"),
    ("PutProduct", "ProductAnswer"),
    ("CreateBooking", "BookingAnswer"),
    ("ExtendHold", "BookingAnswer"),
    ("RescheduleBooking", "BookingAnswer"),
    ("UpdateBooking", "Refused"),  # its extra is not on sale here: a refusal is an answer too
    ("ConfirmBooking", "BookingAnswer"),
    ("CancelBooking", "BookingAnswer"),
    ("DeleteBooking", "BookingDeletedAnswer"),
    ("ArchiveProduct", "ArchiveAnswer"),
    ("ArchiveSpace", "ArchiveAnswer"),
    ("ArchiveVenue", "ArchiveAnswer"),
)


@pytest.fixture(scope="module")
async def world(whole_bus: Bus, tmp_path_factory: Any) -> AsyncIterator[tuple[Till, Hooks]]:
    """All services that read records."""
    for service in ("booking", "availability"):
        await whole_bus.skip(service)
    folder: Path = tmp_path_factory.mktemp("sandbox")
    async with contextlib.AsyncExitStack() as stack:
        here = await stack.enter_async_context(till(whole_bus, folder))
        hooks = await stack.enter_async_context(hooks_of(whole_bus))
        await here.sql("DELETE FROM progress")
        ends = await whole_bus.ends(READ["payment"])
        for at, end in ends.items():
            await here.sql("INSERT INTO progress VALUES ($1, $2, $3, $3)", at.topic, at.partition, end)
        await stack.enter_async_context(here.paying())
        await stack.enter_async_context(hooks.notifying())
        await stack.enter_async_context(whole_bus.deciding("booking"))
        await stack.enter_async_context(whole_bus.deciding("availability"))
        yield here, hooks


async def quiet(bus: Bus, world: tuple[Till, Hooks]) -> None:
    """Return when every service has decided all that it reads."""
    here, hooks = world

    async def done() -> bool:
        for service, asked in (("payment", here.sql), ("notifier", hooks.sql)):
            rows = await asked("SELECT topic, partition, processed, published FROM progress")
            marks = {(topic, number): (one, other) for topic, number, one, other in rows}
            ends = await bus.ends(READ[service])
            if not all(marks.get((at.topic, at.partition), (0, 0)) == (end, end) for at, end in ends.items()):
                return False
        return True

    for _ in range(3):  # what one says the others have to hear
        await bus.quiet("booking")
        await bus.quiet("availability")
        await until(done, 30)


def died(log: Log, places: dict[str, str]) -> dict[str, str]:
    """Which of these were buried, and why."""
    return {
        places[origin]: header(record, "dead-letter-reason") or ""
        for record in log.records
        if (origin := header(record, "dead-letter-origin") or "") in places
    }


@every_release
async def test_every_message_of_the_release_is_handled(
    whole_bus: Bus, world: tuple[Till, Hooks], release: Release
) -> None:
    old, read = OldRecords(release, whole_bus), {topic for mine in READ.values() for topic in mine}
    asked: dict[str, str] = {}
    places: dict[str, str] = {}
    async with whole_bus.listening(*LETTERS, *SAID) as log:
        for name in release.messages:
            sample = old.of(name)
            if name not in frozen.GONE and sample["topic"] in read:
                message_id, place = await old.send(name)
                places[place] = name
                if "ce_replyto" in sample["headers"]:
                    asked[message_id] = name
        await quiet(whole_bus, world)

        def unanswered(records: list[Record]) -> set[str]:
            answered = {header(record, "ce_causationid") for record in records if record.topic == REPLIES}
            return {name for message_id, name in asked.items() if message_id not in answered}

        await log.until(lambda records: unanswered(records) <= NOT_ANSWERED)
        assert unanswered(log.records) == NOT_ANSWERED
        assert len(places) > 45
        assert died(log, places) == {}
        assert old.misread([record for record in log.records if record.topic not in LETTERS]) == []


@every_release
async def test_client_of_the_release_books_changes_and_leaves(
    whole_bus: Bus, world: tuple[Till, Hooks], release: Release
) -> None:
    old = OldRecords(release, whole_bus)
    async with whole_bus.listening(*LETTERS, *SAID) as log:
        for command, answer in LIFE:
            message_id, _ = await old.send(f"{command}.v1")
            claimed = command == "PutVenue"  # a catalogue command and the claim of its key have one id
            told = (await log.caused_by(message_id, REPLIES, 1 + claimed))[-1]
            assert header(told, "ce_type") == f"holdfast.{answer}.v1", (command, told.value)
        await quiet(whole_bus, world)
        await log.read(500)
        said = old.mine(log.records)
        kinds = {(header(record, "ce_type") or "").split(".")[1] for record in said}
        assert kinds >= {"HoldSlot", "SlotHeld", "SlotExtended", "SlotMoved", "SlotCommitted", "SlotReleased"}
        assert kinds >= {"BookingCreated", "BookingUpdated", "BookingDeleted"}
        assert [record for record in said if record.topic in LETTERS] == []
        assert old.misread(said) == []
