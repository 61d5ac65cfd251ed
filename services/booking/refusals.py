"""Why a command has no effect, in words."""

from collections.abc import Sequence

from contracts.answers import Code, Detail, Refused
from contracts.availability import ExtrasRefused, MoveRefused, SlotRefused
from contracts.booking import Booking
from services.booking.state import Answered, Asked, State


def refused(command_id: str, code: Code, message: str, details: Sequence[Detail] = ()) -> Answered:
    return Answered(command_id, Refused(code=code, message=message, details=tuple(details)))


def too_many(command_id: str, most: int) -> Answered:
    why = f"{most} commands wait for this booking already. Repeat this one a little later."
    return refused(command_id, "CONFLICT", why)


def too_many_held(command_id: str, most: int) -> Answered:
    why = (
        f"{most} slots are held for this client already. Confirm or cancel some, or let them lapse; then use a new key."
    )
    return refused(command_id, "RATE_LIMITED", why, (Detail(field="slot", issue="too_many_held"),))


def unfit(command_id: str, details: Sequence[Detail]) -> Answered:
    return refused(command_id, "VALIDATION_FAILED", "The booking cannot be changed like this.", details)


def unfit_customer(details: Sequence[Detail]) -> Refused:
    return Refused(
        code="VALIDATION_FAILED", message="The customer cannot be entered like this.", details=tuple(details)
    )


def other_version(command_id: str, version: int) -> Answered:
    why = f"The booking has version {version} by now. Read it again."
    return refused(
        command_id, "PRECONDITION_FAILED", why, (Detail(field="If-Match", issue=f"the version is {version}"),)
    )


def extras_are_fixed(booking: Booking, command_id: str) -> Answered:
    why = f"The booking is {booking.status}: its extras do not change any more."
    return refused(command_id, "CONFLICT", why, (Detail(field="additionalProducts", issue=booking.status),))


def too_dear(command_id: str, most: int) -> Answered:
    why = f"Booking and extras together cost more than {most}."
    return refused(command_id, "VALIDATION_FAILED", why, (Detail(field="additionalProducts", issue="is too much"),))


def another_space(command_id: str) -> Answered:
    why = "A booking moves within its space only. Cancel it and book the other space."
    return refused(command_id, "VALIDATION_FAILED", why, (Detail(field="spaceId", issue="is another space"),))


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


def not_moved(event: MoveRefused, command_id: str) -> Answered:
    """As at first, but that the booking itself is there, whatever became of its product."""
    code, at = _REFUSALS.get(event.reason, ("VALIDATION_FAILED", "slot"))
    detail = Detail(field="slot" if code == "VALIDATION_FAILED" else at, issue=event.reason)
    return refused(command_id, "CONFLICT" if code == "NOT_FOUND" else code, event.message, (detail,))


def no_extras(asked: Asked, event: ExtrasRefused) -> Answered:
    """Each of them by its place in the command."""
    wanted = (asked.given.extras if asked.given else None) or ()
    at = {id_: f"additionalProducts.{place}" for place, id_ in enumerate(wanted)}
    details = [Detail(field=at.get(each.id, "additionalProducts"), issue=each.reason) for each in event.extras]
    code: Code = "SERVER_ERROR" if event.reason == "internal" else "VALIDATION_FAILED"
    return refused(asked.id, code, event.message, details)


def why_refused(event: SlotRefused) -> Refused:
    code, at = _REFUSALS.get(event.reason, ("VALIDATION_FAILED", "slot"))
    return Refused(code=code, message=event.message, details=(Detail(field=at, issue=event.reason),))
