"""Why a command has no effect, in words."""

from collections.abc import Sequence

from contracts.answers import Code, Detail, Refused
from contracts.availability import SlotRefused
from contracts.booking import Booking
from services.booking.state import Answered, State


def refused(command_id: str, code: Code, message: str, details: Sequence[Detail] = ()) -> Answered:
    return Answered(command_id, Refused(code=code, message=message, details=tuple(details)))


def too_many(command_id: str, most: int) -> Answered:
    why = f"{most} commands wait for this booking already. Repeat this one a little later."
    return refused(command_id, "CONFLICT", why)


def expired(state: State, command_id: str) -> Answered:
    ended = f" at {state.hold_ends_at:%Y-%m-%dT%H:%M:%SZ}" if state.hold_ends_at else ""
    return refused(command_id, "HOLD_EXPIRED", f"The hold ended{ended}. Book the slot again if it is still free.")


def gone(booking: Booking, command_id: str) -> Answered:
    return refused(command_id, "CONFLICT", f"The booking is {booking.status} ({booking.cancel_reason}).")


_REFUSALS: dict[str, tuple[Code, str]] = {
    "held": ("SLOT_UNAVAILABLE", "slot"),
    "booked": ("SLOT_UNAVAILABLE", "slot"),
    "buffer": ("SLOT_UNAVAILABLE", "slot"),
    "unknown_product": ("NOT_FOUND", "productId"),
    "unknown_space": ("NOT_FOUND", "spaceId"),
    "not_offered": ("VALIDATION_FAILED", "productId"),
    "internal": ("SERVER_ERROR", "slot"),
}


def why_refused(event: SlotRefused) -> Refused:
    code, at = _REFUSALS.get(event.reason, ("VALIDATION_FAILED", "slot"))
    return Refused(code=code, message=event.message, details=(Detail(field=at, issue=event.reason),))
