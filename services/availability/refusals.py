"""Why a slot is not given, in words."""

from datetime import datetime

from contracts.availability import HoldSlot, MoveRefused, MoveSlot, RefusedReason, SlotRefused

_WORDS: dict[RefusedReason, str] = {
    "held": "The slot is held",
    "booked": "The slot is booked.",
    "buffer": "The slot is too close to another booking of this space.",
    "closed": "The house is closed then.",
    "off_grid": "No slot begins at that time.",
    "duration": "The slot is not as long as the product.",
    "lead_time": "The slot begins too soon.",
    "horizon": "The slot is too far ahead.",
    "unknown_product": "There is no such product.",
    "unknown_space": "There is no such space.",
    "not_offered": "The product is not sold in this space.",
    "internal": "The question could not be handled; it had no effect.",
}


def words(reason: RefusedReason, until: datetime | None = None) -> str:
    """The reason for a human reader."""
    if reason == "held":
        return _WORDS[reason] + (f" until {until:%H:%M:%S}Z." if until else ".")
    return _WORDS[reason]


def slot_refused(command: HoldSlot, reason: RefusedReason, until: datetime | None = None) -> SlotRefused:
    """The slot is not held."""
    message = words(reason, until)
    return SlotRefused(
        booking_id=command.booking_id, question=command.question, reason=reason, message=message, until=until
    )


def move_refused(command: MoveSlot, reason: RefusedReason, until: datetime | None = None) -> MoveRefused:
    """The slot is as it was."""
    message = words(reason, until)
    return MoveRefused(
        booking_id=command.booking_id, question=command.question, reason=reason, message=message, until=until
    )
