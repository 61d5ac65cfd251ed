"""A booking's life: commands, the booking as everybody sees it, events. Owner: booking."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contracts.envelope import derived_id
from contracts.model import NO_CONTROLS, Currency, Flag, Id, Instant, Message, Money, Name, Slot, Text, Value, Version
from contracts.terms import CancellationStep

CUSTOMERS = "c1a4d2b0-8f5e-5b0a-9a57-2f6f3f7a6b1d"  # namespace of the ids of customers
MOST_EXTRAS = 50

Status = Literal["PENDING", "RESERVED_15_MIN", "CONFIRMED", "PAID", "CANCEL", "REFUNDED"]
CancelReason = Literal["customer", "hold_expired", "slot_unavailable", "payment_expired"]


# Whether they are any good booking decides, by rules that grow: whoever publishes them is told what is wrong.
Email = Annotated[str, StringConstraints(pattern=NO_CONTROLS, max_length=254)]
Phone = Annotated[str, StringConstraints(pattern=NO_CONTROLS, max_length=50)]
ReturnUrl = Annotated[str, StringConstraints(pattern=NO_CONTROLS, max_length=2000)]
Extras = Annotated[tuple[Id, ...], Field(max_length=MOST_EXTRAS)]


# Words that may become more: a reader that does not know one shows it.
PaymentStatus = Annotated[
    Text,
    Field(
        description="`opening`: the provider is asked for a page. `open`: it can be paid at. `processing`: a slow payment is under way. "
        "`failed`, `expired`: confirm again for another page. `paid`. `refunding`, `refunded`: all of it, or what the cancellation "
        "policy gives back. `refund_failed`: the provider would not; cancel again to have it tried again. Null: no payment is asked for."
    ),
]


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
    payment_status: PaymentStatus | None = None
    cancel_reason: CancelReason | None = None
    created_at: Instant
    updated_at: Instant


class CancellationPreview(Value):
    """What a cancel at that moment would give back and keep of what was paid, in minor units; nothing of what was not paid.

    So it is until `until`, that moment included; none if nothing changes any more.
    """

    booking_id: Id
    status: Status
    paid: Money
    refund: Money
    fee: Money
    currency: Currency | None = None
    at: Instant
    until: Instant | None = None
    cancellation_policy: tuple[CancellationStep, ...] = ()


class CreateBooking(Message):
    """Book the product in the space at the slot; answered once availability has held or refused it.

    `client` is who asks, within the organisation: only so many slots may be held for one at a time.
    """

    booking_id: Id
    product_id: Id
    space_id: Id
    slot: Slot
    client: Name | None = None


class BookingDetails(Message):
    """What a customer says about a booking, now or later."""

    booking_id: Id
    email: Email | None = None
    name: Name | None = None
    phone: Phone | None = None
    additional_products: Extras | None = None
    if_version: Version | None = None
    payment_enabled: Flag | None = None
    success_url: ReturnUrl | None = None
    cancel_url: ReturnUrl | None = None


class UpdateBooking(BookingDetails):
    """Change what is given, and nothing else; the hold goes on as it was.

    `additional_products` are all the extras there shall be. Those the booking has keep their price. `payment_enabled` counts
    with the confirm; of a booking that is confirmed already it opens a checkout.
    """


class ConfirmBooking(BookingDetails):
    """Keep the slot for good; counts if Kafka took the command before the hold's end. What is given is changed with it.

    With `payment_enabled` a page is opened where the total can be paid: the answer comes with `paymentUrl`, or after 5 s without.
    From there the customer returns to one of the two addresses, to which `bookingId` is added. While a page is open that nobody
    tried, and no other address is given, that page is the answer. What costs nothing needs no page.
    """


class RescheduleBooking(Message):
    """Move the booking to another slot of its space; price and end of the hold stay. Another space is refused."""

    booking_id: Id
    slot: Slot
    space_id: Id | None = None
    if_version: Version | None = None


class ExtendHold(Message):
    """Hold the slot for another full length from now."""

    booking_id: Id
    if_version: Version | None = None


class CancelBooking(Message):
    """Give the slot back, keep the row; answered when the slot is on sale again. What was paid goes back by the policy.

    Of a booking whose refund has failed it asks for the refund again.
    """

    booking_id: Id
    if_version: Version | None = None


class DeleteBooking(Message):
    """Give the slot back and hide the booking; answered when the slot is on sale again."""

    booking_id: Id
    if_version: Version | None = None


class AbandonQuestion(Message):
    """Booking could not decide about the answer to this question of its own: it is closed, and who waits is told so.

    Only booking sends it, to itself. `answer` is the message that could not be decided, which lies in the dead letters.
    """

    booking_id: Id
    question: Id
    answer: Name


class FindOrCreateCustomer(Message):
    """The customer with this e-mail address, made if there is none; one that is there stays as it is."""

    customer_id: Id
    email: Email
    name: Name | None = None
    phone: Phone | None = None


class CustomerAnswer(Message):
    """The customer, and whether the command made it."""

    customer: Customer
    created: Flag


class BookingAnswer(Message):
    """The booking as the command left it."""

    booking: Booking


class BookingDeletedAnswer(Message):
    """The booking is gone."""

    booking_id: Id


class BookingEvent(Message):
    """What every event of a booking carries: the booking now, and its status before."""

    booking: Booking
    previous_status: Status | None = None


class BookingCreated(BookingEvent):
    """A slot is held for a new booking."""


class BookingUpdated(BookingEvent):
    """A booking changed; `previous_status` is what it was before."""


class BookingPaid(BookingEvent):
    """A booking is paid."""


class BookingPaymentFailed(BookingEvent):
    """An attempt to pay failed, or there is no page to pay at; the booking is kept."""


class BookingDeleted(BookingEvent):
    """A booking is gone; it carries no customer."""


def customer_id(organisation: str, email: str) -> str:
    """The id of whoever has this address: capitals make no difference."""
    return derived_id(CUSTOMERS, f"{organisation}|{email.lower()}")
