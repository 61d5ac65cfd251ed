"""What becomes of a booking by each command whose turn it is: asked, changed or refused. Pure."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from contracts.availability import CommitSlot, ExtendSlot, MoveSlot, QuoteExtras, ReleaseSlot
from contracts.booking import (
    Booking,
    CancelBooking,
    ConfirmBooking,
    DeleteBooking,
    ExtendHold,
    RescheduleBooking,
    UpdateBooking,
)
from contracts.model import Message
from services.booking import changes, checkouts, details, payments, refusals, return_urls
from services.booking.money import USUAL, Returns, Usual
from services.booking.return_urls import Allowed
from services.booking.state import Asked, Command, Decision, Kind, Question, State

_KINDS: dict[type[Message], Kind] = {
    UpdateBooking: "update",
    ConfirmBooking: "confirm",
    RescheduleBooking: "reschedule",
    ExtendHold: "extend",
    CancelBooking: "cancel",
    DeleteBooking: "delete",
}


class Rules(NamedTuple):
    """What the settings say of checkouts: which addresses a customer may return to, and what is usual."""

    allowed: Allowed = Allowed()
    success_url: str | None = None
    cancel_url: str | None = None
    seconds: int = USUAL.seconds

    def usual(self, booking_id: str) -> Usual | None:
        """As it is for this booking; None if nothing is unusual about it."""
        if self == RULES:
            return None
        pairs = (("success_url", self.success_url), ("cancel_url", self.cancel_url))
        given = {name: return_urls.with_id(url, booking_id) for name, url in pairs if url is not None}
        return Usual(returns=Returns(**given), seconds=self.seconds)


RULES = Rules()


def asked(command: Command, command_id: str, accepted_at: datetime, organisation: str, rules: Rules = RULES) -> Asked:
    """The command with all that its turn needs, and nothing else of it."""
    kind = _KINDS[type(command)]
    match command:
        case UpdateBooking() | ConfirmBooking():
            given = details.given(command, organisation, rules.allowed)
            more: dict[str, Any] = {"given": given, "usual": rules.usual(command.booking_id)}
        case RescheduleBooking():
            more = {"slot": command.slot, "space_id": command.space_id}
        case _:
            more = {}
    return Asked(id=command_id, kind=kind, accepted_at=accepted_at, if_version=command.if_version, **more)


def decide(state: State, asked: Asked, now: datetime) -> Decision:
    """The command whose turn it is, or what payment said."""
    if asked.heard is not None:
        return payments.hear(state, asked, asked.heard, now)
    if state.hidden:
        return Decision(state, (refusals.refused(asked.id, "NOT_FOUND", "There is no such booking."),))
    if asked.if_version not in (None, state.booking.version):
        return Decision(state, (refusals.other_version(asked.id, state.booking.version),))
    return _DECIDED[asked.kind](state, asked, now)


def settle(state: State, asked: Asked, now: datetime) -> Decision:
    """The details of an update or a confirm: what is wrong with them, what the extras cost, then what is to be done."""
    booking = state.booking
    if wrong := (*details.wrong(booking, asked), *checkouts.missing(state, asked)):
        return Decision(state, (refusals.unfit(asked.id, wrong),))
    if booking.status in ("CONFIRMED", "PAID") and details.extras_change(booking, asked):
        return Decision(state, (refusals.extras_are_fixed(booking, asked.id),))
    if unpriced := details.unpriced(booking, asked):
        assert booking.currency is not None, "a slot was held, with its price"
        question = QuoteExtras(
            booking_id=booking.id,
            question=asked.id,
            space_id=booking.space.id,
            products=unpriced,
            currency=booking.currency,
        )
        return _ask(state, asked.model_copy(update={"quoting": True}), question)
    if details.total(booking, details.extras_of(booking, asked)) > details.MOST_MONEY:
        return Decision(state, (refusals.too_dear(asked.id, details.MOST_MONEY),))
    if asked.kind == "confirm" and booking.status not in ("CONFIRMED", "PAID"):
        return _ask(state, asked, CommitSlot(**_about(state, asked), accepted_at=asked.accepted_at))
    return keep(state, asked, now)


def keep(state: State, asked: Asked, now: datetime, **more: Any) -> Decision:
    """The booking with the details of the command, without a new version if it had them all; and the page, if it is to be paid."""
    return checkouts.change(state, asked, now, **details.changes(state.booking, asked) | more)


def _update(state: State, asked: Asked, now: datetime) -> Decision:
    booking = state.booking
    if _lapsed(booking) or (booking.status == "RESERVED_15_MIN" and not _in_time(state, asked)):
        return Decision(state, (refusals.expired(state, asked.id),))
    if booking.status not in ("RESERVED_15_MIN", "CONFIRMED", "PAID"):
        return Decision(state, (refusals.gone(booking, asked.id),))
    return settle(state, asked, now)


def _confirm(state: State, asked: Asked, now: datetime) -> Decision:
    booking = state.booking
    if booking.status in ("CONFIRMED", "PAID"):
        return settle(state, asked, now)
    if booking.status != "RESERVED_15_MIN" and not _lapsed(booking):
        return Decision(state, (refusals.gone(booking, asked.id),))
    if not _in_time(state, asked):
        return Decision(state, (refusals.expired(state, asked.id),))
    return settle(state, asked, now)


def _reschedule(state: State, asked: Asked, _now: datetime) -> Decision:
    booking = state.booking
    assert asked.slot is not None
    if _lapsed(booking) or (booking.status == "RESERVED_15_MIN" and not _in_time(state, asked)):
        return Decision(state, (refusals.expired(state, asked.id),))
    if booking.status not in ("RESERVED_15_MIN", "CONFIRMED", "PAID"):
        return Decision(state, (refusals.gone(booking, asked.id),))
    if asked.space_id not in (None, booking.space.id):
        return Decision(state, (refusals.another_space(asked.id),))
    if asked.slot == booking.slot:
        return Decision(state, (changes.as_it_is(state, asked.id),))
    return _ask(state, asked, MoveSlot(**_about(state, asked), slot=asked.slot, accepted_at=asked.accepted_at))


def _extend(state: State, asked: Asked, _now: datetime) -> Decision:
    booking = state.booking
    if _lapsed(booking):
        return Decision(state, (refusals.expired(state, asked.id),))
    if booking.status != "RESERVED_15_MIN":
        why = f"The booking is {booking.status}: there is no hold to extend."
        return Decision(state, (refusals.refused(asked.id, "CONFLICT", why),))
    if not _in_time(state, asked):
        return Decision(state, (refusals.expired(state, asked.id),))
    return _ask(state, asked, ExtendSlot(**_about(state, asked), accepted_at=asked.accepted_at))


def _cancel(state: State, asked: Asked, now: datetime) -> Decision:
    status = state.booking.status
    if again := payments.refunded_again(state, asked, now):
        return again
    if status == "CANCEL":
        # It is let go: a confirm accepted in time, but after this, does not take the slot of a lapsed hold again.
        let_go = state.model_copy(update={"hold_ends_at": None}) if _lapsed(state.booking) else state
        return Decision(let_go, (changes.as_it_is(state, asked.id),))
    if status not in ("RESERVED_15_MIN", "CONFIRMED", "PAID"):
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
    return _ask(state, asked, ReleaseSlot(**_about(state, asked)))


_DECIDED: dict[Kind, Callable[[State, Asked, datetime], Decision]] = {
    "update": _update,
    "confirm": _confirm,
    "reschedule": _reschedule,
    "extend": _extend,
    "cancel": _cancel,
    "delete": _delete,
}  # a create asks at once and never waits


def _ask(state: State, asked: Asked, question: Question) -> Decision:
    return Decision(state.model_copy(update={"question": asked}), (question,))


def _about(state: State, asked: Asked) -> dict[str, str]:
    return {"booking_id": state.booking.id, "question": asked.id, "space_id": state.booking.space.id}


def _lapsed(booking: Booking) -> bool:
    return booking.status == "CANCEL" and booking.cancel_reason == "hold_expired"


def _in_time(state: State, asked: Asked) -> bool:
    """The deadline rule: the broker's time of the record counts, never a client's, never ours."""
    return state.hold_ends_at is not None and asked.accepted_at < state.hold_ends_at
