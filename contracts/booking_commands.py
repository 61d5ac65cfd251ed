"""The booking commands of the typed client, one method each."""

from typing import TypedDict, Unpack, cast

from contracts import booking
from contracts.asking import Asking
from contracts.envelope import derived_id
from contracts.model import Message, Slot


def booking_id(command_id: str) -> str:
    """The id of the booking that a CreateBooking makes: a retry meets the same partition and row."""
    return derived_id(command_id, "booking")


class Details(TypedDict, total=False):
    """What may be said of a booking; what is left out, or None, stays as it is."""

    email: str | None
    name: str | None
    phone: str | None
    additional_products: tuple[str, ...] | None
    payment_enabled: bool | None
    success_url: str | None
    cancel_url: str | None
    if_version: int | None


class BookingCommands(Asking):
    """Each method publishes one command and returns what it is answered with. Raises CommandRefused, NotAccepted or Unanswered.

    `key` makes it repeatable. With `if_version` it is refused, PRECONDITION_FAILED, unless the booking has this very version.
    """

    async def create_booking(
        self, product_id: str, space_id: str, slot: Slot, *, key: str | None = None
    ) -> booking.Booking:
        """Book and hold the slot. Refused when the slot is not to be had, or too many are held for this client."""
        command_id = self._draw(key)
        command = booking.CreateBooking(
            booking_id=booking_id(command_id), product_id=product_id, space_id=space_id, slot=slot, client=self.name
        )
        return await self._booking(command, command_id)

    async def update_booking(
        self, booking_id: str, *, key: str | None = None, **details: Unpack[Details]
    ) -> booking.Booking:
        """Change what is given; the hold goes on as it was. Extras that are added are priced now."""
        return await self._booking(booking.UpdateBooking(booking_id=booking_id, **details), self._draw(key))

    async def confirm_booking(
        self, booking_id: str, *, key: str | None = None, **details: Unpack[Details]
    ) -> booking.Booking:
        """Keep the slot for good. Refused when the hold is over, or e-mail or phone are neither given nor known.

        With `payment_enabled` the booking has a `payment_url`, or none yet when the provider takes longer than 5 s.
        """
        return await self._booking(booking.ConfirmBooking(booking_id=booking_id, **details), self._draw(key))

    async def reschedule_booking(
        self, booking_id: str, slot: Slot, *, if_version: int | None = None, key: str | None = None
    ) -> booking.Booking:
        """Move the booking within its space. Refused, and everything as it was, when the new slot is not to be had."""
        command = booking.RescheduleBooking(booking_id=booking_id, slot=slot, if_version=if_version)
        return await self._booking(command, self._draw(key))

    async def extend_hold(
        self, booking_id: str, *, if_version: int | None = None, key: str | None = None
    ) -> booking.Booking:
        """Hold on for another full length from now. Refused past the cap or when the hold is over."""
        return await self._booking(booking.ExtendHold(booking_id=booking_id, if_version=if_version), self._draw(key))

    async def cancel_booking(
        self, booking_id: str, *, if_version: int | None = None, key: str | None = None
    ) -> booking.Booking:
        """Give the slot back, keep the booking. Returns when the slot is on sale again."""
        return await self._booking(booking.CancelBooking(booking_id=booking_id, if_version=if_version), self._draw(key))

    async def delete_booking(self, booking_id: str, *, if_version: int | None = None, key: str | None = None) -> None:
        """Give the slot back, hide the booking, forget who has no other one. Returns when the slot is on sale again."""
        await self._done(booking.DeleteBooking(booking_id=booking_id, if_version=if_version), self._draw(key))

    async def find_or_create_customer(
        self, email: str, *, name: str | None = None, phone: str | None = None, key: str | None = None
    ) -> booking.Customer:
        """The customer with this address; one that is there already stays as it is."""
        command = booking.FindOrCreateCustomer(
            customer_id=booking.customer_id(self.organisation, email), email=email, name=name, phone=phone
        )
        return cast("booking.CustomerAnswer", await self._done(command, self._draw(key))).customer

    async def _booking(self, command: Message, command_id: str) -> booking.Booking:
        return cast("booking.BookingAnswer", await self._done(command, command_id)).booking
