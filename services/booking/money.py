"""What booking knows of a booking's money: values, no code but look-ups."""

from typing import Literal

from contracts.availability import ProductOffer
from contracts.model import Flag, Id, Money, Text, Value
from contracts.payment import (
    CheckoutDelayed,
    CheckoutExpired,
    CheckoutOpened,
    FailedReason,
    PaymentFailed,
    PaymentProcessing,
    PaymentRefunded,
    PaymentSucceeded,
    ProviderId,
    RefundFailed,
)
from contracts.terms import CancellationStep, LatePayment, PaymentExpired

PaymentEvent = (
    CheckoutOpened
    | CheckoutDelayed
    | CheckoutExpired
    | PaymentProcessing
    | PaymentSucceeded
    | PaymentFailed
    | PaymentRefunded
    | RefundFailed
)
What = Literal["opened", "delayed", "expired", "processing", "paid", "failed", "refunded", "not_refunded"]


class Terms(Value):
    """The product's terms as they were when the slot was held; like its price they stay."""

    cancellation_policy: tuple[CancellationStep, ...] = ()
    late_payment: LatePayment = "refund"
    payment_expired: PaymentExpired = "keep"


class Returns(Value):
    """Where the customer comes back to from the page, with the booking's id."""

    success_url: Text | None = None
    cancel_url: Text | None = None


class Usual(Value):
    """What the settings said of checkouts when the command came: the addresses unless others are given, and how long a page lives."""

    returns: Returns = Returns()
    seconds: int = 3600


class Page(Value):
    """The checkout that counts: the latest one. `question` is the command that asked for it, `checkout` whose page it is.

    `tried`: somebody's card was declined there. `late`: who waited was told that it takes longer. `over`: nothing can be paid
    there any more, or nothing shall be. `waiting` are the commands that are answered with its address.
    """

    question: Id | None = None  # none until the decision that asks is made, which gives it its id
    checkout: Id | None = None
    url: Text | None = None
    returns: Returns = Returns()
    tried: Flag = False
    late: Flag = False
    over: Flag = False
    waiting: tuple[Id, ...] = ()

    def is_of(self, checkout: str | None) -> bool:
        return checkout is not None and checkout in (self.question, self.checkout)


class Captured(Value):
    """Money that came. The first of a booking `counts`; any other goes back whole, and nobody need know.

    `back` is what is given back of it, once it is said how much.
    """

    id: ProviderId
    amount: Money
    counts: Flag = True
    back: Money = 0
    refund: Literal["asked", "done", "failed"] | None = None


class Purse(Value):
    """All of it. `most_back` is what a cancel would have given back when a paid booking was moved: a move never gives back more."""

    returns: Returns = Returns()
    page: Page | None = None
    captured: tuple[Captured, ...] = ()
    most_back: Money | None = None

    @property
    def counting(self) -> Captured | None:
        return next((each for each in self.captured if each.counts), None)

    @property
    def kept(self) -> int:
        """What of all that came did not go back."""
        return sum(each.amount - (each.back if each.refund == "done" else 0) for each in self.captured)

    @property
    def going_back(self) -> int:
        """What of that is on its way back."""
        return sum(each.back for each in self.captured if each.refund == "asked")

    def find(self, payment: str | None) -> Captured | None:
        return next((each for each in self.captured if each.id == payment), None)

    def put(self, captured: Captured) -> tuple[Captured, ...]:
        """All that came, with this as it is now."""
        others = tuple(captured if each.id == captured.id else each for each in self.captured)
        return others if self.find(captured.id) is not None else (*others, captured)


# A booking whose money nobody has spoken of has neither in its row: the way to a held slot is walked more often than any other.
NO_TERMS, EMPTY, USUAL = Terms(), Purse(), Usual()


class Heard(Value):
    """What payment said, as it waits for its turn in the booking's row: only what booking needs of it."""

    what: What
    question: Id | None = None
    checkout: Id | None = None
    url: Text | None = None
    payment: ProviderId | None = None
    amount: Money = 0
    reason: FailedReason | None = None
    impossible: Flag = False  # payment has not even tried


def agreed(product: ProductOffer) -> Terms | None:
    """The terms of the product; None for those that are usual."""
    policy, late, expired = product.cancellation_policy, product.late_payment, product.payment_expired
    if not policy and late == NO_TERMS.late_payment and expired == NO_TERMS.payment_expired:
        return None
    return Terms(cancellation_policy=policy, late_payment=late, payment_expired=expired)


def heard(event: PaymentEvent) -> Heard | None:
    """What booking needs of the event; None if it is payment's own business."""
    match event:
        case CheckoutOpened():
            return Heard(what="opened", question=event.question, checkout=event.checkout_id, url=event.url)
        case CheckoutDelayed():
            return Heard(what="delayed", question=event.question)
        case CheckoutExpired():
            return Heard(what="expired", checkout=event.checkout_id)
        case PaymentProcessing():
            return Heard(what="processing", checkout=event.checkout_id)
        case PaymentSucceeded():
            return Heard(what="paid", checkout=event.checkout_id, payment=event.payment, amount=event.amount)
        case PaymentFailed():
            return Heard(what="failed", checkout=event.checkout_id, reason=event.reason)
        case PaymentRefunded():
            return Heard(what="refunded", payment=event.payment)
        case RefundFailed():
            if event.automatic:
                return None
            return Heard(what="not_refunded", payment=event.payment, impossible=event.reason == "impossible")
