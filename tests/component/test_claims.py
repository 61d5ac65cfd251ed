"""Booking's inbox as the ledger of keys: what another service decides is claimed there first."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from answering import asked, create, replies
from bus import REPLIES, Bus, Log, header

from contracts.catalogue import PutVenue, VenueFields
from contracts.claims import KeyClaimed, claim

HOUSE = PutVenue(venue_id=str(uuid.uuid4()), create=True, fields=VenueFields(name="Harbour House"))
OTHER = HOUSE.model_copy(update={"fields": VenueFields(name="Another house")})


@pytest.fixture(scope="module")
async def log(whole_bus: Bus) -> AsyncIterator[Log]:
    """What one booking decider says in all these tests."""
    await whole_bus.skip("booking")
    async with whole_bus.listening(REPLIES, "availability.commands", "booking.events") as log, whole_bus.deciding():
        yield log


@pytest.fixture
def command() -> str:
    return str(uuid.uuid4())


async def answered(log: Log, command: str, count: int) -> list[bytes]:
    """What so many deliveries of this id were answered."""
    found = await log.until(lambda records: len(there := replies(records, command)) == count and there)
    return [record.value or b"" for record in found]


async def test_a_claim_is_answered_and_again_and_changes_nothing(whole_bus: Bus, log: Log, command: str) -> None:
    for count in (1, 2, 3):
        await whole_bus.tell(claim(command, "demo", HOUSE), command)
        values = await answered(log, command, count)
    assert {KeyClaimed.model_validate_json(value).command_id for value in values} == {command}
    again = replies(log.records, command)[1:]
    assert [header(record, "ce_replayed") for record in again] == ["true", "true"]
    assert await whole_bus.pools["booking"].fetchval("SELECT count(*) FROM bookings WHERE id = $1", command) == 0


async def test_a_claim_for_another_request_is_refused_alone(whole_bus: Bus, log: Log, command: str) -> None:
    await whole_bus.tell(claim(command, "demo", HOUSE), command)
    await answered(log, command, 1)
    await whole_bus.tell(claim(command, "demo", OTHER), command)
    assert b"IDEMPOTENCY_KEY_REUSED" in (await answered(log, command, 2))[1]
    await whole_bus.tell(claim(command, "demo", HOUSE), command)
    assert b"commandId" in (await answered(log, command, 3))[2]


async def test_a_booking_under_a_claimed_key_is_refused_and_asks_for_no_slot(
    whole_bus: Bus, log: Log, command: str
) -> None:
    await whole_bus.tell(claim(command, "demo", HOUSE), command)
    await answered(log, command, 1)
    await whole_bus.tell(create(command), command)
    assert b"IDEMPOTENCY_KEY_REUSED" in (await answered(log, command, 2))[1]
    booking = create(command).booking_id
    assert await whole_bus.pools["booking"].fetchval("SELECT count(*) FROM bookings WHERE id = $1", booking) == 0


async def test_a_claim_under_the_key_of_a_booking_is_refused(whole_bus: Bus, log: Log, command: str) -> None:
    await whole_bus.tell(create(command), command)
    await asked(log, command)
    await whole_bus.tell(claim(command, "demo", HOUSE), command)
    assert b"IDEMPOTENCY_KEY_REUSED" in (await answered(log, command, 1))[0]


async def test_of_a_claim_and_a_booking_at_once_one_wins(whole_bus: Bus, log: Log) -> None:
    commands = [str(uuid.uuid4()) for _ in range(20)]
    for command in commands:
        await asyncio.gather(
            whole_bus.tell(create(command), command), whole_bus.tell(claim(command, "demo", HOUSE), command)
        )
    await whole_bus.quiet("booking")
    for command in commands:
        bookings = "SELECT count(*) FROM bookings WHERE id = $1"
        booked = await whole_bus.pools["booking"].fetchval(bookings, create(command).booking_id)
        # The booking's own answer waits for its slot; whoever came second is refused.
        told = await answered(log, command, 1 if booked else 2)
        assert sum(b"IDEMPOTENCY_KEY_REUSED" in value for value in told) == 1, told
