"""What a cancel of a paid booking gives back and keeps, what the preview says of it, and what a move does to it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from bookings import ASK, CANCEL, HELD, KEPT, RESCHEDULE, answer
from hypothesis import given
from hypothesis import strategies as st
from purses import (
    OPEN,
    PAID,
    PAY_IN,
    REFUNDED,
    REFUNDING,
    ask,
    changed,
    give_back,
    has_changed,
    not_refunded,
    on,
    refunded,
    told,
)

from contracts.availability import ReleaseSlot, SlotLost, SlotMoved, SlotReleased
from contracts.booking import CancellationPreview
from contracts.examples import BOOKING_ID, LATER, MONDAY_TEN
from contracts.model import Slot
from contracts.payment import RefundPayment
from contracts.terms import CancellationStep as Step
from services.booking import cancellation, domain
from services.booking.state import Decision, State

BEGINS = MONDAY_TEN.from_
TICK = timedelta(microseconds=1)
ABOUT = {"booking_id": BOOKING_ID, "question": ASK}
IN_STEPS = (Step(hours_before=48), Step(hours_before=24, refund_percent=50), Step(hours_before=2, refund_percent=10))


def hours(count: float) -> timedelta:
    return timedelta(hours=count)


def cancelled(state: State, before: timedelta) -> Decision:
    """Cancelled so long before the slot."""
    asked = ask(state, CANCEL, at=BEGINS - before)
    assert [type(each) for each in asked.outputs] == [ReleaseSlot]
    assert asked.state is not None
    return domain.hear(asked.state, SlotReleased(**ABOUT, reason="released"), LATER)


def due(policy: tuple[Step, ...], before: timedelta, paid: int = 2500) -> int:
    return cancellation.back(policy, paid, BEGINS, BEGINS - before)


# ---- the policy


@pytest.mark.parametrize(
    ("before", "back"),
    [
        (hours(1000), 2500),
        (hours(48), 2500),
        (hours(48) - TICK, 1250),
        (hours(24), 1250),
        (hours(24) - TICK, 250),
        (hours(2), 250),
        (hours(2) - TICK, 0),
        (hours(0), 0),
        (hours(-5), 0),
    ],
)
def test_the_step_with_the_most_hours_counts_of_those_that_a_cancel_is_in_time_for(
    before: timedelta, back: int
) -> None:
    assert due(IN_STEPS, before) == back
    assert due(tuple(reversed(IN_STEPS)), before) == back


def test_without_a_policy_all_of_it_goes_back_until_the_slot_begins() -> None:
    assert [due((), before) for before in (hours(500), hours(0), -TICK)] == [2500, 2500, 0]


@pytest.mark.parametrize(
    ("step", "paid", "back"),
    [
        (Step(hours_before=0, fee=300), 2500, 2200),
        (Step(hours_before=0, fee=2500), 2500, 0),
        (Step(hours_before=0, fee=9000), 2500, 0),
        (Step(hours_before=0, refund_percent=50, fee=300), 2500, 950),
        (Step(hours_before=0, refund_percent=0), 2500, 0),
    ],
)
def test_a_fee_is_kept_beside_the_percentage_and_never_more_than_was_paid(step: Step, paid: int, back: int) -> None:
    assert due((step,), hours(1), paid) == back


@pytest.mark.parametrize(("percent", "paid", "back"), [(50, 25, 13), (33, 100, 33), (99, 1, 1), (1, 1, 1), (0, 1, 0)])
def test_the_odd_minor_unit_is_the_customer_s(percent: int, paid: int, back: int) -> None:
    assert due((Step(hours_before=0, refund_percent=percent),), hours(1), paid) == back


def test_of_two_steps_with_as_many_hours_the_first_counts() -> None:
    twice = (Step(hours_before=24, refund_percent=80), Step(hours_before=24, refund_percent=20))
    assert due(twice, hours(30)) == 2000


steps = st.lists(
    st.builds(Step, hours_before=st.integers(0, 72), refund_percent=st.integers(0, 100), fee=st.integers(0, 4000)),
    max_size=5,
).map(tuple)
moments = st.integers(-3600 * 24, 3600 * 80).map(lambda seconds: timedelta(seconds=seconds))


@given(steps, st.integers(0, 10**12), moments)
def test_what_goes_back_is_whole_and_never_more_than_was_paid(policy: Any, paid: int, before: timedelta) -> None:
    back = due(policy, before, paid)
    assert isinstance(back, int)
    assert 0 <= back <= paid


@given(steps, moments, moments)
def test_what_the_preview_says_is_so_until_the_moment_it_names(policy: Any, one: timedelta, other: timedelta) -> None:
    state = on(PAID, cancellation_policy=policy)
    shown = cancellation.preview(state, BEGINS - one)
    later = BEGINS - other
    if shown.until is not None and shown.at <= later <= shown.until:
        assert cancellation.preview(state, later).refund == shown.refund
    assert shown.refund + shown.fee == shown.paid == 2500


# ---- the cancel of a paid booking


@pytest.mark.parametrize(("before", "back"), [(hours(48), 2500), (hours(30), 1250)])
def test_cancel_releases_the_slot_and_gives_back_what_the_policy_says(before: timedelta, back: int) -> None:
    state = on(PAID, cancellation_policy=IN_STEPS)
    decision = cancelled(state, before)
    after = changed(state, status="CANCEL", cancel_reason="customer", payment_status="refunding")
    assert decision.outputs == (has_changed(after, "PAID"), give_back(back), answer(after))
    assert decision.state is not None
    assert decision.state.purse.counting == PAY_IN.model_copy(update={"back": back, "refund": "asked"})
    done = told(decision.state, refunded(amount=back))
    assert done.state is not None
    assert (done.state.booking.status, done.state.booking.payment_status) == ("REFUNDED", "refunded")


def test_cancel_ends_in_cancel_when_the_policy_gives_nothing_back() -> None:
    state = on(PAID, cancellation_policy=IN_STEPS)
    decision = cancelled(state, hours(1))
    after = changed(state, status="CANCEL", cancel_reason="customer")
    assert decision.outputs == (has_changed(after, "PAID"), answer(after))
    assert after.payment_status == "paid"


def test_the_time_of_the_command_counts_and_not_that_of_the_answer() -> None:
    state = on(PAID, cancellation_policy=(Step(hours_before=24),))
    asked = ask(state, CANCEL, at=BEGINS - hours(24))
    assert asked.state is not None
    decision = domain.hear(asked.state, SlotReleased(**ABOUT, reason="released"), BEGINS - hours(1))
    assert give_back() in decision.outputs


def test_cancel_refunds_nothing_when_the_slot_cannot_be_given_back() -> None:
    asked = ask(PAID, CANCEL)
    assert asked.state is not None
    decision = domain.hear(asked.state, SlotLost(**ABOUT, reason="internal"), LATER)
    assert not any(isinstance(each, RefundPayment) for each in decision.outputs)
    assert decision.state is not None
    assert decision.state.booking == PAID.booking


def test_cancelling_twice_refunds_once() -> None:
    assert ask(REFUNDING, CANCEL).outputs == (answer(REFUNDING.booking),)


# ---- a move


def moved(state: State, at: datetime, to: Slot) -> State:
    asked = ask(state, RESCHEDULE.model_copy(update={"slot": to}), at=at)
    assert asked.state is not None
    after = domain.hear(asked.state, SlotMoved(**ABOUT, slot=to), LATER).state
    assert after is not None
    return after


NEXT_MONTH = Slot(from_=BEGINS + timedelta(days=30), to=MONDAY_TEN.to + timedelta(days=30))


def test_a_paid_booking_moves_with_its_price_and_its_policy() -> None:
    state = moved(on(PAID, cancellation_policy=IN_STEPS), BEGINS - hours(72), NEXT_MONTH)
    assert (state.booking.status, state.booking.slot, state.booking.total_price) == ("PAID", NEXT_MONTH, 2500)
    assert cancellation.due(state, NEXT_MONTH.from_ - hours(30)) == 1250


@pytest.mark.parametrize(("before", "most"), [(hours(72), 2500), (hours(30), 1250), (hours(1), 0)])
def test_a_move_gives_nobody_a_better_refund_than_a_cancel_would_have(before: timedelta, most: int) -> None:
    state = moved(on(PAID, cancellation_policy=IN_STEPS), BEGINS - before, NEXT_MONTH)
    assert cancellation.due(state, NEXT_MONTH.from_ - hours(500)) == most
    again = moved(state, NEXT_MONTH.from_ - hours(500), MONDAY_TEN)
    assert cancellation.due(again, BEGINS - hours(500)) == most


def test_a_move_before_it_is_paid_costs_nothing() -> None:
    assert moved(KEPT, BEGINS - hours(1), NEXT_MONTH).money is None


# ---- the preview


def test_the_preview_says_what_a_cancel_would_give_back_and_until_when() -> None:
    state, at = on(PAID, cancellation_policy=IN_STEPS), BEGINS - hours(30)
    assert cancellation.preview(state, at) == CancellationPreview(
        booking_id=BOOKING_ID,
        status="PAID",
        paid=2500,
        refund=1250,
        fee=1250,
        currency="EUR",
        at=at,
        until=BEGINS - hours(24),
        cancellation_policy=IN_STEPS,
    )


def test_the_preview_says_that_nothing_changes_any_more() -> None:
    shown = cancellation.preview(on(PAID, cancellation_policy=IN_STEPS), BEGINS - hours(1))
    assert (shown.refund, shown.fee, shown.until) == (0, 2500, None)


@pytest.mark.parametrize("state", [HELD, KEPT, OPEN, REFUNDING])
def test_the_preview_of_what_is_not_paid_or_cancelled_already_has_nothing_to_give_back(state: State) -> None:
    shown = cancellation.preview(state, LATER)
    assert (shown.paid, shown.refund, shown.fee, shown.until) == (0, 0, 0, None)


def test_the_preview_shows_the_policy_that_counts_where_the_product_has_none() -> None:
    shown = cancellation.preview(on(PAID, cancellation_policy=()), LATER)
    assert shown.cancellation_policy == (Step(hours_before=0, refund_percent=100),)
    assert shown.until == BEGINS


def test_a_refund_that_went_back_is_not_undone_by_a_dead_command_that_dies_once_more() -> None:
    again = told(REFUNDED, not_refunded(reason="impossible"))
    assert again == Decision(REFUNDED)
    assert told(REFUNDING, not_refunded(reason="impossible")).outputs != (), "payment has not even tried the first one"


@pytest.mark.parametrize(
    ("state", "kept", "going_back"), [(PAID, 2500, 0), (REFUNDING, 2500, 2500), (REFUNDED, 0, 0)], ids=str
)
def test_money_is_kept_until_it_has_gone_back(state: Any, kept: int, going_back: int) -> None:
    assert (state.purse.kept, state.purse.going_back) == (kept, going_back)
