"""Questions about slots and their answers. Owner: availability, which alone decides who has a slot."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.model import Currency, Flag, Id, Instant, Message, Money, Name, Slot, Text, Value
from contracts.terms import CancellationStep, LatePayment, PaymentExpired

# Somebody else has the slot: a conflict that may pass. The others break a rule of the house.
Taken = Literal["held", "booked", "buffer"]
RefusedReason = Literal[
    "held", "booked", "buffer", "closed", "off_grid", "duration", "lead_time", "horizon",
    "unknown_product", "unknown_space", "not_offered", "internal",
]  # fmt: skip


class ProductOffer(Value):
    """A product as it was when the slot was held: the price stays, whatever the catalogue says later."""

    id: Id
    name: Name
    price: Money
    currency: Currency
    cancellation_policy: tuple[CancellationStep, ...] = ()
    late_payment: LatePayment = "refund"
    payment_expired: PaymentExpired = "keep"


class SpaceOffer(Value):
    id: Id
    name: Name
    venue_id: Id


class ExtraOffer(Value):
    """An extra as it was when it was quoted, in the currency that was asked for."""

    id: Id
    name: Name
    price: Money


class RefusedExtra(Value):
    """Which product is no extra of this booking, and why; another organisation's is unknown."""

    id: Id
    reason: Literal["unknown_product", "not_additional", "other_currency"]


class HoldSlot(Message):
    """Hold the slot for the booking; answered with SlotHeld or SlotRefused. `question` comes back in the answer."""

    booking_id: Id
    question: Id
    product_id: Id
    space_id: Id
    slot: Slot


class CommitSlot(Message):
    """Keep the slot for good. It counts if it was accepted before the hold's end and the slot is its own, or free again.

    With `reacquire` the booking was cancelled, and has been paid since: no deadline counts, only whether the slot is free.
    """

    booking_id: Id
    question: Id
    space_id: Id
    accepted_at: Instant
    reacquire: Flag = False


class ReleaseSlot(Message):
    """Give the slot back; answered with SlotReleased even if it was free already."""

    booking_id: Id
    question: Id
    space_id: Id


class ExtendSlot(Message):
    """Hold on for another full length from now; answered with SlotExtended, ExtendRefused or SlotLost."""

    booking_id: Id
    question: Id
    space_id: Id
    accepted_at: Instant


class MoveSlot(Message):
    """Move the booking's slot within its space; answered with SlotMoved, MoveRefused or SlotLost.

    A hold must be moved before its end; what is kept for good may be moved at any time. Price and end of the hold stay.
    """

    booking_id: Id
    question: Id
    space_id: Id
    slot: Slot
    accepted_at: Instant


class QuoteExtras(Message):
    """What these extras cost, for a booking in this currency; answered with ExtrasQuoted or ExtrasRefused."""

    booking_id: Id
    question: Id
    space_id: Id
    products: Annotated[tuple[Id, ...], Field(min_length=1, max_length=50)]
    currency: Currency


class ExpireHold(Message):
    """The hold's time is over: release it if it is still only held. Another `expires_at` than the hold's is ignored."""

    booking_id: Id
    space_id: Id
    expires_at: Instant


class SlotHeld(Message):
    booking_id: Id
    question: Id
    slot: Slot
    held_at: Instant
    expires_at: Instant
    product: ProductOffer
    space: SpaceOffer


class SlotRefused(Message):
    """The slot was not given, and why; `until` is the end of the hold that is in the way."""

    booking_id: Id
    question: Id
    reason: RefusedReason
    message: Text
    until: Instant | None = None


class SlotCommitted(Message):
    booking_id: Id
    question: Id


class SlotLost(Message):
    """The hold is over: it lapsed (`expired`), or the slot has been sold to somebody else since (`resold`)."""

    booking_id: Id
    question: Id
    reason: Literal["expired", "resold", "unknown", "internal"]


class SlotReleased(Message):
    """The slot is on sale again. Without a `question` nobody asked for it: the hold ran out."""

    booking_id: Id
    reason: Literal["expired", "released"]
    question: Annotated[Id | None, Field()] = None


class SlotExtended(Message):
    booking_id: Id
    question: Id
    expires_at: Instant


class ExtendRefused(Message):
    """The hold lives on as it was: it may not be held any longer (`cap`), or is no hold any more (`committed`)."""

    booking_id: Id
    question: Id
    reason: Literal["cap", "committed", "internal"]
    message: Text


class SlotMoved(Message):
    """The booking has this slot now, and its old one is on sale again."""

    booking_id: Id
    question: Id
    slot: Slot


class MoveRefused(Message):
    """The slot is as it was, and why; `until` is the end of the hold that is in the way."""

    booking_id: Id
    question: Id
    reason: RefusedReason
    message: Text
    until: Instant | None = None


class ExtrasQuoted(Message):
    """The extras in the order asked."""

    booking_id: Id
    question: Id
    extras: tuple[ExtraOffer, ...]


class ExtrasRefused(Message):
    """None of them was quoted: `extras` are those that are wrong, none if the question could not be handled."""

    booking_id: Id
    question: Id
    extras: tuple[RefusedExtra, ...]
    reason: Literal["products", "internal"]
    message: Text
