"""What payment knows of one booking's money, and how a checkout and a refund go from one state to the next: tables, no code."""

from typing import Literal, NamedTuple

from contracts.model import Currency, Flag, Id, Value
from contracts.payment import Amount, CreateCheckout, ProviderId, Url, Word

CheckoutStatus = Literal[
    "waiting",  # for an earlier one to be closed
    "opening",  # the provider is asked for a page
    "unwanted",  # the same, and to be closed as soon as it is there
    "open",
    "closing",  # the provider is asked to close the page
    "processing",  # a slow payment: paid, or not, in some days
    "paid",
    "failed",
    "expired",
    "refused",  # there never was a page
]
CheckoutInput = Literal["turn", "overtaken", "close", "opened", "refused", "processing", "paid", "failed", "expired"]

# What is not in the table changes nothing. Money is never passed over: whatever was heard before, paid is paid.
_ENDS: dict[CheckoutInput, CheckoutStatus] = {
    "processing": "processing",
    "paid": "paid",
    "failed": "failed",
    "expired": "expired",
}
CHECKOUT: dict[CheckoutStatus, dict[CheckoutInput, CheckoutStatus]] = {
    "waiting": {"turn": "opening", "overtaken": "refused", "close": "expired"},
    "opening": {**_ENDS, "opened": "open", "refused": "refused", "close": "unwanted"},
    "unwanted": {**_ENDS, "opened": "closing", "refused": "expired"},
    "open": {**_ENDS, "close": "closing"},
    "closing": _ENDS,
    "processing": {"paid": "paid", "failed": "failed"},
    "paid": {},
    "failed": {"paid": "paid"},
    "expired": {"paid": "paid"},
    "refused": {"paid": "paid", "opened": "closing"},
}
LIVE: frozenset[CheckoutStatus] = frozenset({"waiting", "opening", "unwanted", "open", "closing", "processing"})

RefundStatus = Literal["asked", "pending", "done", "failed"]
REFUND: dict[RefundStatus, dict[RefundStatus, RefundStatus]] = {
    "asked": {"pending": "pending", "done": "done", "failed": "failed"},
    "pending": {"done": "done", "failed": "failed"},
    "done": {"failed": "failed"},  # a bank may send it back days later
    "failed": {},
}


class Checkout(Value):
    """One page, with all that was asked for. `tried`: somebody's card was declined there."""

    id: Id
    status: CheckoutStatus
    asked: CreateCheckout
    session: ProviderId | None = None
    url: Url | None = None
    tried: bool = False


class Payment(Value):
    """What was captured."""

    id: ProviderId
    amount: Amount
    currency: Currency


class Refund(Value):
    """What goes back. One that booking did not ask for returns what should never have been captured.

    `elsewhere`: nobody here has asked for it; somebody made it at the provider.
    """

    id: Id
    status: RefundStatus
    payment: ProviderId
    amount: Amount
    currency: Currency
    of_booking: bool
    refund: ProviderId | None = None
    elsewhere: Flag = False


class Dispute(Value):
    """A payment that its payer contests. Its money may be `withdrawn` meanwhile, and `reinstated` when it is won."""

    id: ProviderId
    status: Word
    payment: ProviderId
    amount: Amount
    currency: Currency
    withdrawn: Flag = False
    reinstated: Flag = False


DISPUTE_ENDS = frozenset(
    {"won", "lost", "warning_closed", "prevented"}
)  # as Stripe calls them; what comes late says no more


EntryKind = Literal[
    "captured",
    "asked",  # to go back
    "refunded",
    "failed",  # did not go back
    "returned",  # went back, and the bank sent it again
    "withdrawn",  # by a dispute
    "reinstated",  # as the dispute was won
]


DISPUTED: frozenset[EntryKind] = frozenset({"withdrawn", "reinstated"})


class Entry(NamedTuple):
    """A line of the ledger: what happened to money, written once. `about` is the payment, the refund or the dispute."""

    kind: EntryKind
    about: str
    payment: str
    amount: int
    currency: str


class Account(Value):
    """One booking's money."""

    booking_id: Id
    checkouts: tuple[Checkout, ...] = ()
    payments: tuple[Payment, ...] = ()
    refunds: tuple[Refund, ...] = ()
    disputes: tuple[Dispute, ...] = ()

    def checkout(self, checkout_id: str | None) -> Checkout | None:
        return next((each for each in self.checkouts if each.id == checkout_id), None)

    def payment(self, payment: str | None) -> Payment | None:
        return next((each for each in self.payments if each.id == payment), None)

    def refund(self, refund_id: str | None) -> Refund | None:
        return next((each for each in self.refunds if each.id == refund_id), None)

    def given_back(self, payment: Payment) -> Refund | None:
        """What booking has asked to go back of this payment, unless that failed."""
        asked = (each for each in self.refunds if each.of_booking and each.payment == payment.id)
        return next((each for each in asked if each.status != "failed"), None)

    def left(self, payment: Payment) -> int:
        """What of this payment was neither given back nor promised."""
        back = (each.amount for each in self.refunds if each.payment == payment.id and each.status != "failed")
        return payment.amount - sum(back)
