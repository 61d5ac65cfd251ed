"""The booking's life. Pure: a state and a message in, a state and what follows out.

A booking has at most one question open at availability. What is asked of it meanwhile waits in its row and is decided in
order when the answer is in. docs/statuses.md draws the statuses from `TRANSITIONS`.
"""

from datetime import datetime

from contracts.answers import Code
from contracts.availability import (
    CommitSlot,
    ExtendRefused,
    ExtendSlot,
    HoldSlot,
    ReleaseSlot,
    SlotCommitted,
    SlotExtended,
    SlotHeld,
    SlotLost,
    SlotRefused,
    SlotReleased,
)
from contracts.booking import (
    BookedProduct,
    BookedSpace,
    Booking,
    CancelBooking,
    ConfirmBooking,
    CreateBooking,
    DeleteBooking,
    ExtendHold,
)
from contracts.model import Message
from services.booking import changes, refusals
from services.booking.state import (
    Answered,
    Asked,
    Command,
    Decision,
    Event,
    Kind,
    Question,
    State,
)

MOST_WAITING = 16

_KINDS: dict[type[Message], Kind] = {
    ConfirmBooking: "confirm",
    ExtendHold: "extend",
    CancelBooking: "cancel",
    DeleteBooking: "delete",
}


def create(
    state: State | None, command: CreateBooking, command_id: str, accepted_at: datetime, now: datetime
) -> Decision:
    """A new booking asks for its slot."""
    if state is not None:
        # Only a client that chooses ids itself gets here: another command has made this booking.
        return Decision(state, (refusals.refused(command_id, "CONFLICT", "There is a booking with this id already."),))
    booking = Booking(
        id=command.booking_id,
        status="PENDING",
        version=1,
        slot=command.slot,
        product=BookedProduct(id=command.product_id),
        space=BookedSpace(id=command.space_id),
        created_at=now,
        updated_at=now,
    )
    asked = Asked(id=command_id, kind="create", accepted_at=accepted_at)
    question = HoldSlot(
        booking_id=command.booking_id,
        question=command_id,
        product_id=command.product_id,
        space_id=command.space_id,
        slot=command.slot,
    )
    return Decision(State(booking=booking, question=asked), (question,))


def receive(state: State | None, command: Command, command_id: str, accepted_at: datetime, now: datetime) -> Decision:
    """A command for a booking: decided now, or when the open question is answered."""
    if state is None or state.hidden:
        return Decision(state, (refusals.refused(command_id, "NOT_FOUND", "There is no such booking."),))
    asked = Asked(id=command_id, kind=_KINDS[type(command)], accepted_at=accepted_at)
    if state.question is None:
        return _decide(state, asked, now)
    if len(state.waiting) >= MOST_WAITING:
        return Decision(state, (refusals.too_many(command_id, MOST_WAITING),))
    return Decision(state.model_copy(update={"waiting": (*state.waiting, asked)}))


def hear(state: State | None, event: Event, now: datetime) -> Decision:
    """What availability says: the answer to the open question, or that a hold ran out."""
    if state is None:
        return Decision(None)
    if event.question is None:
        return _ran_out(state, now)
    if state.question is None or state.question.id != event.question:
        return Decision(state)  # the answer to a question that is not open any more
    asked, closed = state.question, state.model_copy(update={"question": None, "ran_out": False})
    decision = _answered(closed, asked, event, now)
    if state.ran_out and decision.state is not None and decision.state.booking.status == "RESERVED_15_MIN":
        # The question had no effect, and nobody will say again that the hold is over.
        decision = decision.followed_by(_lapse(decision.state, now))
    return _next(decision, now)


def _ran_out(state: State, now: datetime) -> Decision:
    if state.booking.status != "RESERVED_15_MIN":
        return Decision(state)
    if state.question is not None:
        # Its answer tells, and may yet save the booking: the commit may have been accepted in time.
        return Decision(state.model_copy(update={"ran_out": True}))
    return _lapse(state, now)


def _lapse(state: State, now: datetime) -> Decision:
    return changes.change(state, now, status="CANCEL", cancel_reason="hold_expired")


def _next(decision: Decision, now: datetime) -> Decision:
    """The commands that waited, until one asks a question of its own."""
    while (state := decision.state) is not None and state.question is None and state.waiting:
        first, *rest = state.waiting
        after = _decide(state.model_copy(update={"waiting": tuple(rest)}), first, now)
        decision = decision.followed_by(after)
    return decision


def _decide(state: State, asked: Asked, now: datetime) -> Decision:
    if state.hidden:
        return Decision(state, (refusals.refused(asked.id, "NOT_FOUND", "There is no such booking."),))
    match asked.kind:
        case "confirm":
            return _confirm(state, asked)
        case "extend":
            return _extend(state, asked)
        case "cancel":
            return _cancel(state, asked)
        case "delete":
            return _delete(state, asked, now)
        case "create":
            raise AssertionError("a create asks at once and never waits")


def _confirm(state: State, asked: Asked) -> Decision:
    booking = state.booking
    if booking.status in ("CONFIRMED", "PAID"):
        return Decision(state, (changes.as_it_is(state, asked.id),))
    if booking.status != "RESERVED_15_MIN" and not _lapsed(booking):
        return Decision(state, (refusals.gone(booking, asked.id),))
    if not _in_time(state, asked):
        return Decision(state, (refusals.expired(state, asked.id),))
    return _ask(
        state,
        asked,
        CommitSlot(booking_id=booking.id, question=asked.id, space_id=booking.space.id, accepted_at=asked.accepted_at),
    )


def _extend(state: State, asked: Asked) -> Decision:
    booking = state.booking
    if _lapsed(booking):
        return Decision(state, (refusals.expired(state, asked.id),))
    if booking.status != "RESERVED_15_MIN":
        why = f"The booking is {booking.status}: there is no hold to extend."
        return Decision(state, (refusals.refused(asked.id, "CONFLICT", why),))
    if not _in_time(state, asked):
        return Decision(state, (refusals.expired(state, asked.id),))
    return _ask(
        state,
        asked,
        ExtendSlot(booking_id=booking.id, question=asked.id, space_id=booking.space.id, accepted_at=asked.accepted_at),
    )


def _cancel(state: State, asked: Asked) -> Decision:
    status = state.booking.status
    if status == "CANCEL":
        # It is let go: a confirm accepted in time, but after this, does not take the slot of a lapsed hold again.
        let_go = state.model_copy(update={"hold_ends_at": None}) if _lapsed(state.booking) else state
        return Decision(let_go, (changes.as_it_is(state, asked.id),))
    if status not in ("RESERVED_15_MIN", "CONFIRMED"):
        return Decision(
            state, (refusals.refused(asked.id, "CONFLICT", f"The booking is {status} and cannot be cancelled."),)
        )
    return _release(state, asked)


def _delete(state: State, asked: Asked, now: datetime) -> Decision:
    status = state.booking.status
    if status in ("CONFIRMED", "PAID"):
        why = f"The booking is {status}. Cancel it first."
        return Decision(state, (refusals.refused(asked.id, "CONFLICT", why),))
    return changes.hide(state, asked, now) if status in ("CANCEL", "REFUNDED") else _release(state, asked)


def _release(state: State, asked: Asked) -> Decision:
    booking = state.booking
    question = ReleaseSlot(booking_id=booking.id, question=asked.id, space_id=booking.space.id)
    return _ask(state, asked, question)


def _answered(state: State, asked: Asked, event: Event, now: datetime) -> Decision:
    match event:
        case SlotHeld():
            return _held(state, asked, event, now)
        case SlotRefused():
            refused = changes.change(state, now, status="CANCEL", cancel_reason="slot_unavailable", announce=False)
            return refused.and_then(Answered(asked.id, refusals.why_refused(event)))
        case SlotCommitted():
            if state.booking.status == "CONFIRMED":
                return Decision(state, (changes.as_it_is(state, asked.id),))
            confirmed = changes.change(state, now, status="CONFIRMED", cancel_reason=None, expires_at=None)
            return changes.with_answer(confirmed, asked)
        case SlotExtended():
            held_on = state.model_copy(update={"hold_ends_at": event.expires_at})
            return changes.with_answer(changes.change(held_on, now, expires_at=event.expires_at), asked)
        case SlotReleased():
            if asked.kind == "delete":
                return changes.hide(state, asked, now)
            return changes.with_answer(changes.change(state, now, status="CANCEL", cancel_reason="customer"), asked)
        case SlotLost():
            return _lost(state, asked, event, now)
        case ExtendRefused():
            code: Code = "SERVER_ERROR" if event.reason == "internal" else "CONFLICT"
            return Decision(state, (refusals.refused(asked.id, code, event.message),))


def _held(state: State, asked: Asked, event: SlotHeld, now: datetime) -> Decision:
    product, space = event.product, event.space
    held = state.model_copy(update={"hold_ends_at": event.expires_at, "listed": True})
    decision = changes.change(
        held,
        now,
        status="RESERVED_15_MIN",
        expires_at=event.expires_at,
        product=BookedProduct(id=product.id, name=product.name, price=product.price, currency=product.currency),
        space=BookedSpace(id=space.id, name=space.name, venue_id=space.venue_id),
        total_price=product.price,
        currency=product.currency,
    )
    return changes.with_answer(decision, asked)


def _lost(state: State, asked: Asked, event: SlotLost, now: datetime) -> Decision:
    if event.reason == "internal":
        why = "Availability could not handle the question. The booking is as it was; a repeat is handled afresh."
        return Decision(state, (refusals.refused(asked.id, "SERVER_ERROR", why),))
    if state.booking.status == "RESERVED_15_MIN":
        lapsed = changes.change(state, now, status="CANCEL", cancel_reason="hold_expired")
        return lapsed.and_then(refusals.expired(state, asked.id))
    return Decision(state, (refusals.expired(state, asked.id),))


def _ask(state: State, asked: Asked, question: Question) -> Decision:
    return Decision(state.model_copy(update={"question": asked}), (question,))


def _lapsed(booking: Booking) -> bool:
    return booking.status == "CANCEL" and booking.cancel_reason == "hold_expired"


def _in_time(state: State, asked: Asked) -> bool:
    """The deadline rule: the broker's time of the record counts, never a client's, never ours."""
    return state.hold_ends_at is not None and asked.accepted_at < state.hold_ends_at
