"""A booking's life: commands, the booking as everybody sees it, events. Owner: booking."""

from typing import Literal

from contracts.model import Currency, Flag, Id, Instant, Message, Money, Name, Slot, Text, Value, Version

Status = Literal["PENDING", "RESERVED_15_MIN", "CONFIRMED", "PAID", "CANCEL", "REFUNDED"]
CancelReason = Literal["customer", "hold_expired", "slot_unavailable", "payment_expired"]


class BookedProduct(Value):
    """Name and price as they were when the slot was held; none of them before availability has answered."""

    id: Id
    name: Name | None = None
    price: Money | None = None
    currency: Currency | None = None


class BookedSpace(Value):
    id: Id
    name: Name | None = None
    venue_id: Id | None = None


class Customer(Value):
    id: Id
    email: Text
    name: Text | None = None
    phone: Text | None = None


class Extra(Value):
    id: Id
    name: Name
    price: Money


class Booking(Value):
    """A booking as GET shows it. `version` grows by one with each change; money is in minor units."""

    id: Id
    status: Status
    version: Version
    slot: Slot
    expires_at: Instant | None = None
    product: BookedProduct
    space: BookedSpace
    customer: Customer | None = None
    additional_products: tuple[Extra, ...] = ()
    total_price: Money | None = None
    currency: Currency | None = None
    payment_enabled: Flag = False
    payment_url: Text | None = None
    payment_status: Text | None = None
    cancel_reason: CancelReason | None = None
    created_at: Instant
    updated_at: Instant


class CreateBooking(Message):
    """Book the product in the space at the slot; answered once availability has held or refused it."""

    booking_id: Id
    product_id: Id
    space_id: Id
    slot: Slot


class ConfirmBooking(Message):
    """Keep the slot for good; counts if Kafka took the command before the hold's end."""

    booking_id: Id


class ExtendHold(Message):
    """Hold the slot for another full length from now."""

    booking_id: Id


class CancelBooking(Message):
    """Give the slot back, keep the row; answered when the slot is on sale again."""

    booking_id: Id


class DeleteBooking(Message):
    """Give the slot back and hide the booking; answered when the slot is on sale again."""

    booking_id: Id


class BookingAnswer(Message):
    """The booking as the command left it."""

    booking: Booking


class BookingDeletedAnswer(Message):
    """The booking is gone."""

    booking_id: Id


class BookingCreated(Message):
    """A slot is held for a new booking."""

    booking: Booking
    previous_status: Status | None = None


class BookingUpdated(Message):
    """A booking changed; `previous_status` is what it was before."""

    booking: Booking
    previous_status: Status | None = None


class BookingDeleted(Message):
    """A booking is gone; it carries no customer."""

    booking: Booking
    previous_status: Status | None = None
