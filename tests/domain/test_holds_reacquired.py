"""CommitSlot for a booking that was cancelled and has been paid since: its slot again if it is free, whatever the hour."""

from datetime import timedelta

from holds import ADA, BOB, ENDS, Desk, commit, held, kept, lapsed, let_go, question

from contracts.availability import CommitSlot, SlotCommitted, SlotLost, SlotReleased
from contracts.examples import LIGHTHOUSE, ORGANISATION
from services.availability.domain import Decision

LONG_AFTER = ENDS + timedelta(hours=3)
COMMITTED = SlotCommitted(booking_id=ADA, question=question(2))


def again() -> CommitSlot:
    return commit(ADA, LONG_AFTER).model_copy(update={"reacquire": True})


def lost(reason: str) -> SlotLost:
    return SlotLost(booking_id=ADA, question=question(2), reason=reason)


def test_commit_slot_takes_a_slot_again_that_was_let_go_when_it_is_paid_late() -> None:
    desk = Desk().knows(let_go(kept(ADA)))
    assert desk.asked(again(), LONG_AFTER) == Decision((kept(ADA),), (COMMITTED,))
    assert desk.asked(again(), LONG_AFTER) == Decision(outputs=(COMMITTED,))


def test_commit_slot_does_not_without_being_asked_to() -> None:
    desk = Desk().knows(let_go(kept(ADA)))
    assert desk.asked(commit(ADA, ENDS - timedelta(minutes=1)), LONG_AFTER) == Decision(outputs=(lost("expired"),))


def test_a_slot_that_is_sold_to_somebody_else_is_not_taken_back() -> None:
    desk = Desk().knows(let_go(kept(ADA)), kept(BOB))
    assert desk.asked(again(), LONG_AFTER) == Decision(outputs=(lost("resold"),))


def test_another_unit_is_as_good() -> None:
    desk = Desk(space=LIGHTHOUSE.model_copy(update={"units": 2})).knows(let_go(kept(ADA)), kept(BOB))
    assert desk.asked(again(), LONG_AFTER) == Decision((kept(ADA, unit=2),), (COMMITTED,))


def test_a_hold_that_is_over_makes_room_and_is_told() -> None:
    desk = Desk().knows(let_go(kept(ADA)), held(BOB))
    decision = desk.asked(again(), LONG_AFTER)
    assert decision.changed == (lapsed(held(BOB)), kept(ADA))
    assert decision.outputs == (SlotReleased(booking_id=BOB, reason="expired"), COMMITTED)


def test_a_hold_that_lives_keeps_the_slot() -> None:
    desk = Desk().knows(let_go(kept(ADA)), held(BOB))
    assert desk.asked(again(), ENDS - timedelta(minutes=1)) == Decision(outputs=(lost("resold"),))


def test_a_space_that_is_off_sale_gives_nothing_back() -> None:
    desk = Desk().knows(let_go(kept(ADA)))
    desk.books.archive("spaces", (ORGANISATION, LIGHTHOUSE.id))
    assert desk.asked(again(), LONG_AFTER) == Decision(outputs=(lost("expired"),))


def test_a_slot_that_nobody_knows_is_lost() -> None:
    assert Desk().asked(again(), LONG_AFTER) == Decision(outputs=(lost("unknown"),))
