"""A confirm counts if Kafka took it before the hold's end, whenever it is read, unless the slot has been sold meanwhile."""

import json
import uuid
from typing import Any

import pytest
from answering import House, asked, replies
from bus import REPLIES, Bus, Log, until

from contracts.availability import ExpireHold
from contracts.booking import ConfirmBooking
from contracts.client import booking_id
from contracts.examples import DETAILS

WATCHED = ("availability.events", "availability.commands", REPLIES)


async def answer(log: Log, command: str) -> Any:
    """What the client reads."""
    [record] = await log.until(lambda records: replies(records, command))
    return json.loads(record.value or b"")


async def reserved(bus: Bus, log: Log, house: House) -> tuple[str, str]:
    """A held booking and when its hold ends, with a booking decider that is gone afterwards."""
    command = str(uuid.uuid4())
    async with bus.deciding("booking"):
        await bus.tell(house.create(command), command, organisation=house.organisation)
        booking = (await answer(log, command))["booking"]
        assert booking["status"] == "RESERVED_15_MIN"
        await bus.quiet("booking")
    return booking_id(command), booking["expiresAt"]


async def overdue(bus: Bus, ends: str) -> None:
    async def over() -> bool:
        return bool(await bus.pools["availability"].fetchval("SELECT clock_timestamp() > $1::text::timestamptz", ends))

    await until(over)


async def released(bus: Bus, log: Log, house: House, booking: str, ends: str) -> None:
    """The relay's part, and availability has done it."""
    timer = ExpireHold.model_validate({"booking_id": booking, "space_id": house.space, "expires_at": ends})
    said = {"organisation": house.organisation, "reply_to": None, "causation": booking}
    timer_id, _ = await bus.tell(timer, **said)
    await log.caused_by(timer_id)


@pytest.mark.parametrize("before", [True, False])
async def test_a_confirm_that_waited_out_an_outage_is_kept_if_it_was_accepted_in_time(bus: Bus, before: bool) -> None:
    async with bus.listening(*WATCHED) as log, bus.deciding("availability"):
        house = await House().open(bus, log)
        booking, ends = await reserved(bus, log, house)
        confirm = ConfirmBooking(booking_id=booking, **DETAILS)
        if before:
            command, _ = await bus.tell(confirm, organisation=house.organisation)
        await overdue(bus, ends)
        await released(bus, log, house, booking, ends)
        if not before:
            command, _ = await bus.tell(confirm, organisation=house.organisation)
        async with bus.deciding("booking"):
            told = await answer(log, command)
            await bus.quiet("booking")
        if before:
            assert told["booking"]["status"] == "CONFIRMED"
        else:
            assert told["code"] == "HOLD_EXPIRED"
        sql = "SELECT state FROM slots WHERE booking_id = $1"
        assert await bus.pools["availability"].fetchval(sql, booking) == ("COMMITTED" if before else "RELEASED")


async def test_a_confirm_that_was_accepted_in_time_does_not_take_back_what_was_sold_meanwhile(bus: Bus) -> None:
    async with bus.listening(*WATCHED) as log, bus.deciding("availability"):
        house = await House().open(bus, log)
        booking, ends = await reserved(bus, log, house)
        command, _ = await bus.tell(ConfirmBooking(booking_id=booking, **DETAILS), organisation=house.organisation)
        await overdue(bus, ends)
        rival = house.hold()
        said = {"organisation": house.organisation, "reply_to": None, "causation": rival.question}
        await bus.tell(rival, rival.question, **said)
        await log.caused_by(rival.question, count=2)
        async with bus.deciding("booking"):
            assert (await answer(log, command))["code"] == "HOLD_EXPIRED"
            question = await asked(log, command)
            await bus.quiet("booking")
        assert question.booking_id == booking  # type: ignore[attr-defined]
        state = await bus.pools["booking"].fetchval("SELECT status FROM bookings WHERE id = $1", booking)
        assert state == "CANCEL"


async def test_a_confirm_that_comes_after_the_end_is_refused_though_nobody_has_released_the_slot(bus: Bus) -> None:
    async with bus.listening(*WATCHED) as log, bus.deciding("availability"):
        house = await House().open(bus, log)
        booking, ends = await reserved(bus, log, house)
        await overdue(bus, ends)
        async with bus.deciding("booking"):
            command, _ = await bus.tell(ConfirmBooking(booking_id=booking, **DETAILS), organisation=house.organisation)
            assert (await answer(log, command))["code"] == "HOLD_EXPIRED"
            await bus.quiet("booking")
