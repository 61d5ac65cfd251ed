"""The Lighthouse booking with its page and its money, and what payment says of them."""

from datetime import datetime, timedelta
from typing import Any

from bookings import ASK, KEPT, TERMS, now_is
from detailed import ABOUT, confirm, hear

from contracts.answers import Refused
from contracts.availability import SlotCommitted
from contracts.booking import BookingPaymentFailed, BookingUpdated, Status, UpdateBooking
from contracts.envelope import output_id
from contracts.examples import BOOKING_ID, CREATE_CHECKOUT, DETAILS, LATER, ORGANISATION, PAGE, TO_BE_PAID, WITH_PAGE
from contracts.model import Message
from contracts.payment import (
    CheckoutDelayed,
    CheckoutExpired,
    CheckoutOpened,
    PaymentFailed,
    PaymentRefunded,
    PaymentSucceeded,
    RefundFailed,
    RefundPayment,
)
from services.booking import checkouts, domain
from services.booking.commands import RULES, Rules
from services.booking.money import Captured, Page, Purse, Returns, Terms
from services.booking.state import Answered, Command, Decision, State

SAID = "5ea00000-0000-4000-8000-0000000000b1"  # the id of what payment says
FIRST, SECOND = "5ea00000-0000-4000-8000-0000000000c1", "5ea00000-0000-4000-8000-0000000000c2"
ASK_TWO = "5ea00000-0000-4000-8000-0000000000a3"
TERMS_REACQUIRE = TERMS.model_copy(update={"late_payment": "reacquire"})
RETURNS = Returns(success_url=CREATE_CHECKOUT.success_url, cancel_url=CREATE_CHECKOUT.cancel_url)
GIVEN = {
    "payment_enabled": True,
    "success_url": "https://harbour.example/thanks",
    "cancel_url": "https://harbour.example/again",
}

# A page that is asked for, that is there, and the booking that was paid at it.
OPENING = now_is(
    KEPT, TO_BE_PAID, money=Purse(returns=RETURNS, page=Page(question=FIRST, returns=RETURNS, waiting=(ASK,)))
)
OPEN = now_is(
    KEPT, WITH_PAGE, money=Purse(returns=RETURNS, page=Page(question=FIRST, checkout=FIRST, url=PAGE, returns=RETURNS))
)
PAY_IN = Captured(id="pi_1", amount=2500)


def with_money(state: State, **changes: Any) -> State:
    return state.with_purse(**changes)


def page(state: State) -> Page:
    assert state.purse.page is not None
    return state.purse.page


def becoming(state: State, status: Status, *captured: Captured, over: bool = True, **changes: Any) -> State:
    """The booking of that page in another status, with this money."""
    booking = state.booking.model_copy(update={"status": status, "payment_url": None, **changes})
    return now_is(state, booking).with_purse(captured=captured, page=page(state).model_copy(update={"over": over}))


PAID = becoming(OPEN, "PAID", PAY_IN, payment_status="paid", version=5)
CANCELLED = becoming(OPEN, "CANCEL", cancel_reason="customer", payment_status=None, version=5)
REFUNDING = becoming(
    OPEN,
    "CANCEL",
    PAY_IN.model_copy(update={"back": 2500, "refund": "asked"}),
    cancel_reason="customer",
    payment_status="refunding",
    version=6,
)
REFUNDED = becoming(
    OPEN,
    "REFUNDED",
    PAY_IN.model_copy(update={"back": 2500, "refund": "done"}),
    cancel_reason="customer",
    payment_status="refunded",
    version=7,
)


def on(state: State, **terms: Any) -> State:
    """The same, on these terms."""
    return state.model_copy(update={"agreed": Terms(**{**dict(state.terms), **terms})})


# ---- what payment says


def opened(question: str = FIRST, checkout: str | None = None) -> CheckoutOpened:
    return CheckoutOpened(
        booking_id=BOOKING_ID,
        question=question,
        checkout_id=checkout or question,
        url=PAGE,
        expires_at=CREATE_CHECKOUT.expires_at,
    )


def delayed(question: str = FIRST) -> CheckoutDelayed:
    return CheckoutDelayed(booking_id=BOOKING_ID, question=question)


def expired(checkout: str = FIRST) -> CheckoutExpired:
    return CheckoutExpired(booking_id=BOOKING_ID, checkout_id=checkout)


def succeeded(payment: str = "pi_1", checkout: str = FIRST) -> PaymentSucceeded:
    return PaymentSucceeded(booking_id=BOOKING_ID, checkout_id=checkout, payment=payment, amount=2500, currency="EUR")


def failed(reason: Any = "declined", checkout: str = FIRST) -> PaymentFailed:
    return PaymentFailed(booking_id=BOOKING_ID, checkout_id=checkout, reason=reason)


def refunded(payment: str = "pi_1", amount: int = 2500) -> PaymentRefunded:
    return PaymentRefunded(
        booking_id=BOOKING_ID, refund_id=SECOND, payment=payment, refund="re_1", amount=amount, currency="EUR"
    )


def not_refunded(payment: str = "pi_1", automatic: bool = False, reason: Any = "refused") -> RefundFailed:
    return RefundFailed(
        booking_id=BOOKING_ID, refund_id=SECOND, payment=payment, amount=2500, reason=reason, automatic=automatic
    )


def told(state: State | None, event: Any, now: datetime = LATER) -> Decision:
    return domain.hear_of_money(state, event, SAID, now)


# ---- what is asked


def ask(state: State, command: Command, command_id: str = ASK, rules: Rules = RULES, at: datetime = LATER) -> Decision:
    """Decided about, the page known by its id."""
    return checkouts.named(domain.receive(state, command, command_id, at, LATER, ORGANISATION, rules), command_id)


def committed(decision: Decision) -> Decision:
    """What follows when the slot is kept for good."""
    return checkouts.named(hear(decision, SlotCommitted(**ABOUT)), SAID)


def confirmed(state: State, rules: Rules = RULES, **given: Any) -> Decision:
    """A held booking is confirmed with payment."""
    return committed(ask(state, confirm(**DETAILS, **{**GIVEN, **given}), rules=rules))


def give_back(amount: int = 2500, payment: str = "pi_1") -> RefundPayment:
    return RefundPayment(booking_id=BOOKING_ID, payment=payment, amount=amount)


def question_of(cause: str, place: int) -> str:
    """The id that an output of that message has."""
    return output_id(cause, "booking", place)


def update(**given: Any) -> UpdateBooking:
    return UpdateBooking(booking_id=BOOKING_ID, **given)


def changed(state: State, now: datetime = LATER, **changes: Any) -> Any:
    """The next version of the booking."""
    fields = {"version": state.booking.version + 1, "updated_at": now, **changes}
    return state.booking.model_copy(update=fields)


def has_failed(booking: Any) -> BookingPaymentFailed:
    return BookingPaymentFailed(booking=booking, previous_status="CONFIRMED")


def has_changed(booking: Any, before: Status = "CONFIRMED") -> BookingUpdated:
    return BookingUpdated(booking=booking, previous_status=before)


def refusal(decision: Decision, command_id: str = ASK) -> str:
    """Why this command was refused."""
    [body] = [each.body for each in decision.outputs if isinstance(each, Answered) and each.command_id == command_id]
    assert isinstance(body, Refused)
    return body.code


def kinds(decision: Decision) -> list[type[Message]]:
    return [type(each.body if isinstance(each, Answered) else each) for each in decision.outputs]


HOUR = timedelta(hours=1)
