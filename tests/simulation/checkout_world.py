"""One booking, its availability, its payments and a provider, each with its own queue: any of them may be next."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from till import Till

from contracts.availability import (
    CommitSlot,
    MoveSlot,
    ReleaseSlot,
    SlotCommitted,
    SlotLost,
    SlotMoved,
    SlotReleased,
)
from contracts.booking import (
    AbandonQuestion,
    BookingDeleted,
    CancelBooking,
    DeleteBooking,
    RescheduleBooking,
    UpdateBooking,
)
from contracts.envelope import derived_id, output_id
from contracts.examples import (
    BOOKING,
    BOOKING_ID,
    CONFIRM_AND_PAY,
    EXPIRES_AT,
    LATER,
    MONDAY_ELEVEN,
    MONDAY_TEN,
    ORGANISATION,
)
from contracts.model import Message
from contracts.payment import CancelCheckout, CreateCheckout, RefundPayment
from services.booking import checkouts, domain
from services.booking.money import NO_TERMS, PaymentEvent, Terms
from services.booking.state import Answered, Command, Decision, Event, Happening, Question, State
from services.payment import domain as payment
from services.payment.decision import Ask
from services.payment.state import Account

PRICE = 2500
Told = tuple[str, Any]  # a message with its id


@dataclass
class World:
    """What has happened so far, and what is on its way. `settle` runs until nothing is."""

    seed: int
    terms: Terms = NO_TERMS
    fee: int = 0  # that a cancel keeps of what was paid
    people: list[list[Callable[["World"], object]]] = field(default_factory=list)  # each does one thing after the other
    undecided: float = 0.0  # how often booking cannot decide about an answer of availability

    def __post_init__(self) -> None:
        self.luck = random.Random(self.seed)
        self.till = Till(self.luck)
        self.state = State(booking=BOOKING, hold_ends_at=EXPIRES_AT, listed=True, agreed=self.terms)
        self.account: Account | None = None
        self.slot: Literal["HELD", "COMMITTED", "FREE", "TAKEN"] = "HELD"
        self.now = LATER
        self.number = 0
        self.to_booking: list[Told] = []  # commands, as they are accepted
        self.from_availability: list[Told] = []
        self.from_payment: list[Told] = []
        self.to_availability: list[Told] = []
        self.to_payment: list[Told] = []
        self.calls: list[Ask] = []
        self.outcomes: list[Message] = []
        self.accepted: dict[str, datetime] = {}
        self.commands: dict[str, Command] = {}
        self.answers: list[Answered] = []
        self.happenings: list[Happening] = []

    # ---- what people do

    def ask(self, command: Command) -> str:
        command_id = self._id()
        self.commands[command_id], self.accepted[command_id] = command, self.now
        self.to_booking.append((command_id, command))
        return command_id

    def confirm(self, **changes: Any) -> str:
        return self.ask(CONFIRM_AND_PAY.model_copy(update=changes))

    def confirm_elsewhere(self) -> str:
        return self.confirm(success_url=f"https://harbour.example/thanks/{self.number}")

    def confirm_to_pay_at_the_desk(self) -> str:
        return self.confirm(payment_enabled=False, success_url=None, cancel_url=None)

    def change(self) -> str:
        return self.ask(UpdateBooking(booking_id=BOOKING_ID, name=f"Ada {self.number}"))

    def move(self) -> str:
        """There and back; what a cancel costs is the same at either."""
        slot = MONDAY_TEN if self.state.booking.slot == MONDAY_ELEVEN else MONDAY_ELEVEN
        return self.ask(RescheduleBooking(booking_id=BOOKING_ID, slot=slot))

    def cancel(self) -> str:
        return self.ask(CancelBooking(booking_id=BOOKING_ID))

    def delete(self) -> str:
        return self.ask(DeleteBooking(booking_id=BOOKING_ID))

    def at_a_page(self, act: Callable[[str], object]) -> None:
        """Somebody who has some page open."""
        if self.till.sessions:
            act(self.luck.choice(list(self.till.sessions)))

    # ---- who may be next

    def steps(self) -> list[Callable[[], None]]:
        """Each queue in its order, but what the provider says in none."""
        possible: list[Callable[[], None]] = []
        if self.to_booking:
            possible.append(lambda: self._booking_command(*self.to_booking.pop(0)))
        if self.from_availability:
            possible.append(lambda: self._booking_hears(*self.from_availability.pop(0)))
        if self.from_payment:
            possible.append(lambda: self._booking_hears_of_money(*self.from_payment.pop(0)))
        if self.to_availability:
            possible.append(lambda: self._availability(*self.to_availability.pop(0)))
        if self.to_payment:
            possible.append(lambda: self._payment(*self.to_payment.pop(0)))
        if self.calls:
            possible.append(self._call)
        if self.outcomes:
            possible.append(lambda: self._payment(self._id(), self._any(self.outcomes)))
        if self.till.events:
            possible.append(lambda: self._payment(self._id(), self._any(self.till.events)))
        return possible

    def run(self) -> None:
        """Until nothing is on its way, and everybody has done what they wanted to do."""
        while True:
            possible = self.steps()
            if self.people:
                possible += [self._somebody] * (1 + len(possible) // 3)
            if not possible:
                return
            self.now += timedelta(seconds=self.luck.randrange(30))
            self.luck.choice(possible)()

    def settle(self) -> None:
        """All that was lost comes after all, and pages that nobody paid at expire."""
        self.run()
        for slow in list(self.till.sessions):
            self.till.arrive(slow, self.luck.random() < 0.5)
        self.run()
        self.till.events += self.till.told
        self.run()

    # ---- the services

    def _booking_command(self, command_id: str, command: Command | AbandonQuestion) -> None:
        if isinstance(command, AbandonQuestion):
            self._follow(domain.abandon(self.state, command, self.now), command_id)
            return
        accepted = self.accepted[command_id]
        self._follow(domain.receive(self.state, command, command_id, accepted, self.now, ORGANISATION), command_id)

    def _booking_hears(self, message_id: str, event: Event) -> None:
        if event.question is not None and self.luck.random() < self.undecided:
            about = {"booking_id": BOOKING_ID, "question": event.question}
            self.to_booking.append((self._id(), AbandonQuestion(**about, answer=type(event).__name__)))
            return
        self._follow(domain.hear(self.state, event, self.now), message_id)

    def _booking_hears_of_money(self, message_id: str, event: PaymentEvent) -> None:
        self._follow(domain.hear_of_money(self.state, event, message_id, self.now), message_id)

    def _follow(self, decision: Decision, cause: str) -> None:
        decision = checkouts.named(decision, cause)
        assert decision.state is not None
        self.state = decision.state
        for index, output in enumerate(decision.outputs):
            if isinstance(output, Answered):
                self.answers.append(output)
            elif isinstance(output, (CreateCheckout, CancelCheckout, RefundPayment)):
                self.to_payment.append((output_id(cause, "booking", index), output))
            elif isinstance(output, (CommitSlot, ReleaseSlot, MoveSlot)):
                self.to_availability.append((output_id(cause, "booking", index), output))
            else:
                assert not isinstance(output, Question)
                self.happenings.append(output)

    def _availability(self, _: str, question: Question) -> None:
        about = {"booking_id": BOOKING_ID, "question": question.question}
        if isinstance(question, CommitSlot):
            good = self.slot == "HELD" or (question.reacquire and self.slot == "FREE")
            self.slot = "COMMITTED" if good else self.slot
            self._say(SlotCommitted(**about) if good else SlotLost(**about, reason="resold"))
        elif isinstance(question, MoveSlot):
            self._say(SlotMoved(**about, slot=question.slot))
        else:
            assert isinstance(question, ReleaseSlot)
            self.slot = "FREE" if self.slot == "COMMITTED" else self.slot
            self._say(SlotReleased(**about, reason="released"))

    def _say(self, event: Message) -> None:
        self.from_availability.append((self._id(), event))

    def _payment(self, message_id: str, message: Any) -> None:
        decision = payment.decide(self.account, message_id, message, live=False)
        self.account = decision.account
        self.calls += decision.calls
        for (
            event
        ) in decision.events:  # that payment says each thing once is for payment to keep: booking does not rely on it
            self.from_payment += [(self._id(), event) for _ in range(self.luck.choice((1, 1, 1, 2)))]

    def _call(self) -> None:
        """The effect; the outcome comes later, after a second try if the first one's answer was lost."""
        ask = self._any(self.calls)
        if self.luck.random() < 0.2:
            self.till.call(ask)
        self.outcomes.append(self.till.call(ask))

    def _somebody(self) -> None:
        plan = self.luck.choice(self.people)
        plan.pop(0)(self)
        self.people = [each for each in self.people if each]

    def _any(self, of: list[Any]) -> Any:
        return of.pop(self.luck.randrange(len(of)))

    def _id(self) -> str:
        self.number += 1
        return derived_id(BOOKING_ID, str(self.number))

    # ---- what must be true in the end

    def check(self) -> None:
        """Money, versions, answers and the slot."""
        booking, kept = self.state.booking, sum(map(self.till.kept, self.till.captured()))
        assert kept == self._owed(), (self.seed, booking, self.till.captured(), self.till.refunds)
        assert self.till.most_open <= 1, self.seed
        causes = Counter(refund.payment for refund in self.till.refunds.values())
        assert max(causes.values(), default=0) <= 1, (self.seed, causes)
        versions = [event.booking.version for event in self.happenings]
        assert versions == list(range(3, 3 + len(versions))), (self.seed, versions)
        assert not any(isinstance(each, BookingDeleted) for each in self.happenings[:-1]), (
            "a deleted booking changes no more"
        )
        answered = Counter(answer.command_id for answer in self.answers)
        assert answered == Counter(list(self.commands)), (self.seed, self.state.purse)
        assert self.state.question is None
        assert self.state.waiting == ()
        assert (self.slot == "COMMITTED") == (booking.status in ("CONFIRMED", "PAID")), (self.seed, self.slot, booking)

    def _owed(self) -> int:
        """What is to be kept: the price, the fee of whoever cancelled a paid booking, or nothing."""
        if self.state.booking.status == "PAID":
            return PRICE
        was_paid = [
            each for each in self.happenings if each.previous_status == "PAID" and each.booking.status == "CANCEL"
        ]
        return self.fee if was_paid else 0
