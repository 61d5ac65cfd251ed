"""An availability for one booking's slot: it answers as the real one may, with what happens elsewhere left to chance."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from contracts.availability import (
    CommitSlot,
    ExtendRefused,
    ExtendSlot,
    ExtraOffer,
    ExtrasQuoted,
    ExtrasRefused,
    HoldSlot,
    MoveRefused,
    MoveSlot,
    QuoteExtras,
    RefusedExtra,
    ReleaseSlot,
    SlotCommitted,
    SlotExtended,
    SlotHeld,
    SlotLost,
    SlotMoved,
    SlotRefused,
    SlotReleased,
)
from contracts.examples import BOOKING_ID, HOLD, MONDAY_TEN, PRODUCT_OFFER, SPACE_OFFER
from contracts.model import Slot as Span
from services.booking.state import Event, Question

Luck = Literal["good", "bad", "internal"]  # whether the slot is free; whether the question can be handled at all


@dataclass
class Slot:
    """The slot of the one booking, the questions that came, and the events in the order of their log."""

    state: Literal["FREE", "HELD", "COMMITTED"] = "FREE"
    lapsed: bool = False
    ends_at: datetime | None = None
    at: Span = MONDAY_TEN
    quotes: int = 0
    questions: list[Question] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def answer(self, now: datetime, luck: Luck) -> None:
        """The first question's answer."""
        question = self.questions.pop(0)
        says = {"booking_id": BOOKING_ID, "question": question.question}
        if luck == "internal":
            self.events.append(_internal(question, says))
        elif isinstance(question, HoldSlot):
            self.events.append(self._hold(says, now, luck))
        elif isinstance(question, CommitSlot):
            self.events.append(self._commit(question, says, luck))
        elif isinstance(question, ExtendSlot):
            self.events.append(self._extend(question, says, now, luck))
        elif isinstance(question, MoveSlot):
            self.events.append(self._move(question, says, luck))
        elif isinstance(question, QuoteExtras):
            self.events.append(self._quote(question, says, luck))
        else:
            self.state, self.lapsed = "FREE", False
            self.events.append(SlotReleased(**says, reason="released"))

    def run_out(self) -> None:
        """Its time is over, and it is still only held: nobody asked for this event."""
        self.state, self.lapsed = "FREE", True
        self.events.append(SlotReleased(booking_id=BOOKING_ID, reason="expired"))

    def _hold(self, says: dict[str, str], now: datetime, luck: Luck) -> Event:
        if luck == "bad":
            return SlotRefused(**says, reason="booked", message="The slot is booked.")
        self.state, self.ends_at = "HELD", now + HOLD
        return SlotHeld(
            **says,
            slot=MONDAY_TEN,
            held_at=now,
            expires_at=self.ends_at,
            product=PRODUCT_OFFER,
            space=SPACE_OFFER,
        )

    def _commit(self, question: CommitSlot, says: dict[str, str], luck: Luck) -> Event:
        assert self.ends_at is not None
        assert question.accepted_at < self.ends_at, "booking forwards only what was accepted in time"
        assert self.state == "HELD" or self.lapsed, "booking asks only for what it has, or may have again"
        if self.state == "FREE" and luck == "bad":
            return SlotLost(**says, reason="resold")
        self.state, self.lapsed = "COMMITTED", False
        return SlotCommitted(**says)

    def _extend(self, question: ExtendSlot, says: dict[str, str], now: datetime, luck: Luck) -> Event:
        assert self.state != "COMMITTED"
        if self.state == "FREE":
            return SlotLost(**says, reason="expired")
        if luck == "bad":
            return ExtendRefused(**says, reason="cap", message="No longer.")
        assert self.ends_at is not None
        self.ends_at = max(self.ends_at, now + HOLD) + timedelta(microseconds=1)
        return SlotExtended(**says, expires_at=self.ends_at)

    def _move(self, question: MoveSlot, says: dict[str, str], luck: Luck) -> Event:
        assert self.ends_at is not None
        assert self.state != "HELD" or question.accepted_at < self.ends_at
        assert question.slot != self.at, "there is nothing to move"
        if self.state == "FREE":
            return SlotLost(**says, reason="expired")
        if luck == "bad":
            return MoveRefused(**says, reason="booked", message="The slot is booked.")
        self.at = question.slot
        return SlotMoved(**says, slot=question.slot)

    def _quote(self, question: QuoteExtras, says: dict[str, str], luck: Luck) -> Event:
        """Each time dearer."""
        if luck == "bad":
            wrong = tuple(RefusedExtra(id=id_, reason="not_additional") for id_ in question.products)
            return ExtrasRefused(**says, extras=wrong, reason="products", message="These are no extras.")
        self.quotes += 1
        offers = tuple(ExtraOffer(id=id_, name="An extra", price=100 * self.quotes) for id_ in question.products)
        return ExtrasQuoted(**says, extras=offers)


def _internal(question: Question, says: dict[str, str]) -> Event:
    if isinstance(question, HoldSlot):
        return SlotRefused(**says, reason="internal", message="It had no effect.")
    if isinstance(question, ExtendSlot):
        return ExtendRefused(**says, reason="internal", message="It had no effect.")
    if isinstance(question, MoveSlot):
        return MoveRefused(**says, reason="internal", message="It had no effect.")
    if isinstance(question, QuoteExtras):
        return ExtrasRefused(**says, extras=(), reason="internal", message="It had no effect.")
    assert isinstance(question, (CommitSlot, ReleaseSlot))
    return SlotLost(**says, reason="internal")
