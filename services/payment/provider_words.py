"""What the provider says of a session and of a refund: compared with what was asked for, then it counts, once."""

from contracts.envelope import derived_id
from contracts.payment import (
    PaymentSucceeded,
    ProviderRefund,
    ProviderSession,
    RefundFailed,
    RefundFailedReason,
)
from services.payment.decision import Decision, NotBelieved, ask_back, enter, failed, gave_back, step, turn
from services.payment.state import LIVE, REFUND, Checkout, CheckoutInput, Payment, Refund, RefundStatus


def session(
    decision: Decision, checkout: Checkout, said: ProviderSession, ended_badly: bool = False, why: str = ""
) -> None:
    """Compare the session with what was asked for, then let it count."""
    if said.mode != "payment" or said.live != decision.live:
        raise NotBelieved(f"mode {said.mode}, live {said.live}")
    taken = _step_of(said, ended_badly)
    right = (said.amount, said.currency) == (checkout.asked.amount, checkout.asked.currency)
    if taken == "paid":
        _captured(decision, checkout, said, right)
    elif checkout.session in (None, said.id):
        checkout = decision.put(checkout.model_copy(update={"session": said.id, "url": said.url or checkout.url}))
        if taken == "opened" and said.url is None:
            raise NotBelieved("an open session without a page")
        if taken == "opened" and not right and checkout.status == "opening":
            failed(decision, checkout, "mismatch", f"{said.amount} {said.currency}")
            checkout = decision.put(checkout.model_copy(update={"status": "unwanted"}))
        step(decision, checkout.id, taken, why)


def _step_of(session: ProviderSession, failed: bool) -> CheckoutInput:
    match session.status, session.payment_status:
        case "open", _:
            return "opened"
        case "expired", _:
            return "expired"
        case "complete", "paid":
            return "paid"
        case "complete", "unpaid":
            return "failed" if failed else "processing"
    raise NotBelieved(f"a session that is {session.status} and {session.payment_status}")


def _captured(decision: Decision, checkout: Checkout, session: ProviderSession, right: bool) -> None:
    """Money is here: the right amount on the right session counts, anything else goes back. Each payment once."""
    if session.payment is None:
        raise NotBelieved("paid without a payment")
    if decision.account.payment(session.payment) is not None or session.amount == 0:
        return
    payment = Payment(id=session.payment, amount=session.amount, currency=session.currency)
    decision.account = decision.account.model_copy(update={"payments": (*decision.account.payments, payment)})
    enter(decision, "captured", payment)
    first = checkout.session in (None, session.id)
    if first:
        checkout = decision.put(checkout.model_copy(update={"session": session.id}))
    if first and right and checkout.status != "paid":
        captured = {"payment": payment.id, "amount": payment.amount, "currency": payment.currency}
        told = PaymentSucceeded.model_validate({"booking_id": decision.about, "checkout_id": checkout.id, **captured})
        decision.events.append(told)
        step(decision, checkout.id, "paid")
        return
    back = derived_id(checkout.id, f"mismatch|{payment.id}")
    ask_back(decision, back, payment, payment.amount, of_booking=False)
    if first and checkout.status in LIVE:
        failed(decision, checkout, "mismatch", f"{session.amount} {session.currency}")
        decision.put(checkout.model_copy(update={"status": "failed"}))
        turn(decision)


def _becomes(asked: Refund, said: ProviderRefund | None, became: RefundStatus) -> RefundStatus | None:
    """What the refund is then; None if nothing changes. A refusal says what came of one try, a refund what came of the money."""
    if said is None and asked.status != "asked":
        return None
    if said is not None and asked.status == "failed" and asked.refund is None:
        return REFUND["asked"].get(became) if became != "failed" else None
    return REFUND[asked.status].get(became)


def refund(decision: Decision, refund_id: str | None, said: ProviderRefund | None, why: str = "") -> None:
    """Compare the refund with what was asked for, then let it count; none: the provider will not give it back."""
    asked = decision.account.refund(refund_id)
    if asked is None:
        raise NotBelieved(f"no such refund: {refund_id}")
    became: RefundStatus = "failed"
    if said is not None:
        if (said.payment, said.amount, said.currency) != (asked.payment, asked.amount, asked.currency):
            raise NotBelieved(f"{said.amount} {said.currency} of {said.payment} went back")
        words: dict[str, RefundStatus] = {"succeeded": "done", "pending": "pending", "requires_action": "pending"}
        became = words.get(said.status, "failed")
    status = _becomes(asked, said, became)
    if status is None:
        return
    asked, before = asked.model_copy(update={"status": status, "refund": said.id if said else asked.refund}), asked
    decision.put_refund(asked)
    if status == "done":
        enter(decision, "refunded", asked)
        if asked.of_booking:
            decision.events.append(gave_back(decision, asked))
    if status == "failed":
        enter(decision, "returned" if before.status == "done" else "failed", asked)
        if not asked.elsewhere:
            decision.events.append(
                _did_not_give_back(decision, asked, "failed" if said is not None else "refused", why)
            )


def _did_not_give_back(decision: Decision, refund: Refund, reason: RefundFailedReason, why: str) -> RefundFailed:
    return RefundFailed(
        booking_id=decision.about,
        refund_id=refund.id,
        payment=refund.payment,
        amount=refund.amount,
        reason=reason,
        message=why,
        automatic=not refund.of_booking,
    )
