"""A hold past its end does not count from that very moment, though no relay runs that could release it."""

import uuid
from datetime import datetime

from answering import House, body
from bus import HOLD, REPLIES, Bus, header

from contracts import topics
from contracts.availability import CommitSlot, ExpireHold, SlotHeld, SlotRefused, SlotReleased
from contracts.catalogue import ProductFields, PutProduct

EVENTS = "availability.events"


async def test_the_slot_of_an_overdue_hold_goes_to_the_first_who_asks_after_its_end(bus: Bus) -> None:
    async with bus.listening(EVENTS, REPLIES) as log, bus.deciding("availability"):
        house = await House().open(bus, log)
        first = house.hold()
        await bus.tell(first, first.question, organisation=house.organisation, reply_to=None, causation=first.question)
        held = body((await log.caused_by(first.question))[0])
        assert isinstance(held, SlotHeld)
        while True:  # somebody asks again and again
            rival = house.hold()
            await bus.tell(
                rival, rival.question, organisation=house.organisation, reply_to=None, causation=rival.question
            )
            outcome = await log.caused_by(rival.question)
            decided = header(outcome[0], "ce_time") or ""
            told = [body(record) for record in outcome]
            if decided >= f"{held.expires_at:%Y-%m-%dT%H:%M:%S.%fZ}":
                break
            [refused] = told
            assert isinstance(refused, SlotRefused)
            assert (refused.reason, refused.until) == ("held", held.expires_at)
        await bus.quiet("availability")
        told = [body(record) for record in await log.caused_by(rival.question, count=2)]
        released, granted = sorted(told, key=lambda each: isinstance(each, SlotHeld))
        assert released == SlotReleased(booking_id=first.booking_id, reason="expired")
        assert isinstance(granted, SlotHeld)
        late = CommitSlot(
            booking_id=first.booking_id, question=str(uuid.uuid4()), space_id=house.space, accepted_at=held.held_at
        )
        await bus.tell(late, late.question, organisation=house.organisation, reply_to=None, causation=late.question)
        [lost] = await log.caused_by(late.question)
        assert (header(lost, "ce_type"), b'"resold"' in (lost.value or b"")) == ("holdfast.SlotLost.v1", True)


async def test_a_timer_that_comes_early_waits_no_longer_than_its_topic_lets_it_wait(bus: Bus) -> None:
    """Else everybody behind it in the shortest topic would wait with it: there the next due is always at the head."""
    shortest = topics.expiry(HOLD).name
    async with bus.listening(EVENTS, REPLIES, shortest) as log, bus.deciding("availability"):
        house = await House().open(bus, log)
        put = PutProduct(product_id=house.product, fields=ProductFields(hold_minutes=5))
        await log.caused_by((await bus.tell(put, organisation=house.organisation))[0])
        question = house.hold()
        said = {"organisation": house.organisation, "reply_to": None, "causation": question.question}
        await bus.tell(question, question.question, **said)
        held = body((await log.caused_by(question.question, EVENTS))[0])
        assert isinstance(held, SlotHeld)
        early = ExpireHold(booking_id=held.booking_id, space_id=house.space, expires_at=held.expires_at)
        timer_id, _ = await bus.tell(early, **said)
        [again] = await log.caused_by(timer_id, shortest)
        assert body(again) == early
        written, due = (datetime.fromisoformat(header(again, name) or "") for name in ("ce_time", "ce_dueat"))
        assert due == written + HOLD
