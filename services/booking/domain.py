"""The booking's life. Pure: a state and a message in, a state and what follows out.

A booking has at most one question open at availability. What is asked of it meanwhile waits in its row and is decided in
order when the answer is in. docs/statuses.md draws the statuses from `TRANSITIONS`.
"""

from dataclasses import replace
from datetime import datetime

from contracts.answers import Code
from contracts.availability import (
    ExtendRefused,
    ExtrasQuoted,
    ExtrasRefused,
    HoldSlot,
    MoveRefused,
    SlotCommitted,
    SlotExtended,
    SlotHeld,
    SlotLost,
    SlotMoved,
    SlotRefused,
    SlotReleased,
)
from contracts.booking import AbandonQuestion, BookedProduct, BookedSpace, Booking, CreateBooking
from contracts.payment import PaymentSucceeded
from services.booking import abandoned, changes, commands, details, payments, refusals
from services.booking.commands import RULES, Rules
from services.booking.money import PaymentEvent, agreed, heard
from services.booking.state import Answered, Asked, Command, Decision, Event, State

MOST_WAITING = 16


class UnknownBooking(Exception):
    """Money came for a booking that is not there. Somebody has to look: to give it back by ourselves would be to empty the till
    whenever our own database has lost something."""


def create(
    state: State | None,
    command: CreateBooking,
    command_id: str,
    accepted_at: datetime,
    now: datetime,
    *,
    held_at_most: int | None = None,
) -> Decision:
    """A new booking asks for its slot; but not if its client holds `held_at_most` slots already."""
    if state is not None:
        # Only a client that chooses ids itself gets here: another command has made this booking.
        return Decision(state, (refusals.refused(command_id, "CONFLICT", "There is a booking with this id already."),))
    if held_at_most is not None:
        return Decision(None, (refusals.too_many_held(command_id, held_at_most),))
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


def receive(
    state: State | None,
    command: Command,
    command_id: str,
    accepted_at: datetime,
    now: datetime,
    organisation: str,
    rules: Rules = RULES,
) -> Decision:
    """A command for a booking: decided now, or when the open question is answered."""
    if state is None or state.hidden:
        return Decision(state, (refusals.refused(command_id, "NOT_FOUND", "There is no such booking."),))
    asked = commands.asked(command, command_id, accepted_at, organisation, rules)
    if state.question is None:
        return commands.decide(state, asked, now)
    if sum(1 for _ in state.commands_waiting()) >= MOST_WAITING:
        return Decision(state, (refusals.too_many(command_id, MOST_WAITING),))
    return Decision(state.model_copy(update={"waiting": (*state.waiting, asked)}))


def hear_of_money(state: State | None, event: PaymentEvent, message_id: str, now: datetime) -> Decision:
    """What payment says: it counts now, or when the open question is answered. Raises UnknownBooking."""
    said = heard(event)
    if state is None or said is None:
        if state is None and isinstance(event, PaymentSucceeded):
            raise UnknownBooking(event.booking_id)
        return Decision(state)
    asked = Asked(id=message_id, kind="heard", accepted_at=now, heard=said)
    if state.question is None:
        return commands.decide(state, asked, now)
    if any(each.heard == said for each in state.waiting):
        return Decision(
            state
        )  # what is said again while it waits counts once: what one message may bring about is bounded
    return Decision(state.model_copy(update={"waiting": (*state.waiting, asked)}))


def hear(state: State | None, event: Event, now: datetime) -> Decision:
    """What availability says: the answer to the open question, or that a hold ran out."""
    if state is None:
        return Decision(None)
    if event.question is None:
        return _ran_out(state, now)
    if state.question is None or state.question.id != event.question:
        return Decision(state)  # the answer to a question that is not open any more
    if state.question.quoting != isinstance(event, (ExtrasQuoted, ExtrasRefused)):
        return Decision(state)  # the same command has asked something else since
    asked, closed = state.question, state.model_copy(update={"question": None, "ran_out": False})
    return _next(_after_a_hold(state, _answered(closed, asked, event, now), now), now)


def abandon(state: State | None, said: AbandonQuestion, now: datetime) -> Decision:
    """A question whose answer could not be decided is closed; one that is not open any more changes nothing."""
    if state is None:
        return Decision(None)
    if state.question is None or state.question.id != said.question:
        return abandoned.of_a_page(state, said)
    if state.question.quoting != (said.answer in (ExtrasQuoted.__name__, ExtrasRefused.__name__)):
        return Decision(state)  # its answer was decided after all, and the same command has asked something else since
    return _next(_after_a_hold(state, abandoned.of_availability(state, state.question, said, now), now), now)


def _after_a_hold(state: State, decision: Decision, now: datetime) -> Decision:
    """The same, if the hold has run out while the question was open."""
    after = decision.state
    if state.ran_out and after is not None and after.booking.status == "RESERVED_15_MIN":
        if after.question is None:
            # The question had no effect, and nobody will say again that the hold is over.
            decision = decision.followed_by(_lapse(after, now))
        else:
            # The command went on to its next question, whose answer may yet save the booking.
            decision = replace(decision, state=after.model_copy(update={"ran_out": True}))
    return decision


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
        after = commands.decide(state.model_copy(update={"waiting": tuple(rest)}), first, now)
        decision = decision.followed_by(after)
    return decision


def _answered(state: State, asked: Asked, event: Event, now: datetime) -> Decision:
    match event:
        case SlotHeld():
            return _held(state, asked, event, now)
        case SlotRefused():
            refused = changes.change(state, now, status="CANCEL", cancel_reason="slot_unavailable", announce=False)
            return refused.and_then(Answered(asked.id, refusals.why_refused(event)))
        case SlotCommitted():
            if asked.kind == "reacquire" and asked.heard is not None:
                return payments.paid(state, asked.heard, now)
            return commands.keep(state, asked, now, status="CONFIRMED", cancel_reason=None, expires_at=None)
        case SlotExtended():
            held_on = state.model_copy(update={"hold_ends_at": event.expires_at})
            return changes.with_answer(changes.change(held_on, now, expires_at=event.expires_at), asked)
        case SlotReleased():
            if asked.kind == "delete":
                return changes.hide(state, asked, now)
            if asked.kind == "expire":
                return payments.expired(state, now)
            return payments.cancelled(state, asked, now)
        case SlotLost():
            return _lost(state, asked, event, now)
        case ExtendRefused():
            code: Code = "SERVER_ERROR" if event.reason == "internal" else "CONFLICT"
            return Decision(state, (refusals.refused(asked.id, code, event.message),))
        case SlotMoved():
            return changes.with_answer(changes.change(payments.moved(state, asked), now, slot=event.slot), asked)
        case MoveRefused():
            return Decision(state, (refusals.not_moved(event, asked.id),))
        case ExtrasQuoted():
            priced = {"quoting": False, "quoted": details.quoted(event)}
            return commands.settle(state, asked.model_copy(update=priced), now)
        case ExtrasRefused():
            return Decision(state, (refusals.no_extras(asked, event),))


def _held(state: State, asked: Asked, event: SlotHeld, now: datetime) -> Decision:
    product, space = event.product, event.space
    held = state.model_copy(update={"hold_ends_at": event.expires_at, "listed": True, "agreed": agreed(product)})
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
    if asked.kind == "reacquire" and asked.heard is not None:
        return payments.late(state, asked.heard, now)
    if asked.kind == "expire":
        return payments.still_held(state, now)
    if event.reason == "internal":
        why = "Availability could not handle the question. The booking is as it was; a repeat is handled afresh."
        return Decision(state, (refusals.refused(asked.id, "SERVER_ERROR", why),))
    if state.booking.status == "RESERVED_15_MIN":
        lapsed = changes.change(state, now, status="CANCEL", cancel_reason="hold_expired")
        return lapsed.and_then(refusals.expired(state, asked.id))
    return Decision(state, (refusals.expired(state, asked.id),))
