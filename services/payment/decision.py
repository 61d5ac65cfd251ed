"""A decision about one booking's money as it grows: the account, what is told, what is called, and the steps between states."""

from dataclasses import dataclass, field

from contracts.envelope import derived_id
from contracts.model import Message, Value
from contracts.payment import (
    CallKind,
    CheckoutExpired,
    CheckoutOpened,
    FailedReason,
    PaymentFailed,
    PaymentProcessing,
    PaymentRefunded,
)
from services.payment.state import (
    CHECKOUT,
    LIVE,
    Account,
    Checkout,
    CheckoutInput,
    CheckoutStatus,
    Dispute,
    Entry,
    EntryKind,
    Payment,
    Refund,
)


class NotBelieved(Exception):
    """This cannot be about what we asked for: it changes nothing, and somebody should look at it."""


@dataclass(frozen=True)
class Ask:
    """A call to be made: `id` is its idempotency key, `request` all that its parameters are made of."""

    id: str
    kind: CallKind
    request: Value
    after: float = 0.0


@dataclass
class Decision:
    """One message's: the account as it becomes, what is told, what is to be called, and the new lines of the ledger."""

    account: Account
    live: bool
    events: list[Message] = field(default_factory=list)
    calls: list[Ask] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    unasked: list[str] = field(default_factory=list)  # what happened to money that nobody here had asked for

    @property
    def about(self) -> str:
        return self.account.booking_id

    def put(self, checkout: Checkout) -> Checkout:
        """The checkout as it is now; whose it was is forgotten when it has ended."""
        if checkout.status not in LIVE and checkout.asked.email is not None:
            asked = checkout.asked.model_copy(update={"email": None})
            checkout = checkout.model_copy(update={"asked": asked})
        others = tuple(checkout if each.id == checkout.id else each for each in self.account.checkouts)
        known = self.account.checkout(checkout.id) is not None
        self.account = self.account.model_copy(update={"checkouts": others if known else (*others, checkout)})
        return checkout

    def put_refund(self, refund: Refund) -> None:
        others = [each for each in self.account.refunds if each.id != refund.id]
        self.account = self.account.model_copy(update={"refunds": (*others, refund)})

    def put_dispute(self, dispute: Dispute) -> None:
        others = [each for each in self.account.disputes if each.id != dispute.id]
        self.account = self.account.model_copy(update={"disputes": (*others, dispute)})


def turn(decision: Decision) -> None:
    """Whoever waits is next when nothing else is alive; and has no turn if that was paid."""
    waiting = [each for each in decision.account.checkouts if each.status == "waiting"]
    alive = [each for each in decision.account.checkouts if each.status in LIVE and each.status != "waiting"]
    for checkout in waiting[-1:]:
        if not alive:
            step(decision, checkout.id, "turn")


def step(decision: Decision, checkout_id: str, taken: CheckoutInput, why: str = "") -> None:
    """Take the step if the table has it, with all that follows; the checkout is looked up as it is now."""
    checkout = decision.account.checkout(checkout_id)
    assert checkout is not None
    status = CHECKOUT[checkout.status].get(taken)
    if status is None:
        return
    checkout = decision.put(checkout.model_copy(update={"status": status}))
    _entered(decision, checkout, status, "in_progress" if taken == "overtaken" else "refused", why)
    if status in ("processing", "paid"):
        for waiting in [each for each in decision.account.checkouts if each.status == "waiting"]:
            step(decision, waiting.id, "overtaken")
    elif status not in LIVE:
        turn(decision)


def _entered(decision: Decision, checkout: Checkout, status: CheckoutStatus, refusal: FailedReason, why: str) -> None:
    match status:
        case "opening":
            decision.calls.append(Ask(checkout.id, "open", checkout.asked))
        case "open":
            decision.events.append(opened(checkout, checkout.id))
        case "closing":
            decision.calls.append(Ask(derived_id(checkout.id, "close"), "close", checkout))
        case "processing":
            decision.events.append(PaymentProcessing(booking_id=decision.about, checkout_id=checkout.id))
        case "expired":
            decision.events.append(CheckoutExpired(booking_id=decision.about, checkout_id=checkout.id))
        case "refused":
            failed(decision, checkout, refusal, why)
        case "failed":
            failed(decision, checkout, "failed", why)


def failed(decision: Decision, checkout: Checkout, reason: FailedReason, why: str = "") -> None:
    event = PaymentFailed(booking_id=decision.about, checkout_id=checkout.id, reason=reason, message=why)
    decision.events.append(event)


def opened(checkout: Checkout, question: str) -> CheckoutOpened:
    assert checkout.url is not None
    return CheckoutOpened(
        booking_id=checkout.asked.booking_id,
        question=question,
        checkout_id=checkout.id,
        url=checkout.url,
        expires_at=checkout.asked.expires_at,
    )


def ask_back(decision: Decision, refund_id: str, payment: Payment, amount: int, of_booking: bool) -> None:
    refund = Refund(
        id=refund_id,
        status="asked",
        payment=payment.id,
        amount=amount,
        currency=payment.currency,
        of_booking=of_booking,
    )
    decision.put_refund(refund)
    enter(decision, "asked", refund)
    decision.calls.append(Ask(refund_id, "refund", refund))


def gave_back(decision: Decision, refund: Refund) -> PaymentRefunded:
    assert refund.refund is not None
    return PaymentRefunded(
        booking_id=decision.about,
        refund_id=refund.id,
        payment=refund.payment,
        refund=refund.refund,
        amount=refund.amount,
        currency=refund.currency,
    )


def enter(decision: Decision, kind: EntryKind, of: Payment | Refund | Dispute) -> None:
    """A line of the ledger."""
    payment = of.id if isinstance(of, Payment) else of.payment
    decision.entries.append(Entry(kind, of.id, payment, of.amount, of.currency))
