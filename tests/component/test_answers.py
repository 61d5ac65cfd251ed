"""A command is answered once for all, to everybody who asks, however often and from wherever."""

import uuid
from collections.abc import AsyncIterator

import pytest
from answering import asked, create, granted, replies
from bus import REPLIES, Bus, Log, Record, header

from contracts.booking import CancelBooking, ConfirmBooking
from contracts.envelope import request_hash
from contracts.examples import MONDAY_TEN
from contracts.model import Slot

OTHER = "gateway.replies"


@pytest.fixture(scope="module")
async def log(whole_bus: Bus) -> AsyncIterator[Log]:
    """What one booking decider says in all these tests."""
    await whole_bus.skip("booking")
    topics = REPLIES, OTHER, "availability.commands", "booking.events"
    async with whole_bus.listening(*topics) as log, whole_bus.deciding():
        yield log


@pytest.fixture
def command() -> str:
    return str(uuid.uuid4())


def told(record: Record) -> tuple[str, str | None, bytes | None]:
    return record.topic, header(record, "ce_replayed"), record.value


async def test_a_retry_in_flight_gets_the_same_answer_when_it_comes_from_another_topic(
    whole_bus: Bus, log: Log, command: str
) -> None:
    await whole_bus.tell(create(command), command)
    await asked(log, command)
    await whole_bus.tell(create(command), command, reply_to=OTHER)
    await whole_bus.quiet("booking")
    await granted(whole_bus, log, command)
    answers = await log.until(lambda records: len(found := replies(records, command)) == 2 and found)
    assert {record.topic for record in answers} == {REPLIES, OTHER}
    assert answers[0].value == answers[1].value
    assert len(await log.caused_by(command, "availability.commands")) == 1


async def test_a_retry_afterwards_gets_the_first_answer_as_a_replay_and_nobody_else_does(
    whole_bus: Bus, log: Log, command: str
) -> None:
    await whole_bus.tell(create(command), command)
    await granted(whole_bus, log, command)
    [first] = await log.until(lambda records: replies(records, command))
    await whole_bus.tell(CancelBooking(booking_id=create(command).booking_id))  # the answer says what was true then
    await whole_bus.tell(create(command), command, reply_to=OTHER)
    [again] = await log.until(lambda records: replies(records, command, OTHER))
    assert told(first) == (REPLIES, None, first.value)
    assert told(again) == (OTHER, "true", first.value)
    assert header(again, "ce_requesthash") == header(first, "ce_requesthash") == request_hash("demo", create(command))
    assert len(replies(log.records, command)) == 2


async def test_another_request_under_the_same_id_is_refused_alone(whole_bus: Bus, log: Log, command: str) -> None:
    other = create(command, slot=Slot(from_=MONDAY_TEN.to, to=MONDAY_TEN.to + (MONDAY_TEN.to - MONDAY_TEN.from_)))
    await whole_bus.tell(create(command), command)
    await asked(log, command)
    await whole_bus.tell(other, command, reply_to=OTHER)
    [refused] = await log.until(lambda records: replies(records, command))
    assert (refused.topic, header(refused, "ce_requesthash")) == (OTHER, request_hash("demo", other))
    assert b"IDEMPOTENCY_KEY_REUSED" in (refused.value or b"")
    await granted(whole_bus, log, command)
    answer = (await log.until(lambda records: len(found := replies(records, command)) == 2 and found))[1]
    assert (answer.topic, header(answer, "ce_type")) == (REPLIES, "holdfast.BookingAnswer.v1")
    await whole_bus.tell(other, command, reply_to=OTHER)
    again = (await log.until(lambda records: len(found := replies(records, command)) == 3 and found))[2]
    assert (again.topic, again.value) == (OTHER, refused.value)
    assert len(await log.caused_by(command, "availability.commands")) == 1


async def test_another_organisation_under_the_same_id_is_refused_and_told_nothing(
    whole_bus: Bus, log: Log, command: str
) -> None:
    await whole_bus.tell(create(command), command)
    await granted(whole_bus, log, command)
    await log.until(lambda records: replies(records, command))
    await whole_bus.tell(create(command), command, organisation="stranger", reply_to=OTHER)
    [refused] = await log.until(lambda records: replies(records, command, OTHER))
    assert b"IDEMPOTENCY_KEY_REUSED" in (refused.value or b"")


async def test_another_operation_under_the_same_id_is_refused(whole_bus: Bus, log: Log, command: str) -> None:
    booking = create(command).booking_id
    await whole_bus.tell(ConfirmBooking(booking_id=booking), command)
    await log.until(lambda records: replies(records, command))
    await whole_bus.tell(CancelBooking(booking_id=booking), command, reply_to=OTHER)
    [refused] = await log.until(lambda records: replies(records, command, OTHER))
    assert b"IDEMPOTENCY_KEY_REUSED" in (refused.value or b"")
