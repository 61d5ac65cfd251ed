"""Whoever asks for slots whenever, and however late the timers come: none is sold twice, and everybody is told once."""

from collections import Counter
from datetime import timedelta

import pytest
from holds import CAP, SHORTEST, TICK, Command, Desk, booking, double_bookings, has_room, hold
from holds import commit as commit_slot
from holds import extend as extend_slot
from holds import move as move_slot
from holds import release as release_slot
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from contracts.availability import (
    ExpireHold,
    ExtendRefused,
    MoveRefused,
    SlotCommitted,
    SlotExtended,
    SlotHeld,
    SlotLost,
    SlotMoved,
    SlotRefused,
    SlotReleased,
)
from contracts.examples import HOLD, LIGHTHOUSE, MONDAY_TEN, NOON_BEFORE, ORGANISATION, ROOM_ONE_HOUR
from contracts.model import Slot
from services.availability.domain import Decision, Holding, Timer

HALF = timedelta(minutes=30)
PRODUCT = ROOM_ONE_HOUR.model_copy(
    update={"start_step": HALF, "buffer_before": timedelta(minutes=20), "buffer_after": timedelta(minutes=15)}
)
SLOTS = [Slot(from_=MONDAY_TEN.from_ + n * HALF, to=MONDAY_TEN.to + n * HALF) for n in range(5)]
passing = st.sampled_from([timedelta(0), TICK, HOLD / 3, HOLD / 3, HOLD - TICK, HOLD])
near_the_end = st.sampled_from([-HOLD, -TICK, timedelta(0), HOLD])


class Holds(RuleBasedStateMachine):
    """One room of one or two units, sold with buffers, every half hour."""

    def __init__(self) -> None:
        super().__init__()
        self.desk, self.now = Desk(), NOON_BEFORE
        self.people = 0
        self.timers: list[Timer] = []
        self.let_go: set[str] = set()
        self.told: Counter[str] = Counter()  # by SlotReleased(expired)
        self.ended: Counter[str] = Counter()  # HELD, then no more because of its time
        self.refused_commits: Counter[str] = Counter()

    @initialize(units=st.integers(1, 2))
    def open(self, units: int) -> None:
        self.desk = Desk(LIGHTHOUSE.model_copy(update={"units": units}), PRODUCT)

    # ---- what happens

    @rule(slot=st.sampled_from(SLOTS))
    def hold(self, slot: Slot) -> None:
        self.people += 1
        who = booking(self.people)
        command = hold(who, slot, product=PRODUCT)
        free = has_room(self.desk, command, self.now)
        event = self.follow(command)
        assert isinstance(event, SlotHeld if free else SlotRefused)
        if isinstance(event, SlotHeld):
            assert (event.held_at, event.expires_at) == (self.now, self.now + HOLD)

    @precondition(lambda self: self.desk.books.slots)
    @rule(data=st.data(), around=near_the_end)
    def commit(self, data: st.DataObject, around: timedelta) -> None:
        before = self.somebody(data)
        who, accepted = before.at.booking_id, before.expires_at + around
        if before.state == "COMMITTED":
            keeps = True
        elif accepted >= before.expires_at or who in self.let_go:
            keeps = False
        else:
            keeps = before.state == "HELD" or has_room(self.desk, before, self.now)
        event = self.follow(commit_slot(who, accepted))
        assert isinstance(event, SlotCommitted if keeps else SlotLost)
        assert isinstance(event, SlotCommitted) or self.desk.has(who).state == self.when_lost(before)
        if isinstance(event, SlotLost) and accepted < before.expires_at and who not in self.let_go:
            assert event.reason == "resold"

    @precondition(lambda self: self.desk.books.slots)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        who = self.somebody(data).at.booking_id
        event = self.follow(release_slot(who))
        assert event == SlotReleased(booking_id=who, question=event.question, reason="released")
        self.let_go.add(who)

    @precondition(lambda self: self.desk.books.slots)
    @rule(data=st.data(), around=near_the_end)
    def extend(self, data: st.DataObject, around: timedelta) -> None:
        before = self.somebody(data)
        event = self.follow(extend_slot(before.at.booking_id, before.expires_at + around))
        if before.state == "COMMITTED":
            assert isinstance(event, ExtendRefused)
        elif before.state == "RELEASED" or around >= timedelta(0):
            assert isinstance(event, SlotLost)
            assert self.desk.has(before.at.booking_id).state == self.when_lost(before)
        else:
            fits = self.now + HOLD <= before.held_at + CAP
            assert isinstance(event, SlotExtended if fits else ExtendRefused)
            assert not fits or event.expires_at == self.now + HOLD

    @precondition(lambda self: self.desk.books.slots)
    @rule(data=st.data(), around=near_the_end, slot=st.sampled_from(SLOTS))
    def move(self, data: st.DataObject, around: timedelta, slot: Slot) -> None:
        before = self.somebody(data)
        who = before.at.booking_id
        free = has_room(self.desk, hold(who, slot, product=PRODUCT), self.now, but=who)
        event = self.follow(move_slot(who, slot, before.expires_at + around))
        after = self.desk.has(who)
        if before.state == "RELEASED" or (before.state == "HELD" and around >= timedelta(0)):
            assert isinstance(event, SlotLost)
            assert after.state == self.when_lost(before)
        elif isinstance(event, SlotMoved):
            assert free or slot.from_ == before.at.from_
            assert (after.at.from_, after.at.to) == (slot.from_, slot.to)
            assert (after.state, after.expires_at, after.held_at) == (before.state, before.expires_at, before.held_at)
        else:
            assert isinstance(event, MoveRefused)
            assert not free
            assert after == before

    @precondition(lambda self: self.timers)
    @rule(data=st.data())
    def a_timer_comes(self, data: st.DataObject) -> None:
        """On time, late, or early: as the relay's clock wants it."""
        timer = self.timers.pop(data.draw(st.integers(0, len(self.timers) - 1)))
        self.expire(timer.expire)

    @rule(by=passing)
    def time_passes(self, by: timedelta) -> None:
        self.now += by

    # ---- what must hold of it

    def somebody(self, data: st.DataObject) -> Holding:
        return self.desk.books.slots[ORGANISATION, data.draw(st.sampled_from(sorted(self.desk.books.slots)))[1]]

    def when_lost(self, before: Holding) -> str:
        """The broker's clock may be ahead: a hold that is lost is released by our clock all the same, never before."""
        return "HELD" if before.state == "HELD" and self.now < before.expires_at else "RELEASED"

    def expire(self, command: ExpireHold) -> None:
        before = self.desk.has(command.booking_id)
        assert before is not None
        decision = self.fold(command)
        if before.state != "HELD" or before.expires_at != command.expires_at:
            assert decision == Decision()
        elif self.now < before.expires_at:
            assert decision == Decision(outputs=(Timer(command, SHORTEST),))
        else:
            assert decision.outputs == (SlotReleased(booking_id=command.booking_id, reason="expired"),)

    def follow(self, command: Command) -> object:
        """The answer: exactly one event with the question."""
        (answer,) = [o for o in self.fold(command).outputs if getattr(o, "question", None) == command.question]
        return answer

    def fold(self, command: Command) -> Decision:
        before = dict(self.desk.books.slots)
        decision = self.desk.asked(command, self.now)
        self.timers += [output for output in decision.outputs if isinstance(output, Timer)]
        for output in decision.outputs:
            if isinstance(output, SlotReleased) and output.question is None:
                self.told[output.booking_id] += 1
        asker = command.booking_id
        for holding in decision.changed:
            old = before.get((ORGANISATION, holding.at.booking_id))
            if old is None or old.state != "HELD" or holding.state != "RELEASED":
                assert old is None or holding.at.booking_id == asker, "somebody's slot changed behind their back"
                continue
            if holding.lapsed:
                self.ended[holding.at.booking_id] += 1
                own = [o for o in decision.outputs if isinstance(o, SlotLost) and o.booking_id == holding.at.booking_id]
                self.refused_commits[holding.at.booking_id] += len(own)
                assert own or old.expires_at <= self.now, "released before its time"
        return decision

    @invariant()
    def nobody_has_what_another_has(self) -> None:
        assert double_bookings(list(self.desk.books.slots.values())) == []

    @invariant()
    def whose_time_is_over_is_told_once(self) -> None:
        assert self.told + self.refused_commits == self.ended
        assert max(self.ended.values(), default=0) <= 1

    @invariant()
    def what_is_held_ends_within_the_cap_and_has_a_timer(self) -> None:
        to_come = {(timer.expire.booking_id, timer.expire.expires_at) for timer in self.timers}
        for holding in self.desk.books.slots.values():
            if holding.state == "HELD":
                assert holding.expires_at <= holding.held_at + CAP
                assert holding.at.expires_at == holding.expires_at
                assert (holding.at.booking_id, holding.expires_at) in to_come

    def teardown(self) -> None:
        """When all timers have come, nothing is only held."""
        self.now = max([self.now, *(timer.expire.expires_at for timer in self.timers)])
        while self.timers:
            self.expire(self.timers.pop(0).expire)
            self.nobody_has_what_another_has()
            self.whose_time_is_over_is_told_once()
        assert not [each for each in self.desk.books.slots.values() if each.state == "HELD"]


class TestHolds(Holds.TestCase):
    settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


@pytest.mark.chaos
@pytest.mark.timeout(600)
class TestManyHolds(Holds.TestCase):
    settings = settings(max_examples=2000, stateful_step_count=50, deadline=None)
