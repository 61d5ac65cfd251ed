"""`holdfast verify`: a healthy platform is clean, and each planted corruption is found under its name."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from corrupting import BEFORE, broken, confirmed, database, found
from http_house import House
from terminal import addresses, typed

from chassis.inbox import Stored, pack
from contracts.envelope import output_id


@pytest.fixture(autouse=True, scope="module")
async def _before(platform: Any) -> None:
    BEFORE.update(await found(platform))


async def test_healthy_platform_is_clean(platform: Any, house: House) -> None:
    booking, slots = await confirmed(house), await house.slots()
    assert (await house.patch(booking, {"slot": slots[3]})).status == 200
    cancelled = await house.held()
    assert (await house.change(cancelled["id"], "CANCEL")).status == 200
    answer = await typed("verify", **addresses(platform))
    assert answer.code == (1 if BEFORE else 0), answer.said
    assert ("Everything holds." in answer.said) == (not BEFORE)
    assert await found(platform) == await found(platform, "--since", "1h") == []


async def test_overlapping_slots_and_the_missing_wall_are_found(platform: Any, house: House) -> None:
    first, second = await confirmed(house), await confirmed(house)
    async with database(platform, "availability") as connection:
        wall = await connection.fetchval(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'slots_never_overlap'"
        )
        [own] = await connection.fetch("SELECT during FROM slots WHERE booking_id = $1", second)
        await connection.execute("ALTER TABLE slots DROP CONSTRAINT slots_never_overlap")
        try:
            sql = "UPDATE slots SET during = (SELECT during FROM slots WHERE booking_id = $1) WHERE booking_id = $2"
            await connection.execute(sql, first, second)
            rules = {(rule, about) for rule, about, _ in await found(platform)}
        finally:
            await connection.execute("UPDATE slots SET during = $1 WHERE booking_id = $2", own["during"], second)
            await connection.execute(f"ALTER TABLE slots ADD CONSTRAINT slots_never_overlap {wall}")
    assert rules == {
        ("slots-never-overlap", f"demo/{max(first, second)}"),
        ("the-wall-stands", "availability.slots"),
    }
    assert await found(platform) == []


async def test_confirmed_booking_without_its_slot_is_found(platform: Any, house: House) -> None:
    booking = await confirmed(house)
    slot = "UPDATE slots SET state = '{}' WHERE booking_id = $1"
    async with broken(platform, "availability", slot.format("RELEASED"), slot.format("COMMITTED"), booking):
        [(rule, about, what)] = await found(platform)
    assert (rule, about) == ("status-and-slot-agree", f"demo/{booking}")
    assert what == "the booking is CONFIRMED, and its slot is RELEASED"


async def test_slot_of_a_booking_that_is_not_there_is_found(platform: Any, house: House) -> None:
    booking, stray = await confirmed(house), str(uuid.uuid4())
    async with database(platform, "availability") as connection:
        sql = """
        INSERT INTO slots SELECT organisation_id, $2, space_id, product_id, unit + 1, slot_from, slot_to, during, state,
          held_at, hold_seconds, expires_at, lapsed, revision
        FROM slots WHERE booking_id = $1
        """
        await connection.execute(sql, booking, stray)
        try:
            assert await found(platform) == [
                ("status-and-slot-agree", f"demo/{stray}", "there is no such booking, and its slot is COMMITTED")
            ]
        finally:
            await connection.execute("DELETE FROM slots WHERE booking_id = $1", stray)


async def test_progress_beyond_the_log_is_found(platform: Any, house: House) -> None:
    await confirmed(house)
    # Of a topic that booking does not read, and nobody here writes: its worker is not to be misled.
    breaks = "INSERT INTO progress VALUES ('availability.expiry.60m', 0, 999999, 999999)"
    async with broken(platform, "booking", breaks, "DELETE FROM progress WHERE topic = 'availability.expiry.60m'"):
        [(rule, about, what)] = await found(platform)
    assert (rule, about) == ("progress-fits-the-log", "booking availability.expiry.60m/0")
    assert what.startswith("999999 records are decided, the log ends at ")


async def test_message_that_was_decided_and_forgotten_is_found(platform: Any, house: House) -> None:
    booking = await confirmed(house)
    async with database(platform, "booking") as connection:
        mine = "convert_to($1, 'UTF8')"
        [row] = await connection.fetch(
            f"SELECT * FROM inbox WHERE position({mine} IN answer) > 0 ORDER BY handled_at DESC LIMIT 1", booking
        )
        await connection.execute("DELETE FROM inbox WHERE id = $1", row["id"])
        try:
            [(rule, about, what)] = await found(platform)
        finally:
            marks = ", ".join(f"${n}" for n in range(1, len(row) + 1))
            await connection.execute(f"INSERT INTO inbox VALUES ({marks})", *row)
    assert rule == "everything-decided-is-remembered"
    assert about == f"booking booking.commands/{row['partition']}/{row['position']}"
    assert str(row["id"]) in what


async def test_stored_output_that_is_not_in_kafka_is_found(platform: Any, house: House) -> None:
    await confirmed(house)
    message_id = str(uuid.uuid4())
    outputs = pack([Stored("availability.commands", "x", "holdfast.HoldSlot.v1", "", b"{}")])
    async with database(platform, "booking") as connection:
        [done] = await connection.fetch("SELECT * FROM progress WHERE published > 0 LIMIT 1")
        sql = """
        INSERT INTO inbox (id, topic, partition, position, handled_at, ordinal, outputs) VALUES ($1, $2, $3, 0, $4, 1, $5)
        """
        await connection.execute(sql, message_id, done["topic"], done["partition"], datetime.now(UTC), outputs)
        try:
            [(rule, about, what)] = await found(platform)
        finally:
            await connection.execute("DELETE FROM inbox WHERE id = $1", message_id)
    assert (rule, about) == ("stored-outputs-are-sent", f"booking {message_id}")
    assert what == f"its output {output_id(message_id, 'booking', 0)} for availability.commands is not in Kafka"


async def test_version_without_an_event_is_found(platform: Any, house: House) -> None:
    booking = await confirmed(house)
    version = "UPDATE bookings SET version = version {} WHERE id = $1"
    async with broken(platform, "booking", version.format("+ 2"), version.format("- 2"), booking):
        [(rule, about, what)] = await found(platform)
    assert (rule, about) == ("versions-have-one-event-each", f"demo/{booking}")
    assert what == "the booking is at version 5, 2 events tell of it; missing: 4, 5"


async def test_event_of_a_version_that_never_was_is_found(platform: Any, house: House) -> None:
    booking = await confirmed(house)
    version = "UPDATE bookings SET version = version {} WHERE id = $1"
    async with broken(platform, "booking", version.format("- 1"), version.format("+ 1"), booking):
        [(rule, _, what)] = await found(platform)
    assert (rule, what) == ("versions-have-one-event-each", "an event tells of version 3, the booking is at version 2")


async def test_nobody_to_look_at_is_no_clean_bill() -> None:
    answer = await typed("verify", HOLDFAST_KAFKA="127.0.0.1:1")
    assert answer.code == 2
    assert "set HOLDFAST_AVAILABILITY_DATABASE, HOLDFAST_BOOKING_DATABASE" in answer.complained
    wrong = await typed("verify", "--since", "yesterday")
    assert wrong.code == 2
    assert "write 30m, 24h or" in wrong.complained
