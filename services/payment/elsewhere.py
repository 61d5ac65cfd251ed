"""What happens to our payments without us: refunds that people make at the provider's own pages, and disputes. Pure.

They are entered in the ledger and named there. Booking is not told: what follows from them is for people to decide.
"""

from contracts.envelope import derived_id
from contracts.payment import ProviderDispute, ProviderRefund
from services.payment.decision import Decision, NotBelieved, enter
from services.payment.provider_words import refund
from services.payment.state import DISPUTE_ENDS, Dispute, Payment, Refund


def refunded(decision: Decision, said: ProviderRefund, why: str = "") -> None:
    """A refund that does not say who asked for it counts as one that nobody here did."""
    payment = _payment(decision, said.payment, said.currency)
    mine = next((each for each in decision.account.refunds if each.refund == said.id), None)
    if mine is None:
        mine = Refund(
            id=derived_id(decision.about, f"elsewhere|{said.id}"),
            status="asked",
            payment=payment.id,
            amount=said.amount,
            currency=said.currency,
            of_booking=False,
            refund=said.id,
            elsewhere=True,
        )
        decision.put_refund(mine)
        decision.unasked.append("refund")
    refund(decision, mine.id, said, why)


def disputed(decision: Decision, kind: str, said: ProviderDispute) -> None:
    """The payer contests a payment. Its words come in any order; its money goes, and comes back, once."""
    payment = _payment(decision, said.payment, said.currency)
    dispute = next((each for each in decision.account.disputes if each.id == said.id), None)
    if dispute is None:
        about = {"payment": payment.id, "amount": said.amount, "currency": said.currency}
        dispute = Dispute(id=said.id, status=said.status, **about)
        decision.unasked.append("dispute")
    elif dispute.status not in DISPUTE_ENDS:
        dispute = dispute.model_copy(update={"status": said.status})
    if kind.endswith("funds_withdrawn") and not dispute.withdrawn:
        dispute = dispute.model_copy(update={"withdrawn": True})
        enter(decision, "withdrawn", dispute)
    if kind.endswith("funds_reinstated") and not dispute.reinstated:
        dispute = dispute.model_copy(update={"reinstated": True})
        enter(decision, "reinstated", dispute)
    decision.put_dispute(dispute)


def _payment(decision: Decision, payment: str, currency: str) -> Payment:
    found = decision.account.payment(payment)
    if found is None or found.currency != currency:
        raise NotBelieved(f"no such payment: {payment} in {currency}")
    return found
