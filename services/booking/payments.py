"""What a booking makes of money: the table "Money against time", cell by cell. Pure.

Each payment is met once: the booking remembers it by its id. The first one counts, whenever it comes; any other goes back whole.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from contracts.availability import CommitSlot, ReleaseSlot
from contracts.payment import RefundPayment
from services.booking import cancellation, changes, checkouts
from services.booking.money import Captured, Heard
from services.booking.state import Asked, Decision, State

NO_PAGE = (
    "The payment provider gave no page: it is away, or takes no such amount or currency. "
    "The booking is confirmed; confirm it again for another try."
)


def hear(state: State, asked: Asked, said: Heard, now: datetime) -> Decision:
    """What payment said, when no question is open. `asked` is the message that said it."""
    match said.what:
        case "opened":
            return _opened(state, said, now)
        case "delayed":
            return _delayed(state, said)
        case "expired":
            return _expired(state, asked, said, now)
        case "processing":
            return _processing(state, said, now)
        case "failed":
            return _failed(state, said, now)
        case "paid":
            return _paid(state, asked, said, now)
        case "refunded":
            return _refunded(state, said, now)
        case "not_refunded":
            return _not_refunded(state, said, now)


# ---- the page


def _opened(state: State, said: Heard, now: datetime) -> Decision:
    page = state.purse.page
    if page is None or page.over or page.question != said.question or page.url is not None:
        return Decision(state)  # there is a later one, or it is shut already
    state = checkouts.with_page(state, page.model_copy(update={"checkout": said.checkout, "url": said.url}))
    status = "failed" if page.tried else "open"
    decision = changes.change(state, now, payment_url=said.url, payment_status=status)
    return _with_answers(decision)


def _delayed(state: State, said: Heard) -> Decision:
    page = state.purse.page
    if page is None or page.over or page.question != said.question or page.url is not None:
        return Decision(state)
    return checkouts.answered(state, late=True)


def _expired(state: State, asked: Asked, said: Heard, now: datetime) -> Decision:
    page = state.purse.page
    if page is None or page.over or not page.is_of(said.checkout):
        return Decision(state)
    decision = checkouts.refused(checkouts.over(state), "CONFLICT", "The page was closed before it was opened.")
    state = _state(decision)
    if state.terms.payment_expired == "cancel":
        about = {"booking_id": state.booking.id, "question": asked.id, "space_id": state.booking.space.id}
        return decision.followed_by(_ask(state, asked, "expire", ReleaseSlot(**about)))
    return decision.followed_by(changes.change(state, now, payment_status="expired", payment_url=None))


def expired(state: State, now: datetime) -> Decision:
    """The slot is on sale again because nobody paid in time."""
    why: dict[str, Any] = {"status": "CANCEL", "cancel_reason": "payment_expired"}
    return changes.change(state, now, **why, payment_status="expired", payment_url=None)


def still_held(state: State, now: datetime) -> Decision:
    """Nobody paid in time, and availability could not take the slot back: the booking is kept, and says why."""
    return changes.change(state, now, payment_status="expired", payment_url=None)


def _processing(state: State, said: Heard, now: datetime) -> Decision:
    """Nothing can be paid at the page any more, and what was is not there yet."""
    page = state.purse.page
    if page is None or page.over or not page.is_of(said.checkout):
        return Decision(state)
    decision = changes.change(checkouts.over(state), now, payment_status="processing", payment_url=None)
    return _with_answers(decision)


def _failed(state: State, said: Heard, now: datetime) -> Decision:
    page = state.purse.page
    under_way = state.booking.payment_status == "processing"
    current = page is not None and page.is_of(said.checkout) and (not page.over or under_way)
    if state.booking.status != "CONFIRMED" or not (current or said.reason in ("declined", "failed")):
        return Decision(state)
    if not current:  # of an earlier page: what the later one says of itself stays true
        fields: dict[str, Any] = {} if page is not None and not page.over else {"payment_status": "failed"}
        return changes.change(state, now, failed=True, **fields)
    assert page is not None
    if said.reason == "declined":  # the page is open still, but who confirms again gets a new one
        tried = checkouts.with_page(state, page.model_copy(update={"tried": True}))
        return changes.change(tried, now, failed=True, payment_status="failed")
    state = checkouts.over(state)
    if said.reason == "in_progress":
        decision = changes.differs(state, now, payment_status="processing", payment_url=None)
        return decision.followed_by(checkouts.refused(_state(decision), "CONFLICT", "A payment is under way."))
    decision = changes.change(state, now, failed=True, payment_status="failed", payment_url=None)
    return decision.followed_by(checkouts.refused(_state(decision), "PAYMENT_PROVIDER_UNAVAILABLE", NO_PAGE))


# ---- the money


def _paid(state: State, asked: Asked, said: Heard, now: datetime) -> Decision:
    assert said.payment is not None
    booking, purse = state.booking, state.purse
    if purse.find(said.payment) is not None:
        return Decision(state)
    first = purse.counting is None and not state.hidden
    if first and booking.status == "CONFIRMED":
        return paid(state, said, now)
    if first and booking.status == "CANCEL":
        if state.terms.late_payment == "reacquire" and now < booking.slot.from_:
            about = {"booking_id": booking.id, "question": asked.id, "space_id": booking.space.id}
            question = CommitSlot(**about, accepted_at=asked.accepted_at, reacquire=True)
            return _ask(state, asked, "reacquire", question)
        return late(state, said, now)
    captured = Captured(id=said.payment, amount=said.amount, counts=False, back=said.amount, refund="asked")
    return Decision(_with(state, captured), (_give_back(state, captured),))


def paid(state: State, said: Heard, now: datetime) -> Decision:
    """The booking is paid; what could still be paid at another page is shut."""
    assert said.payment is not None
    page = state.purse.page
    shut = Decision(state)
    if page is not None and page.is_of(said.checkout):
        shut = Decision(checkouts.over(state))
    kept = _with(_state(shut), Captured(id=said.payment, amount=said.amount))
    fields: dict[str, Any] = {"status": "PAID", "cancel_reason": None, "payment_enabled": True}
    decision = changes.change(kept, now, **fields, payment_status="paid", payment_url=None)
    answers = checkouts.answered(_state(decision))
    return decision.followed_by(answers).followed_by(checkouts.close(_state(answers), _paid_already(state)))


def late(state: State, said: Heard, now: datetime) -> Decision:
    """Money for a cancelled booking goes back, all of it."""
    assert said.payment is not None
    captured = Captured(id=said.payment, amount=said.amount, back=said.amount, refund="asked")
    decision = changes.change(_with(state, captured), now, payment_status="refunding", payment_url=None)
    return decision.and_then(_give_back(state, captured))


def cancelled(state: State, asked: Asked, now: datetime) -> Decision:
    """The slot is on sale again: the page is shut, and what the policy gives back goes back. The command's time counts."""
    captured, back = state.purse.counting, cancellation.due(state, asked.accepted_at)
    fields: dict[str, Any] = {"status": "CANCEL", "cancel_reason": "customer"}
    if state.booking.status == "PAID" and captured is not None:
        if back:
            captured = captured.model_copy(update={"back": back, "refund": "asked"})
            decision = changes.change(_with(state, captured), now, **fields, payment_status="refunding")
            return changes.with_answer(decision.and_then(_give_back(state, captured)), asked)
        return changes.with_answer(changes.change(state, now, **fields), asked)
    decision = changes.change(state, now, **fields, payment_url=None, payment_status=None)
    closed = checkouts.close(_state(decision), "The booking was cancelled.")
    return changes.with_answer(decision.followed_by(closed), asked)


def moved(state: State, asked: Asked) -> State:
    """A paid booking is about to move: no cancel gives back more than it would have done now."""
    if state.booking.status != "PAID":
        return state
    return state.with_purse(most_back=cancellation.due(state, asked.accepted_at))


def refunded_again(state: State, asked: Asked, now: datetime) -> Decision | None:
    """A cancel of what is cancelled, but not refunded because the provider would not: it is asked again. None: nothing failed."""
    captured = state.purse.counting
    if captured is None or captured.refund != "failed" or state.booking.status not in ("CANCEL", "REFUNDED"):
        return None
    captured = captured.model_copy(update={"refund": "asked"})
    decision = changes.change(_with(state, captured), now, payment_status="refunding")
    return changes.with_answer(decision.and_then(_give_back(state, captured)), asked)


def _refunded(state: State, said: Heard, now: datetime) -> Decision:
    captured = state.purse.find(said.payment)
    if captured is None or captured.refund not in ("asked", "failed"):
        return Decision(state)  # `failed`: one try was refused, and an earlier one had its effect all the same
    state = _with(state, captured.model_copy(update={"refund": "done"}))
    if state.hidden or not captured.counts:
        return Decision(state)
    return changes.change(state, now, status="REFUNDED", payment_status="refunded")


def _not_refunded(state: State, said: Heard, now: datetime) -> Decision:
    captured = state.purse.find(said.payment)
    if captured is None or captured.refund in (None, "failed"):
        return Decision(state)
    if said.impossible and captured.refund == "done":
        return Decision(state)  # a command that was repeated in vain; another one had its effect
    state = _with(state, captured.model_copy(update={"refund": "failed"}))
    if state.hidden or not captured.counts:
        return Decision(state)  # the ledger of payment shows it
    return changes.change(state, now, payment_status="refund_failed")


def _give_back(state: State, captured: Captured) -> RefundPayment:
    return RefundPayment(booking_id=state.booking.id, payment=captured.id, amount=captured.back)


def _paid_already(state: State) -> str:
    return f"The booking is {state.booking.status}: there is nothing to pay."


def _ask(state: State, asked: Asked, kind: Any, question: CommitSlot | ReleaseSlot) -> Decision:
    return Decision(state.model_copy(update={"question": asked.model_copy(update={"kind": kind})}), (question,))


def _with(state: State, captured: Captured) -> State:
    return state.with_purse(captured=state.purse.put(captured))


def _with_answers(decision: Decision) -> Decision:
    answers = checkouts.answered(_state(decision))
    return replace(answers, outputs=(*decision.outputs, *answers.outputs))


def _state(decision: Decision) -> State:
    assert decision.state is not None
    return decision.state
