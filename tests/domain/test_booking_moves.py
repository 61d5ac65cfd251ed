"""A booking that moves to another slot of its space."""

import pytest
from bookings import (
    ASK,
    CANCELLED,
    HELD,
    HIDDEN,
    KEPT,
    LAPSED,
    RESCHEDULE,
    STRANGE,
    answer,
    asking,
    changed,
    not_found,
    now_is,
    our_fault,
    too_late,
    updated,
)

from contracts.answers import Detail, Refused
from contracts.availability import MoveRefused, MoveSlot, SlotLost, SlotMoved, SlotReleased
from contracts.booking import RescheduleBooking
from contracts.examples import BOOKING_ID, EXPIRES_AT, LATER, LIGHTHOUSE, MONDAY_ELEVEN, MONDAY_TEN, ORGANISATION
from services.booking import domain
from services.booking.state import Answered, Decision, State

ABOUT = {"booking_id": BOOKING_ID, "question": ASK}
MOVED = SlotMoved(**ABOUT, slot=MONDAY_ELEVEN)


def receive(state: State, command: RescheduleBooking = RESCHEDULE) -> Decision:
    return domain.receive(state, command, ASK, LATER, LATER, ORGANISATION)


@pytest.mark.parametrize("state", [HELD, KEPT], ids=["held", "confirmed"])
def test_reschedule_booking_asks_for_the_other_slot(state: State) -> None:
    move = MoveSlot(**ABOUT, space_id=LIGHTHOUSE.id, slot=MONDAY_ELEVEN, accepted_at=LATER)
    assert receive(state) == Decision(asking(state, "reschedule"), (move,))
    same_space = RESCHEDULE.model_copy(update={"space_id": LIGHTHOUSE.id})
    assert receive(state, same_space).outputs == (move,)


@pytest.mark.parametrize("state", [HELD, KEPT], ids=["held", "confirmed"])
def test_slot_moved_moves_the_booking_and_leaves_price_and_hold(state: State) -> None:
    moved = changed(state, slot=MONDAY_ELEVEN)
    assert domain.hear(asking(state, "reschedule"), MOVED, LATER) == Decision(
        now_is(state, moved), (updated(moved, state.booking.status), answer(moved))
    )


@pytest.mark.parametrize(
    ("reason", "code", "field"),
    [
        *[(reason, "SLOT_UNAVAILABLE", "slot") for reason in ("held", "booked", "buffer")],
        *[(why, "VALIDATION_FAILED", "slot") for why in ("closed", "off_grid", "duration", "lead_time", "horizon")],
        ("not_offered", "VALIDATION_FAILED", "slot"),
        ("unknown_product", "CONFLICT", "productId"),
        ("unknown_space", "CONFLICT", "spaceId"),
        ("internal", "SERVER_ERROR", "slot"),
    ],
)
@pytest.mark.parametrize("state", [HELD, KEPT], ids=["held", "confirmed"])
def test_move_refused_leaves_the_booking_as_it_is(state: State, reason: str, code: str, field: str) -> None:
    event = MoveRefused(**ABOUT, reason=reason, message="Why.")
    refused = Refused(code=code, message="Why.", details=(Detail(field=field, issue=reason),))
    assert domain.hear(asking(state, "reschedule"), event, LATER) == Decision(state, (Answered(ASK, refused),))


def test_reschedule_booking_is_refused_when_it_is_another_space() -> None:
    (answered,) = receive(HELD, RESCHEDULE.model_copy(update={"space_id": STRANGE})).outputs
    assert isinstance(answered, Answered)
    assert isinstance(answered.body, Refused)
    assert answered.body.code == "VALIDATION_FAILED"
    assert answered.body.details == (Detail(field="spaceId", issue="is another space"),)


def test_reschedule_booking_answers_the_same_when_it_is_there_already() -> None:
    there = RescheduleBooking(booking_id=BOOKING_ID, slot=MONDAY_TEN)
    assert receive(KEPT, there) == Decision(KEPT, (answer(KEPT.booking),))


def test_reschedule_booking_is_refused_when_the_hold_is_over() -> None:
    late = domain.receive(HELD, RESCHEDULE, ASK, EXPIRES_AT, LATER, ORGANISATION)
    assert late == Decision(HELD, (too_late(),))
    assert receive(LAPSED) == Decision(LAPSED, (too_late(),))


def test_reschedule_booking_is_refused_when_cancelled_or_deleted() -> None:
    (answered,) = receive(CANCELLED).outputs
    assert isinstance(answered, Answered)
    assert answered.body == Refused(code="CONFLICT", message="The booking is CANCEL (customer).")
    assert receive(HIDDEN) == Decision(HIDDEN, (not_found(),))


def test_slot_lost_lapses_the_booking_when_it_was_to_move() -> None:
    lapsed = changed(HELD, status="CANCEL", cancel_reason="hold_expired")
    event = SlotLost(**ABOUT, reason="expired")
    assert domain.hear(asking(HELD, "reschedule"), event, LATER) == Decision(
        now_is(HELD, lapsed), (updated(lapsed, "RESERVED_15_MIN"), too_late())
    )


def test_move_refused_tells_of_the_lapse_when_internal_and_the_hold_ran_out_meanwhile() -> None:
    ran_out = domain.hear(asking(HELD, "reschedule"), SlotReleased(booking_id=BOOKING_ID, reason="expired"), LATER)
    decision = domain.hear(ran_out.state, MoveRefused(**ABOUT, reason="internal", message="Why."), LATER)
    (refused, _event) = decision.outputs
    assert isinstance(refused, Answered)
    assert isinstance(refused.body, Refused)
    assert refused.body.code == our_fault("Why.").body.code  # type: ignore[union-attr]
    assert decision.state is not None
    assert decision.state.booking.cancel_reason == "hold_expired"
