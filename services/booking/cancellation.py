"""What a cancel gives back of what was paid. Pure: a policy, an amount and two moments in, minor units out."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from contracts.booking import CancellationPreview
from contracts.terms import CancellationStep
from services.booking.state import State

NO_POLICY = (CancellationStep(hours_before=0, refund_percent=100),)  # all of it until the slot begins


def step(policy: Sequence[CancellationStep], begins: datetime, at: datetime) -> CancellationStep | None:
    """The step that counts for a cancel at that moment: of those it is in time for the one with the most hours."""
    in_time = [each for each in policy or NO_POLICY if at <= _deadline(each, begins)]
    return max(in_time, key=lambda each: each.hours_before, default=None)  # the first of equals


def back(policy: Sequence[CancellationStep], paid: int, begins: datetime, at: datetime) -> int:
    """What goes back. The percentage that is kept is rounded down to whole minor units: the odd one is the customer's."""
    counts = step(policy, begins, at)
    if counts is None:
        return 0
    kept = paid * (100 - counts.refund_percent) // 100 + counts.fee
    return max(0, paid - kept)


def due(state: State, at: datetime) -> int:
    """What of the payment that counts goes back when the paid booking is cancelled at that moment."""
    paid = state.purse.counting
    if state.booking.status != "PAID" or paid is None:
        return 0
    amount = back(state.terms.cancellation_policy, paid.amount, state.booking.slot.from_, at)
    return amount if state.purse.most_back is None else min(amount, state.purse.most_back)


def preview(state: State, at: datetime) -> CancellationPreview:
    """What a cancel at that moment would give back and keep."""
    booking, policy, paid = state.booking, state.terms.cancellation_policy, state.purse.counting
    is_paid = booking.status == "PAID" and paid is not None
    amount, refund = paid.amount if paid and is_paid else 0, due(state, at)
    counts = step(policy, booking.slot.from_, at) if is_paid else None
    return CancellationPreview(
        booking_id=booking.id,
        status=booking.status,
        paid=amount,
        refund=refund,
        fee=amount - refund,
        currency=booking.currency,
        at=at,
        until=_deadline(counts, booking.slot.from_) if counts else None,
        cancellation_policy=policy or NO_POLICY,
    )


def _deadline(each: CancellationStep, begins: datetime) -> datetime:
    return begins - timedelta(hours=each.hours_before)
