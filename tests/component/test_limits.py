"""An output that could never be sent is never stored: the message that would leave it is buried, and answered (R12)."""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from answering import replies
from bus import REPLIES, Bus, header

from chassis.messages import Incoming, Output, Publish
from contracts.answers import Refused
from contracts.booking import ConfirmBooking
from contracts.model import Message
from contracts.topics import MESSAGE_BYTES

LETTERS, EVENTS = "booking.dead-letters", "booking.events"


class Said(Message):
    """A message of any length."""

    words: str


FRAME = len(Said(words="").model_dump_json())


class Talkative:
    """Booking, which says these words for each message, so many times, before what it says anyway."""

    def __init__(self, service: Any, chatter: dict[str, tuple[int, int]]) -> None:
        self._service, self._chatter = service, chatter

    def __getattr__(self, name: str) -> Any:
        return getattr(self._service, name)

    def decide(self, state: Any, message: Incoming, now: datetime) -> Sequence[Output]:
        times, length = self._chatter.get(message.id, (0, 0))
        said = [Publish(EVENTS, "key", Said(words="x" * (length - FRAME))) for _ in range(times)]
        return [*said, *self._service.decide(state, message, now)]


@pytest.mark.parametrize(
    ("times", "length", "reason"),
    [
        (1, MESSAGE_BYTES + 1, "failed with OutputTooLarge: Said has 262145 bytes, 262144 are allowed"),
        (64, FRAME, "failed with OutputTooLarge: 65 outputs of one message, 64 are allowed"),
    ],
)
async def test_a_message_is_buried_when_what_it_leaves_is_too_much(
    bus: Bus, times: int, length: int, reason: str
) -> None:
    before, command, after = (str(uuid.uuid4()) for _ in range(3))
    async with bus.listening(LETTERS, REPLIES, EVENTS) as log:
        for each in (before, command, after):
            await bus.tell(ConfirmBooking(booking_id=str(uuid.uuid4())), each, partition=0)
        async with bus.deciding(service=Talkative(bus.real("booking"), {command: (times, length)})):
            told = {
                each: await log.until(lambda records, each=each: replies(records, each))
                for each in (before, command, after)
            }
            await bus.quiet("booking")
    codes = {each: Refused.model_validate_json(answers[0].value or b"").code for each, answers in told.items()}
    assert codes == {before: "NOT_FOUND", command: "SERVER_ERROR", after: "NOT_FOUND"}
    [letter] = [record for record in log.records if record.topic == LETTERS]
    assert header(letter, "dead-letter-reason") == reason
    assert [record for record in log.records if record.topic == EVENTS] == []


async def test_a_message_is_handled_when_what_it_leaves_is_just_not_too_much(bus: Bus) -> None:
    """63 outputs of 256 KiB each and an answer: 16 MB in one go."""
    command, _ = await bus.tell(ConfirmBooking(booking_id=str(uuid.uuid4())), partition=0)
    service = Talkative(bus.real("booking"), {command: (63, MESSAGE_BYTES)})
    async with bus.listening(LETTERS, REPLIES, EVENTS) as log, bus.deciding(service=service):
        said = await log.until(lambda records: len(r := [e for e in records if e.topic == EVENTS]) == 63 and r)
        await log.until(lambda records: replies(records, command))
        await bus.quiet("booking")
    assert {len(record.value or b"") for record in said} == {MESSAGE_BYTES}
    assert [record for record in log.records if record.topic == LETTERS] == []
