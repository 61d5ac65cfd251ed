"""The table "Money against time", cell by cell: what the provider reports, and what the booking is when it does."""

from datetime import timedelta
from typing import Any

import pytest
from bookings import ASK, CANCEL, DELETE, HELD, HIDDEN, KEPT, PENDING, WAITED, asking, conflict, now_is
from detailed import confirm
from purses import (
    CANCELLED,
    OPEN,
    PAID,
    PAY_IN,
    REFUNDED,
    REFUNDING,
    SAID,
    SECOND,
    ask,
    changed,
    expired,
    failed,
    give_back,
    has_changed,
    has_failed,
    kinds,
    not_refunded,
    on,
    page,
    refunded,
    succeeded,
    told,
)

from contracts.availability import CommitSlot, ReleaseSlot, SlotCommitted, SlotLost, SlotReleased
from contracts.booking import BookingAnswer, BookingPaid, BookingUpdated
from contracts.examples import BOOKING_ID, LATER, LIGHTHOUSE
from contracts.payment import CancelCheckout, RefundPayment
from services.booking import domain
from services.booking.money import Captured
from services.booking.state import Decision, State

ABOUT = {"booking_id": BOOKING_ID, "question": SAID}
TAKE_AGAIN = CommitSlot(**ABOUT, space_id=LIGHTHOUSE.id, accepted_at=LATER, reacquire=True)
GIVE_UP = ReleaseSlot(**ABOUT, space_id=LIGHTHOUSE.id)
BACK = Captured(id="pi_1", amount=2500, back=2500, refund="asked")
EXTRA = Captured(id="pi_2", amount=2500, counts=False, back=2500, refund="asked")


def answered(decision: Decision, event: Any) -> Decision:
    """What follows when availability has answered."""
    assert decision.state is not None
    assert decision.state.question is not None
    assert decision.state.question.id == SAID
    return domain.hear(decision.state, event, LATER)


# ---- CONFIRMED


def test_confirmed_and_paid_is_paid() -> None:
    paid = changed(OPEN, status="PAID", payment_url=None, payment_status="paid")
    after = now_is(OPEN, paid).with_purse(captured=(PAY_IN,), page=page(PAID))
    event = BookingPaid(booking=paid, previous_status="CONFIRMED")
    assert told(OPEN, succeeded()) == Decision(after, (event,))


def test_confirmed_and_paid_is_paid_even_when_the_page_was_never_told_of() -> None:
    assert kinds(told(KEPT, succeeded())) == [BookingPaid]


def test_confirmed_and_declined_stays_with_its_page() -> None:
    after = changed(OPEN, payment_status="failed")
    tried = now_is(OPEN, after).with_purse(page=page(OPEN).model_copy(update={"tried": True}))
    assert told(OPEN, failed()) == Decision(tried, (has_failed(after),))


def test_confirmed_and_failed_stays_without_a_page() -> None:
    after = changed(OPEN, payment_status="failed", payment_url=None)
    over = now_is(OPEN, after).with_purse(page=page(PAID))
    assert told(OPEN, failed("failed")) == Decision(over, (has_failed(after),))


def test_a_failure_of_an_earlier_page_is_told_and_leaves_the_later_one() -> None:
    after = changed(OPEN)
    assert told(OPEN, failed("failed", SECOND)) == Decision(now_is(OPEN, after), (has_failed(after),))
    assert told(OPEN, failed("refused", SECOND)) == Decision(OPEN)


def test_confirmed_and_expired_stays_by_default() -> None:
    after = changed(OPEN, payment_status="expired", payment_url=None)
    over = now_is(OPEN, after).with_purse(page=page(PAID))
    assert told(OPEN, expired()) == Decision(over, (has_changed(after),))


def test_confirmed_and_expired_is_cancelled_where_the_product_says_so() -> None:
    asked = told(on(OPEN, payment_expired="cancel"), expired())
    assert asked.outputs == (GIVE_UP,)
    decision = answered(asked, SlotReleased(**ABOUT, reason="released"))
    after = changed(OPEN, status="CANCEL", cancel_reason="payment_expired", payment_status="expired", payment_url=None)
    assert decision.outputs == (has_changed(after),)


def test_a_booking_is_kept_when_its_page_expires_and_the_slot_cannot_be_given_back() -> None:
    asked = told(on(OPEN, payment_expired="cancel"), expired())
    decision = answered(asked, SlotLost(**ABOUT, reason="internal"))
    assert decision.outputs == (has_changed(changed(OPEN, payment_status="expired", payment_url=None)),)


def test_commands_wait_while_an_unpaid_slot_is_given_back_and_meet_what_came_of_it() -> None:
    asked = told(on(OPEN, payment_expired="cancel"), expired())
    assert asked.state is not None
    waits = ask(asked.state, confirm())
    assert waits.outputs == ()
    decision = answered(waits, SlotReleased(**ABOUT, reason="released"))
    assert decision.outputs[1:] == (conflict("The booking is CANCEL (payment_expired)."),)


# ---- CANCEL


@pytest.mark.parametrize("reason", ["customer", "payment_expired"])
def test_cancelled_and_paid_goes_back_by_default(reason: Any) -> None:
    state = now_is(CANCELLED, CANCELLED.booking.model_copy(update={"cancel_reason": reason}))
    after = changed(state, payment_status="refunding")
    decision = told(state, succeeded())
    assert decision == Decision(
        now_is(state, after).with_purse(captured=(BACK,)), (has_changed(after, "CANCEL"), give_back())
    )


def test_cancelled_and_paid_takes_the_slot_again_where_the_product_says_so() -> None:
    state = on(CANCELLED, late_payment="reacquire")
    asked = told(state, succeeded())
    assert asked.outputs == (TAKE_AGAIN,)
    decision = answered(asked, SlotCommitted(**ABOUT))
    paid = changed(state, status="PAID", cancel_reason=None, payment_status="paid")
    assert decision.outputs == (BookingPaid(booking=paid, previous_status="CANCEL"),)
    assert decision.state == now_is(state, paid).with_purse(captured=(PAY_IN,))


@pytest.mark.parametrize("why", ["expired", "resold", "unknown", "internal"])
def test_cancelled_and_paid_goes_back_when_the_slot_is_gone(why: Any) -> None:
    state = on(CANCELLED, late_payment="reacquire")
    decision = answered(told(state, succeeded()), SlotLost(**ABOUT, reason=why))
    assert decision.outputs == (has_changed(changed(state, payment_status="refunding"), "CANCEL"), give_back())


def test_cancelled_and_paid_goes_back_when_the_slot_has_begun() -> None:
    state = on(CANCELLED, late_payment="reacquire")
    assert give_back() in told(state, succeeded(), state.booking.slot.from_).outputs
    just_before = state.booking.slot.from_ - timedelta(microseconds=1)
    assert kinds(told(state, succeeded(), just_before)) == [CommitSlot]


@pytest.mark.parametrize("event", [failed(), failed("failed"), failed("refused"), expired()])
@pytest.mark.parametrize("state", [CANCELLED, PAID, REFUNDING, REFUNDED])
def test_nothing_follows_a_failure_or_an_end_when_the_booking_does_not_wait_for_money(state: State, event: Any) -> None:
    assert told(state, event) == Decision(state)


def test_what_went_back_makes_a_cancelled_booking_refunded() -> None:
    after = changed(REFUNDING, status="REFUNDED", payment_status="refunded")
    done = now_is(REFUNDING, after).with_purse(captured=(BACK.model_copy(update={"refund": "done"}),))
    assert told(REFUNDING, refunded()) == Decision(done, (has_changed(after, "CANCEL"),))
    assert told(done, refunded()) == Decision(done)


# ---- a second payment


@pytest.mark.parametrize("state", [PAID, REFUNDING, REFUNDED], ids=["PAID", "CANCEL", "REFUNDED"])
def test_a_second_payment_goes_back_whole_and_nobody_need_know(state: State) -> None:
    decision = told(state, succeeded("pi_2", SECOND))
    after = state.with_purse(captured=(*state.purse.captured, EXTRA))
    assert decision == Decision(after, (give_back(payment="pi_2"),))
    assert told(after, refunded("pi_2")).outputs == ()
    assert told(after, not_refunded("pi_2")).outputs == ()


@pytest.mark.parametrize("state", [PAID, REFUNDING, REFUNDED])
def test_the_same_payment_told_again_changes_nothing(state: State) -> None:
    assert told(state, succeeded()) == Decision(state)


def test_a_payment_that_comes_while_another_takes_the_slot_again_goes_back() -> None:
    asked = told(on(CANCELLED, late_payment="reacquire"), succeeded())
    assert asked.state is not None
    both = told(asked.state, succeeded("pi_2", SECOND))
    assert both.outputs == ()
    assert kinds(answered(both, SlotCommitted(**ABOUT))) == [BookingPaid, RefundPayment]


# ---- meanwhile


@pytest.mark.parametrize("kind", ["cancel", "reschedule"])
def test_what_payment_says_waits_for_its_turn_while_a_question_is_open(kind: Any) -> None:
    waits = told(asking(OPEN, kind), succeeded())
    assert waits.outputs == ()
    assert waits.state is not None
    again = State.model_validate_json(waits.state.model_dump_json(exclude_defaults=True))
    assert again == waits.state


def test_a_payment_that_comes_while_the_slot_is_given_back_is_a_late_one() -> None:
    waits = told(asking(OPEN, "cancel"), succeeded()).state
    decision = domain.hear(waits, SlotReleased(booking_id=BOOKING_ID, question=ASK, reason="released"), LATER)
    assert kinds(decision) == [BookingUpdated, CancelCheckout, BookingAnswer, BookingUpdated, RefundPayment]
    assert give_back() in decision.outputs


def test_what_payment_says_again_while_it_waits_counts_once() -> None:
    waits = told(asking(OPEN, "reschedule"), failed()).state
    assert told(waits, failed()) == Decision(waits)


def test_what_payment_says_takes_no_place_of_a_command() -> None:
    state = asking(OPEN, "reschedule")
    for number in range(domain.MOST_WAITING + 4):
        state = told(state, succeeded(f"pi_{number}")).state or state
    assert ask(state, CANCEL, WAITED).outputs == ()


# ---- nobody's


def test_money_for_a_deleted_booking_goes_back() -> None:
    decision = told(HIDDEN, succeeded())
    assert decision.outputs == (give_back(),)
    assert decision.state is not None
    assert decision.state.booking == HIDDEN.booking
    assert told(decision.state, refunded()).outputs == ()
    assert told(decision.state, succeeded()) == Decision(decision.state)


@pytest.mark.parametrize("event", [refunded(), not_refunded()])
def test_a_deleted_booking_changes_no_more_when_its_refund_ends(event: Any) -> None:
    hidden = ask(REFUNDING, DELETE).state
    assert hidden is not None
    decision = told(hidden, event)
    assert decision.outputs == ()
    assert decision.state is not None
    assert decision.state.booking == hidden.booking


def test_money_for_a_booking_that_nobody_knows_is_for_somebody_to_look_at() -> None:
    with pytest.raises(domain.UnknownBooking):
        told(None, succeeded())
    assert told(None, expired()) == Decision(None)


@pytest.mark.parametrize("state", [HELD, PENDING])
def test_money_for_a_booking_that_was_never_confirmed_goes_back(state: State) -> None:
    now = state.model_copy(update={"question": None})
    decision = told(now, succeeded())
    assert decision.outputs == (give_back(),)


# ---- a refund that fails


def test_a_refund_that_the_provider_refuses_is_shown_and_asked_for_again_by_another_cancel() -> None:
    decision = told(REFUNDING, not_refunded())
    shown = changed(REFUNDING, payment_status="refund_failed")
    assert decision.outputs == (has_changed(shown, "CANCEL"),)
    assert decision.state is not None
    assert told(decision.state, not_refunded()) == Decision(decision.state)
    again = ask(decision.state, CANCEL)
    assert kinds(again) == [BookingUpdated, RefundPayment, BookingAnswer]
    assert again.state is not None
    assert again.state.booking.payment_status == "refunding"
    assert kinds(ask(again.state, CANCEL)) == [BookingAnswer]
    done = told(again.state, refunded())
    assert done.state is not None
    assert done.state.booking.status == "REFUNDED"


def test_a_refund_that_was_refused_and_had_its_effect_all_the_same_makes_the_booking_refunded() -> None:
    shown = told(REFUNDING, not_refunded()).state
    done = told(shown, refunded()).state
    assert done is not None
    assert (done.booking.status, done.booking.payment_status) == ("REFUNDED", "refunded")
    assert kinds(told(done, not_refunded())) == [BookingUpdated], "as long as no bank sends it back"


def test_a_refund_that_a_bank_sends_back_days_later_is_shown_and_asked_for_again() -> None:
    decision = told(REFUNDED, not_refunded())
    shown = changed(REFUNDED, payment_status="refund_failed")
    assert decision.outputs == (has_changed(shown, "REFUNDED"),)
    assert decision.state is not None
    assert give_back() in ask(decision.state, CANCEL).outputs


def test_a_refund_that_payment_made_by_itself_is_its_own_business() -> None:
    assert told(REFUNDING, not_refunded(automatic=True)) == Decision(REFUNDING)
    assert told(PAID, not_refunded("pi_9")) == Decision(PAID)
