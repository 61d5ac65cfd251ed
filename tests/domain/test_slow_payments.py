"""A payment by a slow method: the booking says that it is under way, and what becomes of it."""

from typing import Any

import pytest
from bookings import ASK
from detailed import confirm
from paying import Told, only, paid
from purses import (
    CANCELLED,
    FIRST,
    GIVEN,
    OPEN,
    OPENING,
    ask,
    changed,
    failed,
    has_changed,
    has_failed,
    kinds,
    page,
    succeeded,
    told,
)

from contracts.booking import BookingAnswer, BookingPaid, BookingUpdated
from contracts.examples import BOOKING_ID, DETAILS
from contracts.payment import PaymentProcessing, PaymentSucceeded
from services.booking.state import Answered, Decision, State

PROCESSING = PaymentProcessing(booking_id=BOOKING_ID, checkout_id=FIRST)


def under_way() -> State:
    state = told(OPEN, PROCESSING).state
    assert state is not None
    return state


def test_payment_tells_once_that_it_is_under_way() -> None:
    account = Told()
    account.create()
    account.opened()
    begun = only(account.completed(paid(payment_status="unpaid")), PaymentProcessing)
    assert begun.checkout_id == account.account.checkouts[0].id  # type: ignore[union-attr]
    assert account.completed(paid(payment_status="unpaid")) == []
    only(account.event("checkout.session.async_payment_succeeded", session=paid()), PaymentSucceeded)


def test_the_booking_says_so_and_shows_no_page() -> None:
    decision = told(OPEN, PROCESSING)
    after = changed(OPEN, payment_status="processing", payment_url=None)
    assert decision.outputs == (has_changed(after),)
    assert told(under_way(), PROCESSING) == Decision(under_way())


def test_who_waits_for_the_page_is_answered() -> None:
    decision = told(OPENING, PROCESSING)
    assert kinds(decision) == [BookingUpdated, BookingAnswer]
    assert decision.state is not None
    assert page(decision.state).waiting == ()


def test_a_confirm_meanwhile_is_answered_with_the_booking_and_opens_no_other_page() -> None:
    state = under_way()
    decision = ask(state, confirm(**DETAILS, **GIVEN))
    assert decision.outputs == (Answered(ASK, BookingAnswer(booking=state.booking)),)


def test_it_is_paid_when_the_money_is_there() -> None:
    decision = told(under_way(), succeeded())
    assert kinds(decision) == [BookingPaid]


@pytest.mark.parametrize("reason", ["failed", "mismatch"])
def test_it_has_failed_when_the_money_does_not_come_and_the_next_confirm_opens_a_page(reason: str) -> None:
    decision = told(under_way(), failed(reason))
    assert decision.outputs == (has_failed(changed(under_way(), payment_status="failed")),)
    assert decision.state is not None
    again = ask(decision.state, confirm(**DETAILS, **GIVEN))
    assert "CreateCheckout" in [type(each).__name__ for each in again.outputs]


@pytest.mark.parametrize("state", [CANCELLED, None], ids=str)
def test_of_a_booking_that_is_over_it_says_nothing(state: Any) -> None:
    assert told(state, PROCESSING) == Decision(state)
