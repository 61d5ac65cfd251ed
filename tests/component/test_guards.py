"""What was decided by a state that changed meanwhile is not written: each guard of availability's one statement, tripped."""

import uuid
from datetime import timedelta

import asyncpg
import pytest
from interleaved import LANE, Worker, next_monday

from contracts.availability import HoldSlot
from contracts.examples import LIGHTHOUSE, ROOM_ONE_HOUR


def hold() -> HoldSlot:
    return HoldSlot(
        booking_id=str(uuid.uuid4()),
        question=str(uuid.uuid4()),
        product_id=ROOM_ONE_HOUR.id,
        space_id=LIGHTHOUSE.id,
        slot=next_monday(10),
    )


def types(sends: object) -> list[str]:
    return [dict(send.headers)["ce_type"].decode().split(".")[1] for send in sends]  # type: ignore[attr-defined]


async def written(worker: Worker) -> tuple[int, int]:
    """Slots and messages that the database has."""
    pool = worker.database.pool
    return await pool.fetchval("SELECT count(*) FROM slots"), await pool.fetchval("SELECT count(*) FROM inbox")


STRANGER = f"""
INSERT INTO slots (organisation_id, booking_id, space_id, product_id, unit, slot_from, slot_to, during, state, held_at,
  hold_seconds, expires_at, revision)
SELECT 'demo', gen_random_uuid(), '{LIGHTHOUSE.id}', '{ROOM_ONE_HOUR.id}', 1, f, f + interval '1 hour',
  tstzrange(f, f + interval '1 hour'), 'COMMITTED', now(), 900, now(), 1
FROM (SELECT timestamptz '{next_monday(10).from_.isoformat()}' AS f) t
"""
TRIPPED = {
    "the_catalogue_is_unchanged": "UPDATE catalogues SET version = version + 1",
    "one_worker_at_a_time": f"UPDATE progress SET processed = processed + 1 WHERE topic = '{LANE.topic}'",
    "slots_never_overlap": STRANGER,
}


@pytest.mark.parametrize("guard", TRIPPED)
async def test_batch_is_not_written_when_somebody_was_faster(worker: Worker, guard: str) -> None:
    before = await written(worker)
    worker.database.meddle = TRIPPED[guard]
    with pytest.raises(asyncpg.SerializationError, match=guard):
        await worker.decide(str(uuid.uuid4()), hold())
    slots, messages = await written(worker)
    assert (slots - ("INSERT" in TRIPPED[guard]), messages) == before


async def test_hold_is_refused_on_the_second_try_when_a_stranger_took_the_slot(worker: Worker) -> None:
    message, message_id = hold(), str(uuid.uuid4())
    worker.database.meddle = STRANGER
    with pytest.raises(asyncpg.SerializationError):
        await worker.decide(message_id, message)
    [refused] = await worker.decide(message_id, message)
    assert types([refused]) == ["SlotRefused"]
    assert b'"reason":"booked"' in refused.value


async def test_slot_is_held_once_when_nobody_meddles(worker: Worker) -> None:
    assert types(await worker.decide(str(uuid.uuid4()), hold())) == ["SlotHeld", "ExpireHold"]
    assert types(await worker.decide(str(uuid.uuid4()), hold())) == ["SlotRefused"]


@pytest.mark.parametrize(
    ("age", "reason"),
    [(timedelta(days=7, seconds=5), "more than 7 days ago"), (timedelta(minutes=-6), "in the future")],
)
async def test_message_goes_to_the_dead_letters_when_it_is_outside_its_time(
    worker: Worker, age: timedelta, reason: str
) -> None:
    sends = await worker.decide(str(uuid.uuid4()), hold(), age=age)
    assert [send.topic for send in sends] == ["availability.dead-letters", "clients.replies", "availability.events"]
    assert reason in dict(sends[0].headers)["dead-letter-reason"].decode()
    assert types(sends[1:]) == ["Refused", "SlotRefused"]
    assert (await written(worker))[0] == 0


async def test_message_is_handled_when_it_is_just_inside_its_time(worker: Worker) -> None:
    for age in (timedelta(days=6, hours=23), timedelta(minutes=-4)):
        assert "availability.dead-letters" not in [
            send.topic for send in await worker.decide(str(uuid.uuid4()), hold(), age=age)
        ]


async def test_two_live_slots_of_a_unit_are_refused_by_the_database_itself(worker: Worker) -> None:
    await worker.database.pool.execute(STRANGER)
    with pytest.raises(asyncpg.ExclusionViolationError, match="slots_never_overlap"):
        await worker.database.pool.execute(STRANGER)
