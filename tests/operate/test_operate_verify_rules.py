"""The rules of `holdfast verify` that are about what stays behind, and those that only a broken log can break."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import TopicPartition
from corrupting import BEFORE, broken, confirmed, database, found
from http_house import House

from embedded.operate import places, verify_events, verify_log
from embedded.operate.findings import Report
from embedded.operate.marks import Mark
from embedded.operate.scratch import Scratch, blob, opened
from embedded.operate.verify_money import _odd

NOBODY = "availability.expiry.60m"  # booking does not read it: its worker is not to be misled
PAID = {"payments": [{"id": "pi_1", "amount": 2500, "currency": "EUR"}]}
EARLIER = datetime(2027, 1, 10, 12, tzinfo=UTC)


@pytest.fixture(autouse=True, scope="module")
async def _before(platform: Any) -> None:
    BEFORE.update(await found(platform))


async def test_slot_at_another_time_than_its_booking_is_found(platform: Any, house: House) -> None:
    booking = await confirmed(house)
    slot = "UPDATE bookings SET slot_from = slot_from {} interval '1 hour' WHERE id = $1"
    async with broken(platform, "booking", slot.format("+"), slot.format("-"), booking):
        [(rule, about, what)] = await found(platform)
    assert (rule, about) == ("place-and-time-agree", f"demo/{booking}")
    assert what.startswith("the booking is for space ")


@pytest.mark.parametrize(("minutes", "rules"), [(9, set()), (11, {"questions-are-answered"})])
async def test_booking_that_waits_for_an_answer_is_found_after_ten_minutes(
    platform: Any, house: House, minutes: int, rules: set[str]
) -> None:
    booking = await confirmed(house)
    async with database(platform, "booking") as connection:
        was = await connection.fetchval("SELECT state FROM bookings WHERE id = $1", booking)
        asked = (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()
        waits = json.dumps({**json.loads(was), "question": {"acceptedAt": asked}})
        sets = "UPDATE bookings SET state = $2 WHERE id = $1"
        await connection.execute(sets, booking, waits)
        try:
            seen = await found(platform)
        finally:
            await connection.execute(sets, booking, was)
    assert {(rule, about) for rule, about, _ in seen} == {(rule, f"demo/{booking}") for rule in rules}


@pytest.mark.parametrize(("seconds", "rules"), [(30, set()), (65, {"holds-end-when-they-are-due"})])
async def test_hold_that_nobody_has_ended_is_found_a_minute_after_it_is_due(
    platform: Any, house: House, seconds: int, rules: set[str]
) -> None:
    booking = await house.held()
    late = "UPDATE slots SET expires_at = expires_at {} interval '15 minutes' {} interval '" + f"{seconds} seconds' "
    sets = late + "WHERE booking_id = $1"
    async with broken(platform, "availability", sets.format("-", "-"), sets.format("+", "+"), booking["id"]):
        seen = await found(platform)
    assert {(rule, about) for rule, about, _ in seen} == {(rule, f"demo/{booking['id']}") for rule in rules}
    assert all(what.startswith("its slot is HELD, though the hold ended at ") for _, _, what in seen)


async def test_row_of_the_inbox_beyond_the_progress_is_found(platform: Any) -> None:
    breaks = """
    INSERT INTO inbox (id, topic, partition, position, handled_at, ordinal, outputs)
    SELECT gen_random_uuid(), $1, 0, 0, clock_timestamp(), 1, ''
    """
    async with broken(platform, "booking", breaks, "DELETE FROM inbox WHERE topic = $1", NOBODY):
        assert await found(platform) == [
            ("the-inbox-is-not-ahead", f"booking {NOBODY}/0", "0 is handled, the progress is 0")
        ]


async def test_outputs_that_nobody_acknowledges_are_found(platform: Any) -> None:
    breaks = "INSERT INTO progress VALUES ($1, 0, 0, -1)"
    async with broken(platform, "booking", breaks, "DELETE FROM progress WHERE topic = $1", NOBODY):
        assert await found(platform) == [
            ("outputs-leave-soon", f"booking {NOBODY}/0", "decided up to 0, and not acknowledged")
        ]


@pytest.mark.parametrize(
    ("first", "last", "what"),
    [
        (0, 5, None),
        (5, 5, None),
        (0, 4, "5 records are decided, the log ends at 4"),
        (7, 9, "2 records went before they were decided"),
    ],
)
def test_progress_is_held_against_both_ends_of_the_log(first: int, last: int, what: str | None) -> None:
    partition, report = TopicPartition("booking.commands", 2), Report()
    verify_log._fits(report, {"booking": {partition: (5, 5)}}, {partition: (first, last)})
    named = [(each.rule, each.about, each.what) for each in report.found]
    assert named == ([("progress-fits-the-log", "booking booking.commands/2", what)] if what else [])


@pytest.mark.parametrize(
    ("processed", "published", "right", "lost"),
    [(5, 5, 5, False), (1, 1, 3, True), (9, 9, 7, True), (3, 3, 3, False), (7, 7, 7, False)],
)
def test_mark_is_set_to_where_the_log_is(processed: int, published: int, right: int, *, lost: bool) -> None:
    mark = Mark("booking", "booking.commands", 0, processed, published, first=3, last=7)
    assert (mark.right, mark.why is not None) == (right, lost)


@pytest.fixture
async def events(platform: Any) -> Any:
    """What is said of a booking at this version, and these events in the order of the log; an id is a digit."""
    place = places.recorded(platform.data, platform._run())

    async def told(version: int, *seen: tuple[int, int]) -> list[str]:
        report = Report()
        with opened() as scratch:
            _put(scratch, version, seen)
            await verify_events.compared(place, scratch, report, EARLIER)
        assert {each.rule for each in report.found} <= {verify_events.RULE}
        return [each.what for each in report.found]

    return told


def _put(scratch: Scratch, version: int, seen: tuple[tuple[int, int], ...]) -> None:
    created = (EARLIER + timedelta(hours=1)).timestamp()
    scratch.put("bookings", ("demo/b", "CONFIRMED", version, True, created, "s", 0.0, False, 2500, "EUR"))
    for offset, (number, id_) in enumerate(seen):
        scratch.put("events", ("demo/b", number, blob(f"{id_:032x}"), offset))


async def test_events_are_one_for_each_version_and_in_order(events: Any) -> None:
    assert await events(4, (2, 1), (3, 2), (4, 3)) == []
    assert await events(4, (2, 1), (3, 2), (2, 1), (4, 3)) == [], "a repeat is none of its own"
    assert await events(3, (2, 1), (2, 7), (3, 2)) == ["version 2 has 2 events of different ids"]
    assert await events(3, (3, 2), (2, 1)) == ["the event of version 2 came after that of version 3"]
    assert await events(4, (2, 1), (4, 3)) == ["the booking is at version 4, 2 events tell of it; missing: 3"]
    assert await events(3) == ["the booking is at version 3, 0 events tell of it; missing: 2, 3"]


def refund(amount: int, currency: str = "EUR", status: str = "done", payment: str = "pi_1") -> dict[str, Any]:
    return {"id": "r", "payment": payment, "amount": amount, "currency": currency, "status": status}


@pytest.mark.parametrize(
    ("refunds", "booking", "what"),
    [
        ([], ("PAID", 2500, "EUR"), None),
        ([refund(2500)], ("CANCEL", 2500, "EUR"), None),
        ([refund(1000)], ("REFUNDED", 2500, "EUR"), None),
        ([refund(2500, status="failed")], ("PAID", 2500, "EUR"), None),
        ([], ("CONFIRMED", 2500, "EUR"), "2500 are kept, and the booking is CONFIRMED"),
        ([], None, "2500 are kept, and there is no such booking"),
        ([refund(2500)], None, None),
        ([refund(2500)], ("PAID", 2500, "EUR"), "the booking is PAID, and of its 2500 EUR 0 is kept"),
        ([refund(2500, status="pending")], ("PAID", 2500, "EUR"), "the booking is PAID, and of its 2500 EUR 0 is kept"),
        ([refund(2501)], ("CANCEL", 2500, "EUR"), "2501 EUR of pi_1 go back, 2500 came"),
        ([refund(9, "CHF")], ("PAID", 2500, "EUR"), "refund r is of pi_1, which never came in CHF"),
        ([refund(9, payment="pi_2")], ("PAID", 2500, "EUR"), "refund r is of pi_2, which never came in EUR"),
    ],
)
def test_money_that_does_not_add_up_is_named(
    refunds: list[dict[str, Any]], booking: tuple[Any, ...] | None, what: str | None
) -> None:
    assert [named for _, named in _odd({**PAID, "refunds": refunds}, booking)] == ([what] if what else [])


def test_paid_booking_without_a_payment_is_named_unless_it_is_free() -> None:
    assert _odd({}, ("PAID", 2500, "EUR")) == [
        ("money-and-status-agree", "the booking is PAID, and of its 2500 EUR 0 is kept")
    ]
    assert _odd({}, ("PAID", 0, "EUR")) == []
