"""Details and extras of the Lighthouse booking: what is asked of it, and what it becomes by it."""

from typing import Any

from bookings import (
    ASK,
    HELD,
    STRANGE,
    answer,
    changed,
    now_is,
    updated,
)

from contracts.availability import (
    CommitSlot,
    ExtraOffer,
    ExtrasQuoted,
    QuoteExtras,
)
from contracts.booking import ConfirmBooking, Extra, UpdateBooking
from contracts.examples import (
    BOOKING_ID,
    COFFEE,
    LATER,
    LIGHTHOUSE,
    ORGANISATION,
    WITH_COFFEE,
)
from services.booking import domain
from services.booking.state import Command, Decision, State

CUP = Extra(id=COFFEE.id, name=COFFEE.name, price=COFFEE.price)
TEA = Extra(id=STRANGE, name="Tea", price=300)
BOUGHT = now_is(HELD, WITH_COFFEE)
ABOUT = {"booking_id": BOOKING_ID, "question": ASK}
COMMIT = CommitSlot(**ABOUT, space_id=LIGHTHOUSE.id, accepted_at=LATER)


def update(**given: Any) -> UpdateBooking:
    return UpdateBooking(booking_id=BOOKING_ID, **given)


def confirm(**given: Any) -> ConfirmBooking:
    return ConfirmBooking(booking_id=BOOKING_ID, **given)


def receive(state: State, command: Command) -> Decision:
    return domain.receive(state, command, ASK, LATER, LATER, ORGANISATION)


def quote(*products: str) -> QuoteExtras:
    return QuoteExtras(**ABOUT, space_id=LIGHTHOUSE.id, products=products, currency="EUR")


def offers(*extras: Extra) -> ExtrasQuoted:
    return ExtrasQuoted(**ABOUT, extras=tuple(ExtraOffer(**extra.model_dump()) for extra in extras))


def hear(decision: Decision, event: Any) -> Decision:
    """What follows when availability answers the question that the decision asked."""
    assert decision.state is not None
    assert decision.state.question is not None
    return domain.hear(decision.state, event, LATER)


def becomes(state: State, **changes: Any) -> Decision:
    """The next version of the booking, told and answered."""
    booking = changed(state, **changes)
    return Decision(now_is(state, booking), (updated(booking, state.booking.status), answer(booking)))
