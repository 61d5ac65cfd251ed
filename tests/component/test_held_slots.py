"""A client holds so many slots at a time and no more; who is counted how is nobody else's business."""

import json
import uuid
from collections import Counter
from collections.abc import Collection
from typing import Any

import pytest
from answering import House, replies
from bus import REPLIES, Bus, Log, Record, header, until

from contracts.booking import CancelBooking, ConfirmBooking
from contracts.client import booking_id
from contracts.examples import DETAILS
from services.booking import storage
from services.booking.handlers import BookingService

WATCHED = ("availability.commands", "availability.events", REPLIES)
MOST = 3


async def told(log: Log, command_id: str) -> Any:
    [first, *_] = await log.until(lambda records: replies(records, command_id))
    return json.loads(first.value or b"")


def codes(records: list[Record], commands: Collection[str]) -> list[str]:
    """With which each of them was answered."""
    answers = [record for record in records if record.topic == REPLIES and header(record, "ce_causationid") in commands]
    return [json.loads(answer.value or b"")["code"] for answer in answers]


async def books(bus: Bus, log: Log, house: House, number: int, client: str | None) -> Any:
    """The answer to a CreateBooking of that hour."""
    command_id = str(uuid.uuid4())
    command = house.create(command_id, number).model_copy(update={"client": client})
    await bus.tell(command, command_id, organisation=house.organisation)
    return await told(log, command_id)


async def says(bus: Bus, log: Log, house: House, command: Any) -> Any:
    command_id, _ = await bus.tell(command, organisation=house.organisation)
    return await told(log, command_id)


async def test_client_is_refused_at_the_cap_and_served_again_when_a_slot_is_let_go_or_kept(bus: Bus) -> None:
    async with (
        bus.listening(*WATCHED) as log,
        bus.deciding("availability"),
        bus.deciding("booking", service=BookingService(MOST)),
    ):
        house = await House().open(bus, log)
        held = [(await books(bus, log, house, number, "ada"))["booking"]["id"] for number in range(MOST)]
        refused = await books(bus, log, house, MOST, "ada")
        assert (refused["code"], refused["details"][0]["issue"]) == ("RATE_LIMITED", "too_many_held")
        assert (await books(bus, log, house, MOST, "bob"))["booking"]["status"] == "RESERVED_15_MIN"
        assert (await books(bus, log, house, MOST + 1, None))["booking"]["status"] == "RESERVED_15_MIN"
        await says(bus, log, house, CancelBooking(booking_id=held[0]))
        await says(bus, log, house, ConfirmBooking(booking_id=held[1], **DETAILS))
        for number in (MOST + 2, MOST + 3):
            assert "booking" in await books(bus, log, house, number, "ada")
        assert (await books(bus, log, house, MOST + 4, "ada"))["code"] == "RATE_LIMITED"


async def test_client_of_another_organisation_is_another_one(bus: Bus) -> None:
    async with (
        bus.listening(*WATCHED) as log,
        bus.deciding("availability"),
        bus.deciding("booking", service=BookingService(1)),
    ):
        for _ in range(2):
            house = await House().open(bus, log)
            assert "booking" in await books(bus, log, house, 0, "ada")


async def test_a_thousand_at_once_hold_no_more_than_the_cap(bus: Bus) -> None:
    """Nobody answers booking's questions meanwhile: a slot that is refused would make room for another."""
    async with bus.listening(*WATCHED) as log:
        async with bus.deciding("availability"):
            house = await House().open(bus, log)
        commands = {str(uuid.uuid4()) for _ in range(1000)}
        for number, command in enumerate(commands):
            booking = house.create(command, number % 24).model_copy(update={"client": "ada"})
            await bus.tell(booking, command, organisation=house.organisation)
        async with bus.deciding("booking", service=BookingService(50)):
            await log.until(lambda records: len(codes(records, commands)) >= 950)
            await bus.quiet("booking")
        sql = "SELECT count(*) FROM bookings WHERE organisation_id = $1"
        assert await bus.pools["booking"].fetchval(sql, house.organisation) == 50
        assert Counter(codes(await log.read(300), commands)) == {"RATE_LIMITED": 950}


async def test_hold_counts_no_longer_when_its_end_has_passed_and_nobody_has_said_so(bus: Bus) -> None:
    async with bus.listening(*WATCHED) as log, bus.deciding("availability"):
        house = await House().open(bus, log)
        async with bus.deciding("booking", service=BookingService(1)):
            ends = (await books(bus, log, house, 0, "ada"))["booking"]["expiresAt"]
            assert (await books(bus, log, house, 1, "ada"))["code"] == "RATE_LIMITED"

            async def over() -> bool:
                past: bool = await bus.pools["booking"].fetchval(
                    "SELECT clock_timestamp() > $1::text::timestamptz", ends
                )
                return past

            await until(over)
            assert "booking" in await books(bus, log, house, 1, "ada")


@pytest.mark.parametrize("counted", [False, True])
async def test_bookings_are_found_by_their_key_and_live_ones_by_their_client(bus: Bus, counted: bool) -> None:
    """Plans are made once, on a table that may be empty: they must be good ones."""
    some = ("demo", booking_id(str(uuid.uuid4())))
    statement = storage.load([some], [some] if counted else [], [("demo", "ada")] if counted else [], 50)
    kinds = ["text[]", "uuid[]"] * (len(statement.arguments) // 2)
    async with bus.pools["booking"].acquire() as connection:
        await connection.execute(
            f"PREPARE known ({', '.join([*kinds[:4], *(['text[]'] * 2 + ['bigint'] if counted else [])])}) AS {statement.sql}"
        )
        given = ", ".join(["'{}'"] * (len(statement.arguments) - counted) + ["50"] * counted)
        rows = await connection.fetch(f"EXPLAIN EXECUTE known ({given})")
        await connection.execute("DEALLOCATE known")
    plan = "\n".join(row[0] for row in rows)
    assert "bookings_pkey" in plan, plan
    assert "bookings_newest_first" not in plan, plan
    assert "Seq Scan" not in plan, plan
    assert ("live_bookings_by_client" in plan) == counted, plan
    assert ("customers_pkey" in plan) == counted, plan
