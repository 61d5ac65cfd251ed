"""What a booking makes of each command: asked, answered or refused at once."""

from datetime import datetime, timedelta

import pytest
from bookings import (
    ASK,
    CANCEL,
    CANCELLED,
    COMMANDS,
    CONFIRM,
    DELETE,
    EXTEND,
    HELD,
    HIDDEN,
    KEPT,
    LAPSED,
    PENDING,
    REFUSED,
    answer,
    asking,
    changed,
    conflict,
    not_found,
    now_is,
    said,
    too_late,
)

from contracts.availability import CommitSlot, ExtendSlot, ReleaseSlot
from contracts.booking import BookingDeleted, BookingDeletedAnswer
from contracts.examples import (
    BOOKING_ID,
    COMMAND_ID,
    CREATE_BOOKING,
    EXPIRES_AT,
    HOLD_SLOT,
    LATER,
    LIGHTHOUSE,
    NOON_BEFORE,
    ORGANISATION,
)
from services.booking import domain
from services.booking.state import Answered, Asked, Command, Decision, Kind, State

TICK = timedelta(microseconds=1)
LONG_AFTER = EXPIRES_AT + timedelta(hours=3)  # when we get to it is nobody's business
QUESTION = {"booking_id": BOOKING_ID, "question": ASK, "space_id": LIGHTHOUSE.id}


def receive(state: State | None, command: Command, accepted_at: datetime = LATER, now: datetime = LATER) -> Decision:
    return domain.receive(state, command, ASK, accepted_at, now, ORGANISATION)


def test_create_booking_asks_for_the_slot() -> None:
    decision = domain.create(None, CREATE_BOOKING, COMMAND_ID, NOON_BEFORE, NOON_BEFORE)
    assert decision == Decision(PENDING, (HOLD_SLOT,))


@pytest.mark.parametrize("state", [PENDING, HELD, HIDDEN], ids=["pending", "held", "hidden"])
def test_create_booking_is_refused_when_another_command_has_made_it(state: State) -> None:
    decision = domain.create(state, CREATE_BOOKING, ASK, LATER, LATER)
    assert decision == Decision(state, (conflict("There is a booking with this id already."),))


@pytest.mark.parametrize("state", [None, HIDDEN], ids=["unknown", "deleted"])
@pytest.mark.parametrize("kind", COMMANDS)
def test_any_command_is_not_found_when_there_is_no_booking(kind: Kind, state: State | None) -> None:
    assert receive(state, COMMANDS[kind]) == Decision(state, (not_found(),))


@pytest.mark.parametrize("now", [LATER, LONG_AFTER], ids=["at once", "read late"])
@pytest.mark.parametrize("state", [HELD, LAPSED], ids=["held", "lapsed"])
def test_confirm_booking_asks_to_commit_when_accepted_in_time(state: State, now: datetime) -> None:
    accepted = EXPIRES_AT - TICK
    asked = state.model_copy(update={"question": said("confirm", accepted_at=accepted)})
    assert receive(state, CONFIRM, accepted, now) == Decision(asked, (CommitSlot(**QUESTION, accepted_at=accepted),))


@pytest.mark.parametrize("now", [LATER, LONG_AFTER], ids=["our clock behind", "read late"])
@pytest.mark.parametrize("state", [HELD, LAPSED], ids=["held", "lapsed"])
def test_confirm_booking_is_refused_when_accepted_at_the_hold_s_end(state: State, now: datetime) -> None:
    assert receive(state, CONFIRM, EXPIRES_AT, now) == Decision(state, (too_late(),))


@pytest.mark.parametrize("accepted", [LATER, LONG_AFTER], ids=["in time", "late"])
def test_confirm_booking_answers_the_same_when_confirmed_already(accepted: datetime) -> None:
    assert receive(KEPT, CONFIRM, accepted) == Decision(KEPT, (answer(KEPT.booking),))


@pytest.mark.parametrize(("state", "reason"), [(CANCELLED, "customer"), (REFUSED, "slot_unavailable")])
def test_confirm_booking_is_refused_when_cancelled(state: State, reason: str) -> None:
    assert receive(state, CONFIRM) == Decision(state, (conflict(f"The booking is CANCEL ({reason})."),))


def test_extend_hold_asks_when_accepted_in_time() -> None:
    accepted = EXPIRES_AT - TICK
    asked = HELD.model_copy(update={"question": Asked(id=ASK, kind="extend", accepted_at=accepted)})
    decision = receive(HELD, EXTEND, accepted, LONG_AFTER)
    assert decision == Decision(asked, (ExtendSlot(**QUESTION, accepted_at=accepted),))


def test_extend_hold_is_refused_when_accepted_at_the_hold_s_end() -> None:
    assert receive(HELD, EXTEND, EXPIRES_AT, LATER) == Decision(HELD, (too_late(),))


def test_extend_hold_is_refused_when_lapsed() -> None:
    assert receive(LAPSED, EXTEND) == Decision(LAPSED, (too_late(),))


@pytest.mark.parametrize("state", [KEPT, CANCELLED, REFUSED], ids=["confirmed", "cancelled", "refused"])
def test_extend_hold_is_refused_when_nothing_is_held(state: State) -> None:
    why = f"The booking is {state.booking.status}: there is no hold to extend."
    assert receive(state, EXTEND) == Decision(state, (conflict(why),))


@pytest.mark.parametrize("state", [HELD, KEPT], ids=["held", "confirmed"])
def test_cancel_booking_asks_to_release_and_is_not_answered_yet(state: State) -> None:
    assert receive(state, CANCEL) == Decision(asking(state, "cancel"), (ReleaseSlot(**QUESTION),))


@pytest.mark.parametrize("state", [CANCELLED, REFUSED], ids=["cancelled", "refused"])
def test_cancel_booking_answers_the_same_when_cancelled_already(state: State) -> None:
    assert receive(state, CANCEL) == Decision(state, (answer(state.booking),))


def test_cancel_booking_answers_the_same_when_lapsed_and_no_confirm_revives_it() -> None:
    cancelled = receive(LAPSED, CANCEL)
    assert cancelled.outputs == (answer(LAPSED.booking),)
    assert cancelled.state is not None
    assert cancelled.state.booking == LAPSED.booking
    confirmed = receive(cancelled.state, CONFIRM, EXPIRES_AT - TICK)
    assert confirmed.state == cancelled.state
    (refused,) = confirmed.outputs
    assert isinstance(refused, Answered), "it asked to take the slot of a cancelled booking again"


def test_delete_booking_asks_to_release_and_is_not_answered_yet() -> None:
    assert receive(HELD, DELETE) == Decision(asking(HELD, "delete"), (ReleaseSlot(**QUESTION),))


def test_delete_booking_is_refused_when_confirmed() -> None:
    assert receive(KEPT, DELETE) == Decision(KEPT, (conflict("The booking is CONFIRMED. Cancel it first."),))


@pytest.mark.parametrize("state", [CANCELLED, LAPSED], ids=["cancelled", "lapsed"])
def test_delete_booking_hides_it_at_once_when_nothing_is_held(state: State) -> None:
    gone = changed(state)
    event = BookingDeleted(booking=gone, previous_status="CANCEL")
    done = Answered(ASK, BookingDeletedAnswer(booking_id=BOOKING_ID))
    assert receive(state, DELETE) == Decision(now_is(state, gone, hidden=True), (event, done))


def test_delete_booking_tells_nobody_when_it_was_never_held() -> None:
    done = Answered(ASK, BookingDeletedAnswer(booking_id=BOOKING_ID))
    assert receive(REFUSED, DELETE) == Decision(now_is(REFUSED, changed(REFUSED), hidden=True), (done,))


@pytest.mark.parametrize("kind", COMMANDS)
def test_any_command_waits_when_a_question_is_open(kind: Kind) -> None:
    waits = PENDING.model_copy(update={"waiting": (said(kind),)})
    assert receive(PENDING, COMMANDS[kind]) == Decision(waits)


def test_any_command_is_refused_when_sixteen_wait() -> None:
    queue = tuple(Asked(id=f"{n:08x}-0000-4000-8000-000000000000", kind="cancel", accepted_at=LATER) for n in range(16))
    one_less, full = (PENDING.model_copy(update={"waiting": some}) for some in (queue[:15], queue))
    sixteenth = Asked(id=ASK, kind="cancel", accepted_at=LATER)
    assert receive(one_less, CANCEL) == Decision(PENDING.model_copy(update={"waiting": (*queue[:15], sixteenth)}))
    why = "16 commands wait for this booking already. Repeat this one a little later."
    assert receive(full, CANCEL) == Decision(full, (conflict(why),))
