"""A confirm with payment: the page that is asked for, who is answered with it, and when there is another one."""

from typing import Any

import pytest
from bookings import ASK, CANCEL, HELD, KEPT, WAITED, answer, conflict, now_is, unfit
from detailed import confirm
from purses import (
    ASK_TWO,
    GIVEN,
    OPEN,
    OPENING,
    PAID,
    RETURNS,
    SAID,
    ask,
    changed,
    confirmed,
    delayed,
    expired,
    failed,
    has_changed,
    has_failed,
    kinds,
    opened,
    page,
    question_of,
    refusal,
    succeeded,
    told,
    update,
)

from contracts.availability import ReleaseSlot, SlotReleased
from contracts.booking import BookingAnswer, BookingPaid, BookingUpdated
from contracts.examples import ADA, BOOKING_ID, CREATE_CHECKOUT, DETAILS, LATER, PAGE
from contracts.payment import CancelCheckout, CreateCheckout
from services.booking import checkouts, domain
from services.booking.commands import Rules
from services.booking.money import Page, Purse
from services.booking.return_urls import Allowed
from services.booking.state import Decision, State

SHUT = CancelCheckout(booking_id=BOOKING_ID)


def created(decision: Decision) -> CreateCheckout:
    [create] = [each for each in decision.outputs if isinstance(each, CreateCheckout)]
    return create


# ---- asked for


def test_confirm_with_payment_keeps_the_slot_and_asks_for_a_page() -> None:
    decision = confirmed(HELD)
    to_pay = changed(
        HELD,
        status="CONFIRMED",
        expires_at=None,
        customer=ADA,
        payment_enabled=True,
        payment_status="opening",
    )
    create = CREATE_CHECKOUT.model_copy(update={"expires_at": created(decision).expires_at})
    waiting = Page(question=question_of(SAID, 1), returns=RETURNS, waiting=(ASK,))
    wanted = now_is(HELD, to_pay, money=Purse(returns=RETURNS, page=waiting))
    assert decision == Decision(wanted, (has_changed(to_pay, "RESERVED_15_MIN"), create))
    assert (create.expires_at - LATER).total_seconds() == 3600


def test_an_address_with_its_scheme_in_capitals_gets_a_page() -> None:
    create = created(confirmed(HELD, success_url="HTTPS://harbour.example/thanks"))
    assert create.success_url == CREATE_CHECKOUT.success_url


def test_the_page_is_as_long_open_as_the_settings_say() -> None:
    create = created(confirmed(HELD, Rules(seconds=2100)))
    assert (create.expires_at - LATER).total_seconds() == 2100


def test_confirm_without_payment_asks_for_no_page() -> None:
    decision = confirmed(HELD, payment_enabled=None)
    assert kinds(decision) == [BookingUpdated, BookingAnswer]


def test_what_costs_nothing_is_confirmed_without_a_page() -> None:
    free = now_is(HELD, HELD.booking.model_copy(update={"total_price": 0}))
    decision = confirmed(free)
    assert kinds(decision) == [BookingUpdated, BookingAnswer]
    assert decision.state is not None
    booking = decision.state.booking
    assert (booking.status, booking.payment_enabled, booking.payment_status) == ("CONFIRMED", True, None)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"success_url": None}, ("successUrl",)),
        ({"cancel_url": None}, ("cancelUrl",)),
        ({"success_url": None, "cancel_url": None}, ("successUrl", "cancelUrl")),
    ],
)
def test_confirm_with_payment_is_refused_when_an_address_is_missing(given: Any, missing: tuple[str, ...]) -> None:
    decision = ask(HELD, confirm(**DETAILS, **{**GIVEN, **given}))
    assert decision == Decision(HELD, (unfit(*((field, "is required") for field in missing)),))


def test_an_address_may_come_from_the_settings() -> None:
    rules = Rules(success_url="https://usual.example/?a=1", cancel_url="https://usual.example/no")
    create = created(confirmed(HELD, rules, success_url=None))
    assert create.success_url == f"https://usual.example/?a=1&bookingId={BOOKING_ID}"
    assert create.cancel_url == RETURNS.cancel_url


def test_what_is_wrong_with_an_address_is_said_once() -> None:
    decision = ask(HELD, confirm(**DETAILS, **{**GIVEN, "success_url": "http://harbour.example/"}))
    assert decision == Decision(HELD, (unfit(("successUrl", "does not begin with https://")),))


def test_an_address_on_this_machine_counts_where_the_settings_say_so() -> None:
    home = "http://localhost:3000/thanks"
    create = created(confirmed(HELD, Rules(Allowed(loopback=True)), success_url=home))
    assert create.success_url == f"{home}?bookingId={BOOKING_ID}"


def test_payment_may_be_wanted_before_the_confirm() -> None:
    before = ask(HELD, update(email=ADA.email, **GIVEN))
    assert before.state is not None
    assert kinds(before) == [BookingUpdated, BookingAnswer]
    assert before.state.booking.payment_enabled
    decision = confirmed(before.state, payment_enabled=None, success_url=None, cancel_url=None)
    assert created(decision).success_url == RETURNS.success_url


@pytest.mark.parametrize("command", [confirm(**GIVEN), update(**GIVEN)])
def test_a_confirmed_booking_gets_a_page_when_it_is_to_be_paid_after_all(command: Any) -> None:
    decision = ask(KEPT, command)
    assert kinds(decision) == [BookingUpdated, CreateCheckout]
    assert decision.state is not None
    assert page(decision.state).question == question_of(ASK, 1)


# ---- answered


def test_checkout_opened_answers_the_confirm_with_the_page() -> None:
    paying = changed(OPENING, payment_url=PAGE, payment_status="open")
    there = page(OPEN).model_copy(update={"waiting": ()})
    wanted = now_is(OPENING, paying).with_purse(page=there)
    assert told(OPENING, opened()) == Decision(wanted, (has_changed(paying), answer(paying)))


def test_checkout_opened_is_passed_over_when_it_is_not_the_page_that_was_asked_for() -> None:
    assert told(OPENING, opened(SAID)) == Decision(OPENING)
    assert told(OPEN, opened()) == Decision(OPEN)
    assert told(KEPT, opened()) == Decision(KEPT)


def test_checkout_delayed_answers_without_the_page_which_comes_later() -> None:
    decision = told(OPENING, delayed())
    assert decision.outputs == (answer(OPENING.booking),)
    assert decision.state is not None
    later = told(decision.state, opened())
    assert kinds(later) == [BookingUpdated]
    assert told(decision.state, delayed()).outputs == ()


def test_another_confirm_waits_for_the_same_page_or_is_told_that_it_takes_longer() -> None:
    both = ask(OPENING, confirm(), ASK_TWO)
    assert both.outputs == ()
    assert both.state is not None
    opening = told(both.state, opened())
    assert [each.command_id for each in opening.outputs[1:]] == [ASK, ASK_TWO]  # type: ignore[union-attr]
    late = told(OPENING, delayed())
    assert late.state is not None
    assert ask(late.state, confirm(), ASK_TWO).outputs == (answer(OPENING.booking, ASK_TWO),)


def test_only_so_many_wait_for_a_page() -> None:
    state: State | None = OPENING
    for number in range(checkouts.MOST_WAITING - 1):
        state = ask(state or OPENING, confirm(), f"5ea00000-0000-4000-8000-{number:012d}").state
    assert state is not None
    one_more = ask(state, confirm(success_url="https://harbour.example/other"))
    assert (one_more.state, refusal(one_more)) == (state, "CONFLICT")
    assert len(told(state, opened()).outputs) == 1 + checkouts.MOST_WAITING


def test_confirming_again_gives_the_same_page_while_it_is_open() -> None:
    assert ask(OPEN, confirm()) == Decision(OPEN, (answer(OPEN.booking),))
    assert ask(OPEN, confirm(**GIVEN)) == Decision(OPEN, (answer(OPEN.booking),))


def test_confirming_again_with_another_address_gives_another_page() -> None:
    decision = ask(OPEN, confirm(success_url="https://harbour.example/other"))
    assert kinds(decision) == [BookingUpdated, CreateCheckout]
    assert decision.state is not None
    assert (decision.state.booking.payment_url, decision.state.booking.payment_status) == (None, "opening")
    assert told(decision.state, expired()) == Decision(decision.state)  # the earlier one, which payment closed


def test_those_who_wait_are_answered_with_the_later_page_when_another_is_asked_for() -> None:
    decision = ask(OPENING, confirm(success_url="https://harbour.example/other"), ASK_TWO)
    assert decision.state is not None
    assert page(decision.state).waiting == (ASK, ASK_TWO)
    assert told(decision.state, opened()) == Decision(decision.state)
    later = told(decision.state, opened(question_of(ASK_TWO, 0)))
    assert [each.command_id for each in later.outputs[1:]] == [ASK, ASK_TWO]  # type: ignore[union-attr]


@pytest.mark.parametrize("over", [failed("declined"), failed("failed"), expired()])
def test_confirming_again_gives_another_page_after_a_failure_or_when_it_has_expired(over: Any) -> None:
    after = told(OPEN, over).state
    assert after is not None
    decision = ask(after, confirm())
    assert kinds(decision) == [BookingUpdated, CreateCheckout]
    assert created(decision).success_url == RETURNS.success_url


def test_confirming_a_paid_booking_gives_the_booking() -> None:
    assert ask(PAID, confirm(**GIVEN)) == Decision(PAID, (answer(PAID.booking),))


@pytest.mark.parametrize("reason", ["refused", "internal", "mismatch"])
def test_a_confirm_is_refused_when_the_provider_gives_no_page(reason: str) -> None:
    decision = told(OPENING, failed(reason))
    assert decision.state is not None
    assert decision.outputs[0] == has_failed(changed(OPENING, payment_status="failed"))
    assert refusal(decision) == "PAYMENT_PROVIDER_UNAVAILABLE"
    assert kinds(ask(decision.state, confirm())) == [BookingUpdated, CreateCheckout]


def test_a_confirm_is_refused_while_another_payment_is_under_way() -> None:
    decision = told(OPENING, failed("in_progress"))
    assert decision.outputs[0] == has_changed(changed(OPENING, payment_status="processing"))
    assert refusal(decision) == "CONFLICT"


def test_a_confirm_that_waits_for_a_page_is_answered_when_another_page_was_paid_at() -> None:
    decision = told(OPENING, succeeded(checkout=SAID))
    assert kinds(decision) == [BookingPaid, BookingAnswer, CancelCheckout]


# ---- called off


def cancelled(state: State) -> Decision:
    asked = ask(state, CANCEL, WAITED)
    assert [type(each) for each in asked.outputs] == [ReleaseSlot]
    assert asked.state is not None
    return domain.hear(asked.state, SlotReleased(booking_id=BOOKING_ID, question=WAITED, reason="released"), LATER)


def test_cancelling_shuts_the_page() -> None:
    decision = cancelled(OPEN)
    gone = changed(OPEN, status="CANCEL", cancel_reason="customer", payment_url=None, payment_status=None)
    assert decision.outputs == (has_changed(gone), SHUT, answer(gone, WAITED))


def test_a_confirm_is_refused_when_the_booking_is_cancelled_while_it_waits() -> None:
    decision = cancelled(OPENING)
    assert decision.outputs[2] == conflict("The booking was cancelled.")
    assert decision.state is not None
    assert told(decision.state, opened()) == Decision(decision.state)


def test_waiting_for_a_page_does_not_occupy_the_booking() -> None:
    assert OPENING.question is None
    assert kinds(ask(OPENING, update(name="Grace"), WAITED)) == [BookingUpdated, BookingAnswer]


@pytest.mark.parametrize("command", [confirm(payment_enabled=False), update(payment_enabled=False)])
def test_the_page_is_shut_when_the_booking_is_not_to_be_paid_here_after_all(command: Any) -> None:
    decision = ask(OPEN, command)
    after = changed(OPEN, payment_enabled=False, payment_url=None, payment_status=None)
    assert decision.outputs == (has_changed(after), SHUT, answer(after))
    waiting = ask(OPENING, command, WAITED)
    assert refusal(waiting) == "CONFLICT"


def test_a_page_that_is_late_and_then_refused_leaves_nobody_waiting() -> None:
    late = told(OPENING, delayed()).state
    assert late is not None
    assert kinds(told(late, failed("refused"))) == [type(has_failed(OPENING.booking))]
