"""What payment decides. Pure: an account and a message make an account, events and calls.

What the provider says comes as a call's outcome or as an event, in any order, more than once, or only one of the two: both
go the same way (`provider_words.py`), and the tables of `state.py` let each change happen once.
"""

from contracts.envelope import derived_id
from contracts.payment import (
    CancelCheckout,
    CheckoutDelayed,
    CreateCheckout,
    RecordCallOutcome,
    RecordProviderEvent,
    RefundPayment,
)
from services.payment.decision import Ask, Decision, NotBelieved, ask_back, failed, gave_back, opened, step, turn
from services.payment.elsewhere import disputed, refunded
from services.payment.provider_words import refund, session
from services.payment.state import LIVE, Account, Checkout

Command = CreateCheckout | CancelCheckout | RefundPayment | RecordProviderEvent | RecordCallOutcome
MOST_CHECKOUTS = 50  # of a booking: each is kept, as money may come late, and all are read with each message about one
LATE_SECONDS = 5.0  # then whoever asked for a page is told that it takes longer


def decide(account: Account | None, message_id: str, message: Command, live: bool) -> Decision:
    """What follows from this message. `live` is the provider's mode that we work in. Raises NotBelieved."""
    decision = Decision(account or Account(booking_id=message.booking_id), live)
    match message:
        case CreateCheckout():
            _create(decision, message_id, message)
        case CancelCheckout():
            for checkout in decision.account.checkouts:
                step(decision, checkout.id, "close")
        case RefundPayment():
            _give_back(decision, message_id, message)
        case RecordProviderEvent():
            _event(decision, message)
        case RecordCallOutcome():
            _outcome(decision, message)
    return decision


def _create(decision: Decision, checkout_id: str, asked: CreateCheckout) -> None:
    checkout = Checkout(id=checkout_id, status="waiting", asked=asked)
    alive = [each for each in decision.account.checkouts if each.status in LIVE]
    for other in alive:
        if other.status == "open" and not other.tried and _same(other.asked, asked):
            decision.events.append(opened(other, checkout_id))
            return
    if len(decision.account.checkouts) >= MOST_CHECKOUTS:
        for other in alive:
            step(decision, other.id, "close")
        failed(decision, checkout, "refused", f"{MOST_CHECKOUTS} pages were asked for already.")
        return
    decision.put(checkout)
    if any(each.status == "processing" for each in alive):
        step(decision, checkout.id, "overtaken")
        return
    decision.calls.append(Ask(derived_id(checkout_id, "late"), "late", checkout, LATE_SECONDS))
    for other in alive:
        step(decision, other.id, "close")
    turn(decision)


def _same(one: CreateCheckout, other: CreateCheckout) -> bool:
    """Whether a page that was opened for the one serves the other too; when it ends may differ."""
    return one.model_copy(update={"expires_at": other.expires_at}) == other


def _give_back(decision: Decision, refund_id: str, asked: RefundPayment) -> None:
    """Booking gives back once of a payment. A command that comes beside a refund which lives or is done, such as a dead letter
    that is replayed after booking has asked anew, is about that very refund."""
    payment = decision.account.payment(asked.payment)
    if payment is None:
        raise NotBelieved(f"no such payment: {asked.payment}")
    if (earlier := decision.account.given_back(payment)) is not None:
        if earlier.amount != asked.amount:
            raise NotBelieved(f"{earlier.amount} of it go back already, not {asked.amount}")
        if earlier.status == "done":
            decision.events.append(gave_back(decision, earlier))
        return  # else what becomes of it is told when it is known
    if asked.amount > decision.account.left(payment):
        raise NotBelieved(f"{asked.amount} is more than the {decision.account.left(payment)} that are left")
    ask_back(decision, refund_id, payment, asked.amount, of_booking=True)


# ---- what the provider says


def _event(decision: Decision, event: RecordProviderEvent) -> None:
    if event.session is not None:
        checkout = known(decision, event.session.checkout_id)
        session(decision, checkout, event.session, event.kind.endswith("async_payment_failed"), event.message)
    elif event.refund is not None and event.refund.refund_id is None:
        refunded(decision, event.refund, event.message)
    elif event.refund is not None:
        refund(decision, event.refund.refund_id, event.refund, event.message)
    elif event.dispute is not None:
        disputed(decision, event.kind, event.dispute)
    else:
        checkout = known(decision, event.checkout_id)
        if checkout.status in (
            "opening",
            "unwanted",
            "open",
            "closing",
        ):  # else it comes late, or tells of the end twice
            decision.put(checkout.model_copy(update={"tried": True}))
            failed(decision, checkout, "declined", event.message)


def _outcome(decision: Decision, outcome: RecordCallOutcome) -> None:
    if outcome.kind == "refund":
        refund(decision, outcome.about, outcome.refund, outcome.message)
        return
    checkout = known(decision, outcome.about)
    if outcome.kind == "late":
        if checkout.status in ("waiting", "opening"):
            decision.events.append(CheckoutDelayed(booking_id=decision.about, question=checkout.id))
    elif outcome.session is not None:
        if outcome.session.checkout_id != checkout.id:
            raise NotBelieved(f"a session of {outcome.session.checkout_id} for {checkout.id}")
        session(decision, checkout, outcome.session)
    elif outcome.kind == "open":
        step(decision, checkout.id, "refused", outcome.message)
    elif outcome.kind == "close":  # the provider knows of no such page: nothing can be paid there
        step(decision, checkout.id, "expired")


def known(decision: Decision, checkout_id: str | None) -> Checkout:
    checkout = decision.account.checkout(checkout_id)
    if checkout is None:
        raise NotBelieved(f"no such checkout: {checkout_id}")
    return checkout
