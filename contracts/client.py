"""The typed client: publish a command, await its answer. The gateway uses it, and so does any other service of the platform.

    async with Client("127.0.0.1:9092", organisation="demo", name="billing") as holdfast:
        booking = await holdfast.create_booking(product_id, space_id, slot, key="order-17")

`key` makes a command repeatable: the same key and the same command give the first answer again, however often and from
wherever it is sent; the same key with another command is refused. Without a key the client draws one.
"""

import uuid
from typing import cast

from contracts import booking, catalogue, claims
from contracts.answers import Refused
from contracts.envelope import derived_id
from contracts.line import Line
from contracts.line import NotAccepted as NotAccepted
from contracts.line import Reply as Reply
from contracts.line import Unanswered as Unanswered
from contracts.line import Unclaimed as Unclaimed
from contracts.model import Message, Slot

ANSWERS: dict[str, type[Message]] = {
    answer.type: answer
    for answer in (
        Refused,
        booking.BookingAnswer,
        booking.BookingDeletedAnswer,
        catalogue.VenueAnswer,
        catalogue.SpaceAnswer,
        catalogue.ProductAnswer,
        catalogue.ArchiveAnswer,
        claims.KeyClaimed,
    )
}


class CommandRefused(Exception):
    """The command had no effect; `refused` says why."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(f"{refused.code}: {refused.message}")
        self.refused = refused


class Client(Line):
    """The commands of the platform, as functions."""

    answers = ANSWERS

    async def create_booking(
        self, product_id: str, space_id: str, slot: Slot, *, key: str | None = None
    ) -> booking.Booking:
        """Book and hold the slot. Raises CommandRefused when the slot is not to be had."""
        command_id = self.command_id(key or str(uuid.uuid4()))
        command = booking.CreateBooking(
            booking_id=booking_id(command_id), product_id=product_id, space_id=space_id, slot=slot
        )
        return await self._booking(command, command_id)

    async def confirm_booking(self, booking_id: str, *, key: str | None = None) -> booking.Booking:
        """Keep the slot for good. Raises CommandRefused when the hold is over."""
        return await self._booking(booking.ConfirmBooking(booking_id=booking_id), self._draw(key))

    async def extend_hold(self, booking_id: str, *, key: str | None = None) -> booking.Booking:
        """Hold on for another full length from now. Raises CommandRefused past the cap or when the hold is over."""
        return await self._booking(booking.ExtendHold(booking_id=booking_id), self._draw(key))

    async def cancel_booking(self, booking_id: str, *, key: str | None = None) -> booking.Booking:
        """Give the slot back, keep the booking. Returns when the slot is on sale again."""
        return await self._booking(booking.CancelBooking(booking_id=booking_id), self._draw(key))

    async def delete_booking(self, booking_id: str, *, key: str | None = None) -> None:
        """Give the slot back and hide the booking. Returns when the slot is on sale again."""
        await self._done(booking.DeleteBooking(booking_id=booking_id), self._draw(key))

    async def put_venue(
        self, venue_id: str, fields: catalogue.VenueFields, *, create: bool = False, key: str | None = None
    ) -> catalogue.Venue:
        """Create or change a venue."""
        command = catalogue.PutVenue(venue_id=venue_id, create=create, fields=fields)
        return cast("catalogue.VenueAnswer", await self._done(command, self._draw(key))).venue

    async def put_space(
        self, space_id: str, fields: catalogue.SpaceFields, *, create: bool = False, key: str | None = None
    ) -> catalogue.Space:
        """Create or change a space."""
        command = catalogue.PutSpace(space_id=space_id, create=create, fields=fields)
        return cast("catalogue.SpaceAnswer", await self._done(command, self._draw(key))).space

    async def put_product(
        self, product_id: str, fields: catalogue.ProductFields, *, create: bool = False, key: str | None = None
    ) -> catalogue.Product:
        """Create or change a product."""
        command = catalogue.PutProduct(product_id=product_id, create=create, fields=fields)
        return cast("catalogue.ProductAnswer", await self._done(command, self._draw(key))).product

    def _draw(self, key: str | None) -> str:
        return self.command_id(key or str(uuid.uuid4()))

    async def _done(self, command: Message, command_id: str) -> Message:
        answer = (await self.ask(command, command_id=command_id)).message
        if isinstance(answer, Refused):
            raise CommandRefused(answer)
        return answer

    async def _booking(self, command: Message, command_id: str) -> booking.Booking:
        return cast("booking.BookingAnswer", await self._done(command, command_id)).booking


def booking_id(command_id: str) -> str:
    """The id of the booking that a CreateBooking makes: a retry meets the same partition and row."""
    return derived_id(command_id, "booking")
