"""A question whose answer could not be decided: it is closed, all who wait are told, and booking and slot fit together."""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from bookings import (
    ASK,
    HELD,
    KEPT,
    LAPSED,
    PENDING,
    WAITED,
    asking,
    changed,
    said,
    waiting,
)
from detailed import confirm
from purses import CANCELLED, FIRST, OPENING, PAID, SECOND, TERMS_REACQUIRE, ask, give_back, on, succeeded

from chassis.messages import Output, Publish
from contracts import topics
from contracts.answers import Refused
from contracts.availability import ReleaseSlot
from contracts.booking import AbandonQuestion, BookingDeleted, BookingUpdated
from contracts.examples import BOOKING_ID, COMMAND_ID, LATER, LIGHTHOUSE, MONDAY_ELEVEN, SLOT_HELD
from contracts.model import Message
from contracts.payment import CancelCheckout, RefundPayment
from services.booking import domain
from services.booking.abandoned import WHY
from services.booking.handlers import BookingService
from services.booking.money import Heard
from services.booking.state import Answered, Asked, Decision, State

RELEASE = ReleaseSlot(booking_id=BOOKING_ID, question=ASK, space_id=LIGHTHOUSE.id)


def abandoned(state: State | None, answer: str, question: str = ASK, now: datetime = LATER) -> Decision:
    return domain.abandon(state, AbandonQuestion(booking_id=BOOKING_ID, question=question, answer=answer), now)


def told(command_id: str = ASK) -> Answered:
    return Answered(command_id, Refused(code="SERVER_ERROR", message=WHY))


def status(decision: Decision) -> tuple[str, str | None]:
    assert decision.state is not None
    assert decision.state.question is None
    return decision.state.booking.status, decision.state.booking.cancel_reason


def names(decision: Decision) -> list[str]:
    return [type(each.body if isinstance(each, Answered) else each).__name__ for each in decision.outputs]


def test_a_create_is_refused_and_gives_its_slot_back() -> None:
    decision = abandoned(PENDING, "SlotHeld", COMMAND_ID)
    assert status(decision) == ("CANCEL", "slot_unavailable")
    assert decision.outputs == (RELEASE.model_copy(update={"question": COMMAND_ID}), told(COMMAND_ID))


@pytest.mark.parametrize("answer", ["SlotCommitted", "SlotLost"])
def test_a_confirm_is_refused_and_the_hold_is_over(answer: str) -> None:
    decision = abandoned(asking(HELD, "confirm"), answer)
    assert status(decision) == ("CANCEL", "hold_expired")
    gone = changed(HELD, status="CANCEL", cancel_reason="hold_expired")
    assert decision.outputs == (RELEASE, BookingUpdated(booking=gone, previous_status="RESERVED_15_MIN"), told())


def test_a_confirm_of_a_lapsed_hold_leaves_it_lapsed() -> None:
    decision = abandoned(asking(LAPSED, "confirm"), "SlotCommitted")
    assert (status(decision), decision.outputs) == (("CANCEL", "hold_expired"), (RELEASE, told()))


def test_a_price_that_was_asked_for_changes_nothing() -> None:
    asked = said("confirm").model_copy(update={"quoting": True})
    decision = abandoned(HELD.model_copy(update={"question": asked}), "ExtrasQuoted")
    assert decision == Decision(HELD, (told(),))


@pytest.mark.parametrize(
    ("kind", "answer"), [("extend", "SlotExtended"), ("cancel", "SlotLost"), ("reschedule", "MoveRefused")]
)
def test_what_availability_did_not_change_stays(kind: str, answer: str) -> None:
    assert abandoned(asking(HELD, kind), answer) == Decision(HELD, (told(),))  # type: ignore[arg-type]


def test_a_cancel_that_availability_has_carried_out_is_one() -> None:
    decision = abandoned(asking(KEPT, "cancel"), "SlotReleased")
    assert (status(decision), names(decision)) == (("CANCEL", "customer"), ["BookingUpdated", "Refused"])
    decision = abandoned(asking(on(PAID, cancellation_policy=()), "cancel"), "SlotReleased")
    assert status(decision) == ("CANCEL", "customer")
    assert give_back(2500) in decision.outputs
    assert told() in decision.outputs
    decision = abandoned(asking(OPENING, "cancel"), "SlotReleased")
    assert CancelCheckout(booking_id=BOOKING_ID) in decision.outputs


def test_a_delete_that_availability_has_carried_out_is_one() -> None:
    decision = abandoned(asking(HELD, "delete"), "SlotReleased")
    assert decision.state is not None
    assert decision.state.hidden
    assert [type(each) for each in decision.outputs] == [BookingDeleted, Answered]
    assert told() in decision.outputs


def test_a_move_that_availability_has_carried_out_is_one() -> None:
    decision = abandoned(asking(KEPT, "reschedule"), "SlotMoved")
    assert decision.state is not None
    assert decision.state.booking.slot == MONDAY_ELEVEN
    assert names(decision) == ["BookingUpdated", "Refused"]


def test_late_money_that_was_to_take_its_slot_again_goes_back() -> None:
    asked = Asked(
        id=ASK, kind="heard", accepted_at=LATER, heard=Heard(what="paid", checkout=FIRST, payment="pi_1", amount=2500)
    )
    state = CANCELLED.model_copy(update={"agreed": TERMS_REACQUIRE})
    state = state.model_copy(update={"question": asked.model_copy(update={"kind": "reacquire"})})
    decision = abandoned(state, "SlotCommitted")
    assert names(decision) == ["BookingUpdated", "RefundPayment", "ReleaseSlot"]
    assert decision.outputs[1] == give_back(2500)


def test_commands_that_waited_are_refused_and_what_payment_said_is_decided() -> None:
    state = asking(OPENING, "extend")
    held_back = domain.hear_of_money(waiting(state, (WAITED, "cancel")), succeeded(), SECOND, LATER).state
    decision = abandoned(held_back, "SlotExtended")
    assert status(decision) == ("PAID", None)
    assert decision.state is not None
    assert decision.state.waiting == ()
    assert {told(), told(WAITED)} <= set(decision.outputs)


def test_a_hold_that_ran_out_meanwhile_lapses() -> None:
    state = asking(HELD, "extend").model_copy(update={"ran_out": True})
    assert status(abandoned(state, "ExtendRefused")) == ("CANCEL", "hold_expired")


def test_who_waits_for_a_page_is_told_and_the_page_stays_as_it_is() -> None:
    decision = abandoned(OPENING, "CheckoutOpened", FIRST)
    assert decision.outputs == (told(),)
    assert decision.state is not None
    assert decision.state.booking == OPENING.booking
    assert abandoned(decision.state, "CheckoutOpened", FIRST).outputs == ()
    again = ask(decision.state, confirm(payment_enabled=True))
    assert names(again) == ["BookingAnswer"], "who confirms again is told how it stands, and waits for nothing"


def test_after_a_page_that_there_will_never_be_the_next_confirm_asks_for_another() -> None:
    decision = abandoned(OPENING, "PaymentFailed", FIRST)
    assert decision.outputs == (told(),)
    assert decision.state is not None
    assert "CreateCheckout" in names(ask(decision.state, confirm(payment_enabled=True)))


def test_a_question_whose_answer_was_decided_after_all_is_not_taken_for_the_next_of_its_command() -> None:
    committing = asking(HELD, "confirm")
    assert abandoned(committing, "ExtrasQuoted") == Decision(committing)


@pytest.mark.parametrize("state", [None, HELD, KEPT, asking(HELD, "confirm", WAITED)])
def test_a_question_that_is_not_open_any_more_changes_nothing(state: State | None) -> None:
    assert abandoned(state, "SlotCommitted") == Decision(state)


def refused(body: Message) -> list[Output]:
    """What the service tells instead of a decision about this message."""
    undecided: Any = SimpleNamespace(body=body)
    return list(BookingService().refuse(undecided))


def test_only_an_answer_to_a_question_closes_one() -> None:
    [closing] = refused(SLOT_HELD)
    wanted = AbandonQuestion(booking_id=BOOKING_ID, question=COMMAND_ID, answer="SlotHeld")
    assert closing == Publish(topics.BOOKING_COMMANDS.name, BOOKING_ID, wanted)
    assert refused(SLOT_HELD.model_copy(update={"question": None})) == []
    assert (
        refused(wanted)
        == refused(succeeded())
        == refused(RefundPayment(booking_id=BOOKING_ID, payment="pi_1", amount=1))
        == []
    )
