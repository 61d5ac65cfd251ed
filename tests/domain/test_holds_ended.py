"""CommitSlot, ExtendSlot, ReleaseSlot and ExpireHold: how a hold ends, and who is told."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from holds import (
    ADA,
    BOB,
    CAP,
    ENDS,
    SHORTEST,
    TICK,
    Desk,
    commit,
    expire,
    extend,
    held,
    hold,
    kept,
    lapsed,
    let_go,
    minutes,
    question,
    release,
    timer,
)

from contracts.availability import ExtendRefused, SlotCommitted, SlotExtended, SlotLost, SlotReleased
from contracts.examples import HOLD, LATER, LIGHTHOUSE, NOON_BEFORE
from services.availability import domain
from services.availability.domain import Decision, Holding, Timer

LONG_AFTER = ENDS + timedelta(hours=3)
COMMITTED = SlotCommitted(booking_id=ADA, question=question(2))
RELEASED = SlotReleased(booking_id=ADA, reason="released", question=question(3))
RAN_OUT = SlotReleased(booking_id=ADA, reason="expired")


def lost(reason: str, number: int = 2) -> SlotLost:
    return SlotLost(booking_id=ADA, question=question(number), reason=reason)


def longer(now: datetime) -> Holding:
    before, ends = held(ADA), now + HOLD
    return before._replace(expires_at=ends, at=before.at._replace(expires_at=ends))


# ---- CommitSlot: the deadline rule


@pytest.mark.parametrize("now", [LATER, LONG_AFTER], ids=["at once", "overdue, but its own"])
def test_commit_slot_keeps_it_when_accepted_in_time(now: datetime) -> None:
    desk = Desk().knows(held(ADA))
    assert desk.asked(commit(ADA, ENDS - TICK), now) == Decision((kept(ADA),), (COMMITTED,))


def test_commit_slot_is_lost_when_accepted_at_the_hold_s_end() -> None:
    desk = Desk().knows(held(ADA))
    assert desk.asked(commit(ADA, ENDS), LONG_AFTER) == Decision((lapsed(held(ADA)),), (lost("expired"),))
    assert desk.asked(expire(ADA), LONG_AFTER) == Decision()


@pytest.mark.parametrize("too_late", [commit, extend])
def test_slot_is_lost_but_not_released_early_when_the_broker_s_clock_is_ahead(too_late: Callable[..., object]) -> None:
    desk = Desk().knows(held(ADA))
    assert desk.asked(too_late(ADA, ENDS + TICK), ENDS - TICK).changed == ()
    assert desk.asked(expire(ADA), ENDS) == Decision((lapsed(held(ADA)),), (RAN_OUT,))


def test_commit_slot_takes_the_slot_again_when_lapsed_and_free() -> None:
    desk = Desk().knows(lapsed(held(ADA)))
    assert desk.asked(commit(ADA, ENDS - TICK), LONG_AFTER) == Decision((kept(ADA),), (COMMITTED,))


def test_commit_slot_takes_another_unit_when_its_own_is_resold() -> None:
    desk = Desk(space=LIGHTHOUSE.model_copy(update={"units": 2})).knows(lapsed(held(ADA)), kept(BOB))
    assert desk.asked(commit(ADA, LATER), LONG_AFTER) == Decision((kept(ADA, unit=2),), (COMMITTED,))


def test_commit_slot_displaces_a_hold_that_is_over_when_it_takes_the_slot_again() -> None:
    desk = Desk().knows(lapsed(held(ADA)), held(BOB, at=ENDS))
    told = SlotReleased(booking_id=BOB, reason="expired")
    decision = desk.asked(commit(ADA, LATER), ENDS + HOLD)
    assert decision == Decision((lapsed(held(BOB, at=ENDS)), kept(ADA)), (told, COMMITTED))


@pytest.mark.parametrize("rival", [held(BOB, at=ENDS), kept(BOB)], ids=["held", "booked"])
def test_commit_slot_is_lost_when_resold(rival: Holding) -> None:
    desk = Desk().knows(lapsed(held(ADA)), rival)
    assert desk.asked(commit(ADA, ENDS - TICK), ENDS + HOLD - TICK) == Decision(outputs=(lost("resold"),))


def test_commit_slot_is_lost_when_lapsed_and_accepted_too_late() -> None:
    assert Desk().knows(lapsed(held(ADA))).asked(commit(ADA, ENDS), LONG_AFTER) == Decision(outputs=(lost("expired"),))


def test_commit_slot_is_lost_when_lapsed_and_then_cancelled() -> None:
    desk = Desk().knows(lapsed(held(ADA)))
    assert desk.asked(release(ADA), LONG_AFTER) == Decision((let_go(held(ADA)),), (RELEASED,))
    assert desk.asked(commit(ADA, LATER), LONG_AFTER) == Decision(outputs=(lost("expired"),))


def test_commit_slot_displaces_many_but_not_too_many() -> None:
    mine, rivals = lapsed(held(ADA)), minutes(domain.MOST_RIVALS + 1)
    assert desk_outputs([mine, *rivals[:-1]])[-1] == COMMITTED
    assert desk_outputs([mine, *rivals]) == (lost("resold"),)


def desk_outputs(holdings: list[Holding]) -> tuple[object, ...]:
    return Desk().knows(*holdings).asked(commit(ADA, LATER), LONG_AFTER).outputs


@pytest.mark.parametrize("accepted", [LATER, LONG_AFTER], ids=["in time", "late"])
def test_commit_slot_is_answered_the_same_when_kept_already(accepted: datetime) -> None:
    assert Desk().knows(kept(ADA)).asked(commit(ADA, accepted), LATER) == Decision(outputs=(COMMITTED,))


def test_commit_slot_is_lost_when_nobody_knows_it() -> None:
    assert Desk().asked(commit(ADA, LATER), LATER) == Decision(outputs=(lost("unknown"),))


# ---- ExtendSlot


@pytest.mark.parametrize(
    "now", [LATER, NOON_BEFORE + CAP - HOLD], ids=["at once", "overdue, but its own, up to the cap"]
)
def test_extend_slot_holds_for_another_length_from_now(now: datetime) -> None:
    desk = Desk().knows(held(ADA))
    extended = SlotExtended(booking_id=ADA, question=question(4), expires_at=now + HOLD)
    decision = desk.asked(extend(ADA, ENDS - TICK), now)
    assert decision == Decision((longer(now),), (extended, timer(longer(now))))


def test_extend_slot_is_refused_when_past_the_cap() -> None:
    words = "A slot may be held for 40 minutes in all."
    refused = ExtendRefused(booking_id=ADA, question=question(4), reason="cap", message=words)
    desk = Desk().knows(held(ADA))
    assert desk.asked(extend(ADA, LATER), NOON_BEFORE + CAP - HOLD + TICK) == Decision(outputs=(refused,))


def test_extend_slot_names_a_limit_of_one_hold_when_the_hold_is_longer_than_the_cap() -> None:
    mine = held(ADA)
    assert mine.hold > SHORTEST
    words = f"A slot may be held for {mine.hold.total_seconds() / 60:g} minutes in all."
    refused = ExtendRefused(booking_id=ADA, question=question(4), reason="cap", message=words)
    assert domain.extend(mine, extend(ADA, LATER), LATER, SHORTEST) == Decision(outputs=(refused,))


def test_extend_slot_is_refused_when_committed() -> None:
    words = "The slot is kept for good already."
    refused = ExtendRefused(booking_id=ADA, question=question(4), reason="committed", message=words)
    assert Desk().knows(kept(ADA)).asked(extend(ADA, LATER), LATER) == Decision(outputs=(refused,))


def test_extend_slot_is_lost_when_accepted_at_the_hold_s_end() -> None:
    desk = Desk().knows(held(ADA))
    assert desk.asked(extend(ADA, ENDS), LONG_AFTER) == Decision((lapsed(held(ADA)),), (lost("expired", 4),))
    assert desk.asked(expire(ADA), LONG_AFTER) == Decision()


@pytest.mark.parametrize(("before", "reason"), [(lapsed(held(ADA)), "expired"), (None, "unknown")])
def test_extend_slot_is_lost_when_not_held(before: Holding | None, reason: str) -> None:
    desk = Desk().knows(*filter(None, [before]))
    assert desk.asked(extend(ADA, LATER), LATER) == Decision(outputs=(lost(reason, 4),))


# ---- ReleaseSlot


@pytest.mark.parametrize("before", [held(ADA), kept(ADA)], ids=["held", "committed"])
def test_release_slot_gives_it_back(before: Holding) -> None:
    desk = Desk().knows(before)
    assert desk.asked(release(ADA), LATER) == Decision((let_go(before),), (RELEASED,))
    assert desk.asked(hold(BOB), LATER).changed == (held(BOB, at=LATER),)


@pytest.mark.parametrize("before", [None, let_go(held(ADA))], ids=["unknown", "released"])
def test_release_slot_is_answered_when_it_was_free_already(before: Holding | None) -> None:
    assert Desk().knows(*filter(None, [before])).asked(release(ADA), LATER) == Decision(outputs=(RELEASED,))


# ---- ExpireHold


def test_expire_hold_releases_what_is_only_held_at_its_very_moment() -> None:
    desk = Desk().knows(held(ADA))
    assert desk.asked(expire(ADA), ENDS) == Decision((lapsed(held(ADA)),), (RAN_OUT,))
    assert desk.asked(expire(ADA), ENDS) == Decision(), "it is told once"


def test_expire_hold_waits_in_the_shortest_topic_when_it_comes_early() -> None:
    desk = Desk().knows(held(ADA))
    assert desk.asked(expire(ADA), ENDS - TICK) == Decision(outputs=(Timer(expire(ADA), SHORTEST),))
    assert desk.has(ADA) == held(ADA)


def test_expire_hold_is_ignored_when_the_hold_was_extended() -> None:
    desk = Desk().knows(held(ADA))
    desk.asked(extend(ADA, LATER), LATER)
    assert desk.asked(expire(ADA), ENDS) == Decision()
    assert desk.asked(expire(ADA, LATER + HOLD), LATER + HOLD) == Decision((lapsed(longer(LATER)),), (RAN_OUT,))


@pytest.mark.parametrize("before", [None, kept(ADA), lapsed(held(ADA)), let_go(held(ADA))])
def test_expire_hold_is_ignored_when_nothing_is_only_held(before: Holding | None) -> None:
    assert Desk().knows(*filter(None, [before])).asked(expire(ADA), LONG_AFTER) == Decision()


def test_expire_hold_is_ignored_when_the_next_has_told_the_owner() -> None:
    desk = Desk().knows(held(ADA))
    assert desk.asked(hold(BOB), ENDS).outputs[0] == RAN_OUT
    assert desk.asked(expire(ADA), ENDS) == Decision()
