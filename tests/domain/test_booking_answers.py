"""What a booking makes of availability's answers, and of a hold that ran out."""

from datetime import timedelta

import pytest
from bookings import (
    ASK,
    CANCELLED,
    HELD,
    HIDDEN,
    KEPT,
    LAPSED,
    PENDING,
    REFUSED,
    STRANGE,
    WAITED,
    answer,
    asking,
    changed,
    conflict,
    not_found,
    now_is,
    our_fault,
    too_late,
    updated,
    waiting,
)

from contracts.answers import Detail, Refused
from contracts.availability import (
    CommitSlot,
    ExtendRefused,
    ReleaseSlot,
    SlotCommitted,
    SlotExtended,
    SlotLost,
    SlotRefused,
    SlotReleased,
)
from contracts.booking import BookingCreated, BookingDeleted, BookingDeletedAnswer, Customer
from contracts.examples import (
    ADA,
    BOOKING,
    BOOKING_ID,
    COMMAND_ID,
    EXPIRES_AT,
    LATER,
    LIGHTHOUSE,
    NOON_BEFORE,
    SLOT_HELD,
)
from services.booking import domain
from services.booking.state import Answered, Decision, Event, Kind, State

ANSWERS = {"booking_id": BOOKING_ID, "question": ASK}
COMMITTED = SlotCommitted(**ANSWERS)
RELEASED = SlotReleased(**ANSWERS, reason="released")
RAN_OUT = SlotReleased(booking_id=BOOKING_ID, reason="expired")
UNTIL = EXPIRES_AT + timedelta(minutes=5)
EXTENDED = SlotExtended(**ANSWERS, expires_at=UNTIL)
GONE = Answered(ASK, BookingDeletedAnswer(booking_id=BOOKING_ID))


def hear(state: State | None, event: Event) -> Decision:
    return domain.hear(state, event, LATER)


def test_slot_held_reserves_the_booking() -> None:
    held = Decision(HELD, (BookingCreated(booking=BOOKING, previous_status="PENDING"), answer(BOOKING, COMMAND_ID)))
    assert domain.hear(PENDING, SLOT_HELD, NOON_BEFORE) == held


@pytest.mark.parametrize(
    ("reason", "code", "field"),
    [
        *[(reason, "SLOT_UNAVAILABLE", "slot") for reason in ("held", "booked", "buffer")],
        *[
            (reason, "VALIDATION_FAILED", "slot")
            for reason in ("closed", "off_grid", "duration", "lead_time", "horizon")
        ],
        ("unknown_product", "NOT_FOUND", "productId"),
        ("unknown_space", "NOT_FOUND", "spaceId"),
        ("not_offered", "VALIDATION_FAILED", "productId"),
        ("internal", "SERVER_ERROR", "slot"),
    ],
)
def test_slot_refused_cancels_the_booking_without_an_event(reason: str, code: str, field: str) -> None:
    event = SlotRefused(booking_id=BOOKING_ID, question=COMMAND_ID, reason=reason, message="Why.")
    refused = Refused(code=code, message="Why.", details=(Detail(field=field, issue=reason),))
    assert hear(PENDING, event) == Decision(REFUSED, (Answered(COMMAND_ID, refused),))


def test_slot_committed_confirms_the_booking() -> None:
    assert hear(asking(HELD, "confirm"), COMMITTED) == Decision(
        KEPT, (updated(KEPT.booking, "RESERVED_15_MIN"), answer(KEPT.booking))
    )


def test_slot_committed_confirms_the_booking_when_it_had_lapsed() -> None:
    confirmed = changed(LAPSED, status="CONFIRMED", cancel_reason=None, expires_at=None, customer=ADA)
    assert hear(asking(LAPSED, "confirm"), COMMITTED) == Decision(
        now_is(LAPSED, confirmed), (updated(confirmed, "CANCEL"), answer(confirmed))
    )


def test_slot_extended_moves_the_hold_s_end() -> None:
    longer = changed(HELD, expires_at=UNTIL)
    assert hear(asking(HELD, "extend"), EXTENDED) == Decision(
        now_is(HELD, longer, hold_ends_at=UNTIL), (updated(longer, "RESERVED_15_MIN"), answer(longer))
    )


@pytest.mark.parametrize("reason", ["cap", "committed"])
def test_extend_refused_leaves_the_hold_as_it_is(reason: str) -> None:
    event = ExtendRefused(**ANSWERS, reason=reason, message="Why.")
    assert hear(asking(HELD, "extend"), event) == Decision(HELD, (conflict("Why."),))


def test_extend_refused_is_our_fault_when_internal() -> None:
    event = ExtendRefused(**ANSWERS, reason="internal", message="Why.")
    assert hear(asking(HELD, "extend"), event) == Decision(HELD, (our_fault("Why."),))


@pytest.mark.parametrize("reason", ["expired", "resold", "unknown"])
@pytest.mark.parametrize("kind", ["confirm", "extend"])
def test_slot_lost_ends_the_hold(kind: Kind, reason: str) -> None:
    event = SlotLost(**ANSWERS, reason=reason)
    assert hear(asking(HELD, kind), event) == Decision(LAPSED, (updated(LAPSED.booking, "RESERVED_15_MIN"), too_late()))


def test_slot_lost_changes_nothing_when_lapsed_already() -> None:
    event = SlotLost(**ANSWERS, reason="resold")
    assert hear(asking(LAPSED, "confirm"), event) == Decision(LAPSED, (too_late(),))


WHY = "Availability could not handle the question. The booking is as it was; a repeat is handled afresh."


@pytest.mark.parametrize(("state", "kind"), [(HELD, "confirm"), (HELD, "cancel"), (KEPT, "cancel"), (HELD, "delete")])
def test_slot_lost_leaves_the_booking_when_internal(state: State, kind: Kind) -> None:
    event = SlotLost(**ANSWERS, reason="internal")
    assert hear(asking(state, kind), event) == Decision(state, (our_fault(WHY),))


@pytest.mark.parametrize("kind", ["confirm", "cancel", "delete"])
def test_slot_lost_tells_of_the_lapse_when_internal_and_the_hold_ran_out_meanwhile(kind: Kind) -> None:
    """The notice comes once: whoever forgets it leaves a booking reserved for ever."""
    ran_out = hear(asking(HELD, kind), RAN_OUT)
    assert ran_out.outputs == ()
    decision = hear(ran_out.state, SlotLost(**ANSWERS, reason="internal"))
    assert decision == Decision(LAPSED, (our_fault(WHY), updated(LAPSED.booking, "RESERVED_15_MIN")))


def test_extend_refused_tells_of_the_lapse_when_internal_and_the_hold_ran_out_meanwhile() -> None:
    ran_out = hear(asking(HELD, "extend"), RAN_OUT)
    decision = hear(ran_out.state, ExtendRefused(**ANSWERS, reason="internal", message="Why."))
    assert decision == Decision(LAPSED, (our_fault("Why."), updated(LAPSED.booking, "RESERVED_15_MIN")))


@pytest.mark.parametrize("state", [HELD, KEPT], ids=["held", "confirmed"])
def test_slot_released_cancels_the_booking_and_answers(state: State) -> None:
    cancelled = changed(state, status="CANCEL", cancel_reason="customer")
    assert hear(asking(state, "cancel"), RELEASED) == Decision(
        now_is(state, cancelled), (updated(cancelled, state.booking.status), answer(cancelled))
    )


def test_slot_released_hides_the_booking_when_it_is_deleted() -> None:
    """With the customer on it, the event and the row are without."""
    customer = Customer(id=STRANGE, email="ada@example.org", name="Ada", phone="+33 1")
    known = now_is(HELD, HELD.booking.model_copy(update={"customer": customer}))
    gone = changed(HELD, status="CANCEL", cancel_reason="customer")
    event = BookingDeleted(booking=gone, previous_status="RESERVED_15_MIN")
    assert hear(asking(known, "delete"), RELEASED) == Decision(now_is(HELD, gone, hidden=True), (event, GONE))


def test_slot_released_lapses_the_booking_when_nobody_asked() -> None:
    assert hear(HELD, RAN_OUT) == Decision(LAPSED, (updated(LAPSED.booking, "RESERVED_15_MIN"),))


@pytest.mark.parametrize("state", [KEPT, CANCELLED, LAPSED, REFUSED, HIDDEN])
def test_slot_released_is_ignored_when_nothing_is_held(state: State) -> None:
    assert hear(state, RAN_OUT) == Decision(state)


def test_slot_released_waits_for_the_answer_when_a_confirm_may_yet_save_the_booking() -> None:
    ran_out = hear(asking(HELD, "confirm"), RAN_OUT)
    assert ran_out.outputs == ()
    decision = hear(ran_out.state, COMMITTED)
    assert decision == Decision(KEPT, (updated(KEPT.booking, "RESERVED_15_MIN"), answer(KEPT.booking)))


@pytest.mark.parametrize("event", [SLOT_HELD, COMMITTED, RELEASED, EXTENDED, SlotLost(**ANSWERS, reason="expired")])
@pytest.mark.parametrize("state", [HELD, KEPT, CANCELLED, HIDDEN, asking(HELD, "confirm", WAITED)])
def test_any_answer_is_ignored_when_its_question_is_not_open(state: State, event: Event) -> None:
    assert hear(state, event) == Decision(state)


def test_any_answer_is_ignored_when_there_is_no_booking() -> None:
    assert [hear(None, event) for event in (SLOT_HELD, RAN_OUT, COMMITTED)] == [Decision(None)] * 3


def test_what_waited_is_decided_in_order_until_one_asks() -> None:
    state = waiting(asking(HELD, "confirm"), (WAITED, "confirm"), (STRANGE, "cancel"), (COMMAND_ID, "extend"))
    release = ReleaseSlot(booking_id=BOOKING_ID, question=STRANGE, space_id=LIGHTHOUSE.id)
    after = waiting(asking(KEPT, "cancel", STRANGE), (COMMAND_ID, "extend"))
    event = updated(KEPT.booking, "RESERVED_15_MIN")
    assert hear(state, COMMITTED) == Decision(
        after, (event, answer(KEPT.booking), answer(KEPT.booking, WAITED), release)
    )


def test_what_waited_is_not_found_when_the_booking_is_deleted_meanwhile() -> None:
    state = waiting(asking(HELD, "delete"), (WAITED, "confirm"), (STRANGE, "delete"))
    gone = changed(HELD, status="CANCEL", cancel_reason="customer")
    event = BookingDeleted(booking=gone, previous_status="RESERVED_15_MIN")
    assert hear(state, RELEASED) == Decision(
        now_is(HELD, gone, hidden=True), (event, GONE, not_found(WAITED), not_found(STRANGE))
    )


def test_what_waited_keeps_the_time_it_was_accepted_at() -> None:
    state = waiting(PENDING, (ASK, "confirm"))
    decision = domain.hear(state, SLOT_HELD, EXPIRES_AT + timedelta(hours=1))
    commit = CommitSlot(booking_id=BOOKING_ID, question=ASK, space_id=LIGHTHOUSE.id, accepted_at=LATER)
    assert decision.outputs[-1] == commit
