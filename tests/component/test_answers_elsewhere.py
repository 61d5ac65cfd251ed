"""A command is answered once for all, whatever happens to the worker that decides it."""

import contextlib
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from answering import asked, create, granted, replies
from bus import REPLIES, Bus, header
from workers import worker

from chassis.messages import Incoming, Output
from contracts.availability import CommitSlot, ExtendSlot, MoveSlot, QuoteExtras, ReleaseSlot
from contracts.booking import ConfirmBooking
from contracts.examples import HOLD_SLOT, MONDAY_TEN

OTHER = "gateway.replies"


@pytest.fixture
def command() -> str:
    return str(uuid.uuid4())


@pytest.mark.parametrize("together", [True, False])
async def test_one_id_on_two_partitions_has_one_effect(bus: Bus, command: str, together: bool) -> None:
    """Only a stranger writes so; together they come in one batch, else in two."""
    async with bus.listening(REPLIES, OTHER, "availability.commands") as log, contextlib.AsyncExitStack() as stack:
        if not together:
            await stack.enter_async_context(bus.deciding())
        await bus.tell(create(command), command, partition=0)
        if not together:
            await asked(log, command)
        await bus.tell(create(command), command, partition=3, reply_to=OTHER)
        if together:
            await stack.enter_async_context(bus.deciding())
        await bus.quiet("booking")
        await granted(bus, log, command)
        answers = await log.until(lambda records: len(found := replies(records, command)) == 2 and found)
        assert {record.topic for record in answers} == {REPLIES, OTHER}
        assert len({record.value for record in answers}) == 1
        await bus.quiet("booking")
        assert len(await log.caused_by(command, "availability.commands")) == 1
        assert len(replies(await log.read(), command)) == 2


async def test_a_command_is_answered_after_a_kill_of_its_worker_and_a_retry_gets_the_same(
    bus: Bus, command: str
) -> None:
    async with bus.listening(REPLIES, OTHER, "availability.commands") as log:
        async with worker(bus, "booking") as first:
            await bus.tell(create(command), command)
            await asked(log, command)
            first.kill()
        async with worker(bus, "booking"):
            await bus.tell(create(command), command, reply_to=OTHER)
            await granted(bus, log, command)
            answers = await log.until(lambda records: len(found := replies(records, command)) >= 2 and found)
            assert {record.topic for record in answers} == {REPLIES, OTHER}
            assert len({record.value for record in answers}) == 1
        async with worker(bus, "booking") as third:
            await bus.tell(create(command), command, reply_to=OTHER)
            again = await log.until(lambda records: len(found := replies(records, command, OTHER)) == 2 and found)
            assert (header(again[1], "ce_replayed"), again[1].value) == ("true", answers[0].value)
            await bus.quiet("booking")
            third.kill()
        asked_for = {record.value for record in await log.caused_by(command, "availability.commands")}
        assert len(asked_for) == 1


class Stumbling:
    """A service with a bug, until it is repaired."""

    def __init__(self, service: Any) -> None:
        self._service, self.broken = service, True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._service, name)

    def decide(self, state: Any, message: Incoming, now: datetime) -> Sequence[Output]:
        if self.broken:
            raise RuntimeError("stumbled")
        outputs: Sequence[Output] = self._service.decide(state, message, now)
        return outputs


async def test_a_dead_command_is_answered_server_error_and_its_repeat_is_handled_afresh(bus: Bus, command: str) -> None:
    message = ConfirmBooking(booking_id=str(uuid.uuid4()))
    service = Stumbling(bus.real("booking"))
    async with bus.listening(REPLIES, "booking.dead-letters") as log, bus.deciding(service=service):
        await bus.tell(message, command)
        [dead] = await log.until(lambda records: replies(records, command))
        assert b"SERVER_ERROR" in (dead.value or b"")
        [letter] = await log.until(lambda records: [r for r in records if r.topic == "booking.dead-letters"])
        assert (header(letter, "ce_id"), header(letter, "dead-letter-reason")) == (
            command,
            "failed with RuntimeError: stumbled",
        )
        service.broken = False
        await bus.tell(message, command)
        again = (await log.until(lambda records: len(found := replies(records, command)) == 2 and found))[1]
        assert b"NOT_FOUND" in (again.value or b"")
        assert header(again, "ce_replayed") is None
        await bus.tell(message, command)
        replayed = (await log.until(lambda records: len(found := replies(records, command)) == 3 and found))[2]
        assert (header(replayed, "ce_replayed"), replayed.value) == ("true", again.value)


async def test_a_letter_that_was_not_sent_yet_is_sent_after_a_restart_when_the_command_was_repeated_meanwhile(
    bus: Bus, command: str
) -> None:
    message = ConfirmBooking(booking_id=str(uuid.uuid4()))

    def letters(records: list[Any]) -> list[Any]:
        return [r for r in records if r.topic == "booking.dead-letters" and header(r, "ce_id") == command]

    async with bus.listening(REPLIES, "booking.dead-letters") as log:
        before = await bus.marks("booking")
        service = Stumbling(bus.real("booking"))
        async with bus.deciding(service=service):
            await bus.tell(message, command)
            await log.until(letters)
            service.broken = False
            await bus.tell(message, command)
            await log.until(lambda records: len(replies(records, command)) == 2)
            await bus.quiet("booking")
        await bus.unpublish("booking", before)  # as if it had died before it sent any of this
        async with bus.deciding():
            await bus.quiet("booking")
            first, again = await log.until(lambda records: len(found := letters(records)) == 2 and found)
        assert (again.key, again.value, again.headers) == (first.key, first.value, first.headers)


@pytest.mark.parametrize("kind", [CommitSlot, ReleaseSlot, ExtendSlot, MoveSlot, QuoteExtras, None])
async def test_a_dead_question_is_answered_by_a_refusal_so_that_no_booking_waits_for_ever(bus: Bus, kind: Any) -> None:
    booking, question = str(uuid.uuid4()), str(uuid.uuid4())
    fields: dict[str, Any] = {"booking_id": booking, "question": question, "space_id": booking}
    if kind is not None and "accepted_at" in kind.model_fields:
        fields["accepted_at"] = "2027-01-10T12:00:00Z"
    if kind is MoveSlot:
        fields["slot"] = MONDAY_TEN
    if kind is QuoteExtras:
        fields |= {"products": (booking,), "currency": "EUR"}
    message = kind(**fields) if kind else _hold(booking, question)
    service = Stumbling(bus.real("availability"))
    async with bus.listening("availability.events") as log, bus.deciding("availability", service=service):
        await bus.tell(message, causation=question, reply_to=None)
        [refusal] = await log.until(lambda records: [r for r in records if (r.key or b"").decode() == booking])
        expected = {
            None: "SlotRefused",
            ExtendSlot: "ExtendRefused",
            MoveSlot: "MoveRefused",
            QuoteExtras: "ExtrasRefused",
        }.get(kind, "SlotLost")
        assert header(refusal, "ce_type") == f"holdfast.{expected}.v1"
        assert b'"internal"' in (refusal.value or b"")


def _hold(booking: str, question: str) -> Any:
    return HOLD_SLOT.model_copy(update={"booking_id": booking, "question": question})
