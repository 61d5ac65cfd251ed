"""The next version of a booking, with the one event that tells of it."""

from datetime import datetime
from typing import Any

from contracts.booking import (
    BookingAnswer,
    BookingCreated,
    BookingDeleted,
    BookingDeletedAnswer,
    BookingPaid,
    BookingPaymentFailed,
    BookingUpdated,
)
from services.booking.state import TRANSITIONS, Answered, Asked, Decision, State


def hide(state: State, asked: Asked, now: datetime) -> Decision:
    """The row stays for late money, without whoever it was."""
    booking = state.booking.model_copy(
        update={"customer": None, "version": state.booking.version + 1, "updated_at": now}
    )
    if booking.status == "RESERVED_15_MIN":
        booking = booking.model_copy(update={"status": "CANCEL", "cancel_reason": "customer"})
    hidden = state.model_copy(update={"booking": booking, "hidden": True})
    gone = Answered(asked.id, BookingDeletedAnswer(booking_id=booking.id))
    if not state.listed:  # nobody was told of it
        return Decision(hidden, (gone,))
    event = BookingDeleted(booking=booking, previous_status=state.booking.status)
    return Decision(hidden, (event, gone))


def change(state: State, now: datetime, *, announce: bool = True, failed: bool = False, **changes: Any) -> Decision:
    """The next version of the booking, with its one event; `failed`: of a payment that did."""
    before = state.booking
    after = before.model_copy(update={**changes, "version": before.version + 1, "updated_at": now})
    if after.status != before.status and after.status not in TRANSITIONS[before.status]:
        raise AssertionError(f"{before.status} never becomes {after.status}")
    changed = state.model_copy(update={"booking": after})
    if not announce:
        return Decision(changed)
    event: type[BookingCreated | BookingUpdated | BookingPaid | BookingPaymentFailed] = BookingUpdated
    if before.status == "PENDING":
        event = BookingCreated
    elif after.status == "PAID" and before.status != "PAID":
        event = BookingPaid
    elif failed:
        event = BookingPaymentFailed
    return Decision(changed, (event(booking=after, previous_status=before.status),))


def differs(state: State, now: datetime, **changes: Any) -> Decision:
    """The same, but without a new version where nothing would be new."""
    new = {field: value for field, value in changes.items() if getattr(state.booking, field) != value}
    return change(state, now, **new) if new else Decision(state)


def with_answer(decision: Decision, asked: Asked) -> Decision:
    """The decision, answered with the booking as it leaves it."""
    assert decision.state is not None
    return decision.and_then(as_it_is(decision.state, asked.id))


def as_it_is(state: State, command_id: str) -> Answered:
    """The booking, unchanged, as the answer."""
    return Answered(command_id, BookingAnswer(booking=state.booking))
