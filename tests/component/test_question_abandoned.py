"""An answer of availability that booking cannot decide lies in the dead letters, and whoever waits for it is told."""

import json
import uuid
from collections.abc import AsyncIterator

import pytest
from answering import asked, body, create, replies
from bus import REPLIES, Bus, Log, header

from contracts.answers import Refused
from contracts.availability import HoldSlot, ReleaseSlot, SlotCommitted
from contracts.booking import AbandonQuestion, BookingAnswer, CancelBooking
from contracts.model import Message

WATCHED = ("availability.commands", "booking.commands", "booking.dead-letters", "booking.events", REPLIES)


@pytest.fixture
async def log(bus: Bus) -> AsyncIterator[Log]:
    async with bus.listening(*WATCHED) as log, bus.deciding("booking"):
        yield log


async def answered(log: Log, command_id: str) -> tuple[str | None, str | None]:
    """The type of the answer, and why it is a refusal."""
    [first, *_] = await log.until(lambda records: replies(records, command_id))
    return header(first, "ce_type"), json.loads(first.value or b"{}").get("code")


async def test_a_question_whose_answer_cannot_be_decided_is_closed_and_all_who_wait_are_told(
    bus: Bus, log: Log
) -> None:
    command_id = str(uuid.uuid4())
    await bus.tell(create(command_id), command_id)
    question = await asked(log, command_id)
    assert isinstance(question, HoldSlot)
    cancel, _ = await bus.tell(CancelBooking(booking_id=question.booking_id))  # waits behind it
    # What was never held cannot be kept for good: no availability says so, and booking cannot decide about it.
    nonsense = SlotCommitted(booking_id=question.booking_id, question=question.question)
    event_id, _ = await bus.tell(nonsense, causation=str(uuid.uuid4()), reply_to=None)
    for asked_by in (command_id, cancel):
        assert await answered(log, asked_by) == (Refused.type, "SERVER_ERROR")

    def released(records: list[object]) -> list[Message]:
        told = [body(each) for each in log.records if header(each, "ce_type") == ReleaseSlot.type]
        return [each for each in told if getattr(each, "booking_id", "") == question.booking_id]

    assert await log.until(released)
    [letter] = [each for each in log.records if each.topic == "booking.dead-letters"]
    assert header(letter, "ce_id") == event_id
    [closing] = [body(each) for each in log.records if header(each, "ce_type") == AbandonQuestion.type]
    assert closing == AbandonQuestion(booking_id=question.booking_id, question=command_id, answer="SlotCommitted")
    again, _ = await bus.tell(CancelBooking(booking_id=question.booking_id))
    assert await answered(log, again) == (BookingAnswer.type, None)  # it is decided about as any other
