"""One PATCH of a booking is one command: which one follows from its body."""

from contracts import booking
from services.gateway.errors import against_rules
from services.gateway.shapes import BookingChange

Command = booking.UpdateBooking | booking.ConfirmBooking | booking.RescheduleBooking | booking.CancelBooking


def command(booking_id: str, body: BookingChange, version: int | None) -> Command:
    """The command. Raises Problem (422) for what no single command can do."""
    given = body.model_fields_set
    about = {"booking_id": booking_id, "if_version": version}
    if body.slot is not None:
        _alone(given, "slot", "space_id")
        return booking.RescheduleBooking(**about, slot=body.slot, space_id=body.space_id)
    if body.space_id is not None:
        raise against_rules("A booking moves with its slot.", ("slot", "is required with spaceId"))
    if body.status == "CANCEL":
        _alone(given, "status")
        return booking.CancelBooking(**about)
    details = {
        "email": body.email,
        "name": body.name,
        "phone": body.phone,
        "additional_products": body.additional_products,
        "payment_enabled": body.payment_enabled,
        "success_url": body.success_url,
        "cancel_url": body.cancel_url,
    }
    if body.status == "CONFIRMED":
        return booking.ConfirmBooking(**about, **details)
    return booking.UpdateBooking(**about, **details)


def _alone(given: set[str], what: str, *beside: str) -> None:
    others = sorted(given - {what, *beside})
    if others:
        aliases = [BookingChange.model_fields[name].alias or name for name in others]
        said = f"{what} cannot be changed together with anything else: nobody would know which change was refused."
        raise against_rules(said, *((alias, f"stands beside {what}") for alias in aliases))
