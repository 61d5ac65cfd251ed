"""Whatever is asked of a booking and whenever availability answers: each version once, each command answered once."""

from collections import Counter
from datetime import datetime, timedelta

import pytest
from bookings import CANCEL, CONFIRM, CONFIRM_AGAIN, DELETE, EXTEND, RESCHEDULE, STRANGE, UPDATE
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pretended import Luck, Slot

from contracts.answers import Refused
from contracts.availability import CommitSlot, SlotHeld, SlotLost
from contracts.booking import BookingAnswer, BookingCreated, BookingDeleted
from contracts.examples import (
    ADA,
    COFFEE,
    COMMAND_ID,
    CREATE_BOOKING,
    HOLD,
    MONDAY_TEN,
    NOON_BEFORE,
    ORGANISATION,
)
from services.booking import domain
from services.booking.state import TRANSITIONS, Answered, Command, Decision, Event, Happening, Kind, State

TICK = timedelta(microseconds=1)
passing = st.sampled_from([timedelta(0), TICK, HOLD / 2, HOLD - TICK, HOLD])
VERSION_THREE = {"if_version": 3}
asks: st.SearchStrategy[tuple[Kind, Command]] = st.sampled_from(
    [
        *[("confirm", CONFIRM)] * 3,
        ("confirm", CONFIRM_AGAIN),
        ("confirm", CONFIRM.model_copy(update={"additional_products": (COFFEE.id,)})),
        ("confirm", CONFIRM.model_copy(update=VERSION_THREE)),
        *[("extend", EXTEND)] * 3,
        ("update", UPDATE),
        ("update", UPDATE.model_copy(update={"name": "Grace", "phone": "+442079460958"})),
        ("update", UPDATE.model_copy(update={"additional_products": (COFFEE.id,)})),
        ("update", UPDATE.model_copy(update={"additional_products": (STRANGE, COFFEE.id)})),
        ("update", UPDATE.model_copy(update={"additional_products": ()})),
        ("update", UPDATE.model_copy(update={"email": "nobody"})),
        ("reschedule", RESCHEDULE),
        ("reschedule", RESCHEDULE.model_copy(update={"slot": MONDAY_TEN})),
        ("cancel", CANCEL),
        ("cancel", CANCEL.model_copy(update=VERSION_THREE)),
        ("delete", DELETE),
    ]
)
lucks = st.sampled_from(["good", "good", "good", "bad", "internal"])


class BookingLife(RuleBasedStateMachine):
    """One booking, its clients and its availability."""

    def __init__(self) -> None:
        super().__init__()
        self.state: State | None = None
        self.slot = Slot()
        self.now = NOON_BEFORE
        self.ends_at: datetime | None = None  # of the hold, as booking last knew it
        self.kinds: dict[str, Kind] = {}  # of the commands
        self.accepted: dict[str, datetime] = {}
        self.answers: list[Answered] = []
        self.happenings: list[Happening] = []
        self.heard: list[Event] = []
        self.let_go = False  # a cancel was answered with the booking

    # ---- what happens

    @initialize(held=st.booleans())
    def create(self, held: bool) -> None:
        self.kinds[COMMAND_ID], self.accepted[COMMAND_ID] = "create", self.now
        self.follow(domain.create(None, CREATE_BOOKING, COMMAND_ID, self.now, self.now))
        if held:
            self.availability_answers("good")
            self.booking_hears()

    @rule(ask=asks, early=passing, near=st.sampled_from([None, -TICK, timedelta(0)]))
    def command(self, ask: tuple[Kind, Command], early: timedelta, near: timedelta | None) -> None:
        """Accepted a while before it is read, or just about when the hold ends."""
        kind, message = ask
        command_id, hidden = f"{len(self.kinds):08x}-0000-4000-8000-000000000000", self.deleted
        before, full = self.state, len(self.state.waiting) == domain.MOST_WAITING
        accepted = self.now - early if near is None or self.ends_at is None else self.ends_at + near
        self.kinds[command_id], self.accepted[command_id] = kind, accepted
        self.follow(domain.receive(self.state, message, command_id, accepted, self.now, ORGANISATION))
        if hidden:
            assert self.refusal(command_id) == "NOT_FOUND"
        elif full:
            assert self.refusal(command_id) == "CONFLICT"
        elif before.question is None and message.if_version not in (None, before.booking.version):
            assert self.refusal(command_id) == "PRECONDITION_FAILED"
        elif (
            message == CONFIRM
            and before.question is None
            and before.booking.status == "CONFIRMED"
            and before.booking.customer == ADA
        ):
            assert self.answers[-1] == Answered(command_id, BookingAnswer(booking=before.booking))
            assert self.state == before

    @precondition(lambda self: self.state.question is not None and len(self.kinds) < 12)
    @rule(ask=asks, count=st.integers(14, 18))
    def many_commands_at_once(self, ask: tuple[Kind, Command], count: int) -> None:
        for _ in range(count):
            self.command(ask, timedelta(0), None)

    @rule(by=passing)
    def time_passes(self, by: timedelta) -> None:
        self.now += by

    @precondition(lambda self: self.slot.questions)
    @rule(luck=lucks)
    def availability_answers(self, luck: Luck) -> None:
        self.slot.answer(self.now, luck)

    @precondition(lambda self: self.slot.state == "HELD" and self.slot.ends_at <= self.now)
    @rule()
    def the_hold_runs_out(self) -> None:
        self.slot.run_out()

    @precondition(lambda self: self.slot.events)
    @rule()
    def booking_hears(self) -> None:
        event = self.slot.events.pop(0)
        self.heard.append(event)
        self.follow(domain.hear(self.state, event, self.now))

    @precondition(lambda self: self.slot.questions)
    @rule(luck=lucks)
    def all_is_answered_and_heard(self, luck: Luck) -> None:
        while self.slot.questions or self.slot.events:
            if self.slot.questions:
                self.slot.answer(self.now, luck)
            self.booking_hears()

    @precondition(lambda self: self.heard)
    @rule(data=st.data())
    def booking_hears_again_or_what_it_never_asked(self, data: st.DataObject) -> None:
        before, event = self.state, data.draw(st.sampled_from(self.heard))
        strange = event.model_copy(update={"question": STRANGE})
        assert domain.hear(before, strange, self.now) == Decision(before)
        decision = domain.hear(before, event, self.now)
        assert decision.outputs == ()
        assert decision.state is not None
        assert decision.state.booking == before.booking

    # ---- what must hold of it

    @property
    def deleted(self) -> bool:
        return self.state is not None and self.state.hidden

    def refusal(self, command_id: str) -> str | None:
        last = self.answers[-1]
        return last.body.code if last.command_id == command_id and isinstance(last.body, Refused) else None

    def follow(self, decision: Decision) -> None:
        assert decision.state is not None
        self.state = decision.state
        self.ends_at = decision.state.hold_ends_at or self.ends_at
        for output in decision.outputs:
            if isinstance(output, Answered):
                self.answered(output)
            elif hasattr(output, "booking"):
                self.happenings.append(output)
                self.happened(output)
            else:
                assert not self.slot.questions, "two questions are open"
                assert not self.let_go or not isinstance(output, CommitSlot), "it wants back what a customer let go"
                if isinstance(output, CommitSlot):
                    assert output.accepted_at == self.accepted[output.question] < self.ends_at
                self.slot.questions.append(output)

    def answered(self, answer: Answered) -> None:
        self.answers.append(answer)
        kind, body = self.kinds[answer.command_id], answer.body
        if isinstance(body, Refused):
            if kind == "confirm" and body.code == "HOLD_EXPIRED" and not self.let_go:
                lost = any(isinstance(e, SlotLost) and e.question == answer.command_id for e in self.heard)
                assert lost or self.accepted[answer.command_id] >= self.ends_at
            return
        assert not isinstance(body, BookingAnswer) or body.booking.version <= self.state.booking.version
        if kind in ("cancel", "delete"):
            self.let_go = True
            assert self.slot.state == "FREE", "the slot is not on sale when the client reads the answer"

    def happened(self, event: Happening) -> None:
        booking, before = event.booking, event.previous_status
        assert event.booking.version == len(self.happenings) + 1
        assert (type(event) is BookingCreated) == (booking.version == 2)
        if isinstance(event, BookingDeleted):
            assert booking.customer is None
        assert booking.status == before or booking.status in TRANSITIONS[before]
        prices = [booking.product.price, *(extra.price for extra in booking.additional_products)]
        assert booking.total_price == sum(price or 0 for price in prices)
        if booking.status == "CONFIRMED":
            assert booking.customer is not None
            assert booking.customer.phone is not None
        if booking.version > 2:
            last = self.happenings[-2].booking
            kept = {extra.id for extra in last.additional_products} & {e.id for e in booking.additional_products}
            of_both = [[e for e in each.additional_products if e.id in kept] for each in (last, booking)]
            assert sorted(of_both[0], key=str) == sorted(of_both[1], key=str), "what a booking has keeps its price"
            assert last.status == before
            assert not isinstance(self.happenings[-2], BookingDeleted), "a deleted booking changes no more"

    @invariant()
    def every_version_has_its_event_and_no_command_two_answers(self) -> None:
        if self.state is None:
            return
        state = self.state
        assert len(state.waiting) <= domain.MOST_WAITING
        assert state.question is not None or not state.waiting
        told = [event.booking.version for event in self.happenings]
        assert told == (list(range(2, state.booking.version + 1)) if state.listed else [])
        if self.happenings:
            assert self.happenings[-1].booking.model_copy(update={"customer": state.booking.customer}) == state.booking
        assert state.listed == any(isinstance(event, SlotHeld) for event in self.heard)
        assert not state.hidden or state.booking.customer is None
        assert max(Counter(answer.command_id for answer in self.answers).values(), default=0) <= 1
        open_ones = {asked.id for asked in (*state.waiting, *([state.question] if state.question else []))}
        assert {answer.command_id for answer in self.answers} ^ open_ones == set(self.kinds)

    def teardown(self) -> None:
        """When all is answered and heard, nobody waits, and both sides agree about the slot."""
        while self.state and (self.slot.questions or self.slot.events):
            if self.slot.questions:
                self.availability_answers("good")
            self.booking_hears()
            self.every_version_has_its_event_and_no_command_two_answers()
        if self.state:
            assert sorted(answer.command_id for answer in self.answers) == sorted(self.kinds)
            slots = {"RESERVED_15_MIN": "HELD", "CONFIRMED": "COMMITTED", "CANCEL": "FREE"}
            assert self.slot.state == slots[self.state.booking.status]
            assert self.slot.state == "FREE" or self.slot.at == self.state.booking.slot


class TestLife(BookingLife.TestCase):
    settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


@pytest.mark.chaos
@pytest.mark.timeout(600)
class TestLongLives(BookingLife.TestCase):
    settings = settings(max_examples=2000, stateful_step_count=50, deadline=None)
