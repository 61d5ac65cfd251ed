"""What booking knows of a booking, and what a message makes of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from contracts.answers import Detail, Refused
from contracts.availability import (
    CommitSlot,
    ExtendRefused,
    ExtendSlot,
    ExtrasQuoted,
    ExtrasRefused,
    HoldSlot,
    MoveRefused,
    MoveSlot,
    QuoteExtras,
    ReleaseSlot,
    SlotCommitted,
    SlotExtended,
    SlotHeld,
    SlotLost,
    SlotMoved,
    SlotRefused,
    SlotReleased,
)
from contracts.booking import (
    Booking,
    BookingAnswer,
    BookingCreated,
    BookingDeleted,
    BookingDeletedAnswer,
    BookingPaid,
    BookingPaymentFailed,
    BookingUpdated,
    CancelBooking,
    ConfirmBooking,
    CustomerAnswer,
    DeleteBooking,
    ExtendHold,
    Extra,
    RescheduleBooking,
    Status,
    UpdateBooking,
)
from contracts.model import Flag, Id, Instant, Name, Slot, Text, Value, Version
from contracts.payment import CancelCheckout, CreateCheckout, RefundPayment
from services.booking.money import EMPTY, NO_TERMS, Heard, Purse, Returns, Terms, Usual

TRANSITIONS: dict[Status, tuple[Status, ...]] = {
    "PENDING": ("RESERVED_15_MIN", "CANCEL"),
    "RESERVED_15_MIN": ("RESERVED_15_MIN", "CONFIRMED", "CANCEL"),
    "CONFIRMED": ("CONFIRMED", "PAID", "CANCEL"),
    "PAID": ("PAID", "CANCEL"),
    # CONFIRMED only from hold_expired: the confirm was accepted in time and the slot was still free.
    "CANCEL": ("CANCEL", "CONFIRMED", "PAID", "REFUNDED"),
    "REFUNDED": ("REFUNDED",),
}

# The last three are no client's commands: what payment said, and what booking asks availability because of it.
Kind = Literal[
    "create", "update", "confirm", "reschedule", "extend", "cancel", "delete", "heard", "reacquire", "expire"
]
Command = UpdateBooking | ConfirmBooking | RescheduleBooking | ExtendHold | CancelBooking | DeleteBooking
Event = (
    SlotHeld | SlotRefused | SlotCommitted | SlotLost | SlotReleased | SlotExtended | ExtendRefused
    | SlotMoved | MoveRefused | ExtrasQuoted | ExtrasRefused
)  # fmt: skip
Question = HoldSlot | CommitSlot | ReleaseSlot | ExtendSlot | MoveSlot | QuoteExtras


class Given(Value):
    """What a command says of customer, extras and payment, in its usual form; `wrong` is what has none, and why."""

    customer_id: Id | None = None
    email: Text | None = None
    name: Name | None = None
    phone: Text | None = None
    extras: tuple[Id, ...] | None = None
    payment_enabled: Flag | None = None
    returns: Returns = Returns()
    wrong: tuple[Detail, ...] = ()


class Asked(Value):
    """A command that waits for its turn, or for the answer to the question it asked. Its id is the question's.

    `quoting` says that prices are asked for; `quoted` are those that came. What payment said (`heard`) waits its turn too.
    """

    id: Id
    kind: Kind
    accepted_at: Instant
    if_version: Version | None = None
    given: Given | None = None
    slot: Slot | None = None
    space_id: Id | None = None
    quoting: Flag = False
    quoted: tuple[Extra, ...] = ()
    usual: Usual | None = None
    heard: Heard | None = None


class State(Value):
    """A booking with what a client does not see.

    `hold_ends_at` stays when `expiresAt` is no longer shown; it is forgotten when a lapsed hold is cancelled as well. `ran_out`
    says that the hold is over while a question is open, whose answer may yet save the booking.
    """

    booking: Booking
    hold_ends_at: Instant | None = None
    question: Asked | None = None
    ran_out: bool = False
    waiting: tuple[Asked, ...] = ()
    listed: bool = False
    hidden: bool = False
    agreed: Terms | None = None
    money: Purse | None = None

    @property
    def terms(self) -> Terms:
        """The product's terms for this booking."""
        return self.agreed or NO_TERMS

    @property
    def purse(self) -> Purse:
        """What is known of its money; nothing of most."""
        return self.money or EMPTY

    def with_purse(self, **changes: Any) -> "State":
        """The state with this changed of the purse."""
        return self.model_copy(update={"money": self.purse.model_copy(update=changes)})

    def commands_waiting(self) -> Iterator[Asked]:
        """Those that somebody waits for."""
        return (each for each in self.waiting if each.heard is None)


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a command."""

    command_id: str
    body: BookingAnswer | BookingDeletedAnswer | CustomerAnswer | Refused


Happening = BookingCreated | BookingUpdated | BookingPaid | BookingPaymentFailed | BookingDeleted
Payment = CreateCheckout | CancelCheckout | RefundPayment
Output = Question | Payment | Happening | Answered


@dataclass(frozen=True, slots=True)
class Decision:
    """What a message makes of a booking: its state, and what is asked, announced and answered, in order."""

    state: State | None
    outputs: tuple[Output, ...] = field(default=())

    def and_then(self, *outputs: Output) -> "Decision":
        return replace(self, outputs=(*self.outputs, *outputs))

    def followed_by(self, later: "Decision") -> "Decision":
        """The later decision, after what this one gave out."""
        return replace(later, outputs=(*self.outputs, *later.outputs))
