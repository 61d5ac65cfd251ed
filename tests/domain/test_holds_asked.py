"""HoldSlot: who gets the slot, who is refused and why, and whom it tells that their time is over."""

from datetime import timedelta

import pytest
from holds import ADA, BOB, CAT, ENDS, TICK, Desk, booking, held, hold, kept, lapsed, minutes, question, timer

from contracts.availability import RefusedReason, SlotHeld, SlotRefused, SlotReleased
from contracts.examples import (
    COFFEE,
    DESK_ONE_DAY,
    HOLD,
    LIGHTHOUSE,
    MONDAY_TEN,
    NET_LOFT,
    NOON_BEFORE,
    PRODUCT_OFFER,
    ROOM_ONE_HOUR,
    SPACE_OFFER,
)
from contracts.model import Slot
from services.availability import domain
from services.availability.domain import Decision

HOUR = timedelta(hours=1)
NEXT = Slot(from_=MONDAY_TEN.to, to=MONDAY_TEN.to + HOUR)
TWO_UNITS = LIGHTHOUSE.model_copy(update={"units": 2})
WITH_BUFFER = ROOM_ONE_HOUR.model_copy(update={"buffer_after": timedelta(minutes=10)})


def slot_held(who: str, slot: Slot = MONDAY_TEN, at: object = NOON_BEFORE, length: timedelta = HOLD) -> SlotHeld:
    return SlotHeld(
        booking_id=who,
        question=question(1),
        slot=slot,
        held_at=at,
        expires_at=at + length,
        product=PRODUCT_OFFER,
        space=SPACE_OFFER,
    )


def refused(who: str, reason: RefusedReason, message: str, until: object = None) -> Decision:
    event = SlotRefused(booking_id=who, question=question(1), reason=reason, message=message, until=until)
    return Decision(outputs=(event,))


def ran_out(who: str) -> SlotReleased:
    return SlotReleased(booking_id=who, reason="expired")


def test_hold_slot_is_granted_and_a_timer_set() -> None:
    mine = held(ADA)
    assert Desk().asked(hold(ADA), NOON_BEFORE) == Decision((mine,), (slot_held(ADA), timer(mine)))


@pytest.mark.parametrize(("says", "minutes"), [(None, 15), (30, 30)], ids=["the platform", "the product"])
def test_hold_slot_is_as_long_as_the_product_says_else_the_platform(says: int | None, minutes: int) -> None:
    desk = Desk(product=ROOM_ONE_HOUR.model_copy(update={"hold_minutes": says}))
    length = timedelta(minutes=minutes)
    held_event, told_by = desk.asked(hold(ADA), NOON_BEFORE).outputs
    assert held_event == slot_held(ADA, length=length)
    assert (told_by.length, told_by.expire.expires_at) == (length, NOON_BEFORE + length)


def test_hold_slot_is_refused_when_held() -> None:
    decision = Desk().knows(held(ADA)).asked(hold(BOB), ENDS - TICK)
    assert decision == refused(BOB, "held", "The slot is held until 12:15:00Z.", ENDS)


def test_hold_slot_is_refused_when_booked() -> None:
    assert Desk().knows(kept(ADA)).asked(hold(BOB), ENDS) == refused(BOB, "booked", "The slot is booked.")


def test_hold_slot_is_refused_when_a_buffer_is_in_the_way() -> None:
    desk = Desk(product=WITH_BUFFER)
    desk.asked(hold(ADA), NOON_BEFORE)
    why = "The slot is too close to another booking of this space."
    assert desk.asked(hold(BOB, NEXT), NOON_BEFORE) == refused(BOB, "buffer", why)


def test_hold_slot_is_granted_when_the_hold_in_the_way_is_over_and_its_owner_is_told() -> None:
    desk = Desk().knows(held(ADA))
    mine = held(BOB, at=ENDS)
    assert desk.asked(hold(BOB), ENDS) == Decision(
        (lapsed(held(ADA)), mine), (ran_out(ADA), slot_held(BOB, at=ENDS), timer(mine))
    )


def test_hold_slot_is_granted_when_only_a_buffer_is_overdue_and_its_owner_is_told() -> None:
    desk = Desk(product=WITH_BUFFER)
    desk.asked(hold(ADA), NOON_BEFORE)
    decision = desk.asked(hold(BOB, NEXT), ENDS)
    assert decision.outputs[:2] == (ran_out(ADA), slot_held(BOB, NEXT, ENDS))


def test_hold_slot_is_granted_in_the_lowest_free_unit() -> None:
    desk = Desk(space=TWO_UNITS).knows(kept(ADA))
    assert desk.asked(hold(BOB), NOON_BEFORE).changed == (held(BOB, unit=2),)
    assert desk.asked(hold(CAT), NOON_BEFORE) == refused(CAT, "held", "The slot is held until 12:15:00Z.", ENDS)


def test_hold_slot_displaces_only_in_its_unit_when_there_are_several() -> None:
    """Both holds are over; the one in the second unit stays in its rows, until its own timer comes."""
    desk = Desk(space=TWO_UNITS).knows(held(ADA), held(BOB, unit=2))
    decision = desk.asked(hold(CAT), ENDS)
    assert decision.changed == (lapsed(held(ADA)), held(CAT, at=ENDS))
    assert decision.outputs[:2] == (ran_out(ADA), slot_held(CAT, at=ENDS))


@pytest.mark.parametrize(
    ("command", "reason", "message"),
    [
        (hold(ADA, product=COFFEE), "unknown_product", "There is no such product."),
        (hold(ADA, space=NET_LOFT), "unknown_space", "There is no such space."),
        (hold(ADA, Slot(from_=NOON_BEFORE - HOUR, to=NOON_BEFORE)), "lead_time", "The slot begins too soon."),
        (hold(ADA, Slot(from_=MONDAY_TEN.from_, to=NEXT.to)), "duration", "The slot is not as long as the product."),
        (hold(ADA, Slot(from_=NOON_BEFORE, to=NOON_BEFORE + HOUR)), "closed", "The house is closed then."),
    ],
)
def test_hold_slot_is_refused_when_a_rule_is_broken(command: object, reason: RefusedReason, message: str) -> None:
    assert Desk().asked(command, NOON_BEFORE) == refused(ADA, reason, message)


@pytest.mark.parametrize("product", [DESK_ONE_DAY, COFFEE], ids=["another space's", "an extra"])
def test_hold_slot_is_refused_when_the_product_is_not_sold_there(product: object) -> None:
    desk = Desk()
    desk.books.products["demo", product.id] = product
    assert desk.asked(hold(ADA, product=product), NOON_BEFORE) == refused(
        ADA, "not_offered", "The product is not sold in this space."
    )


def test_hold_slot_is_refused_when_the_booking_has_asked_before() -> None:
    why = "The question could not be handled; it had no effect."
    for before in (held(ADA), kept(ADA), lapsed(held(ADA))):
        desk = Desk().knows(before)
        assert desk.asked(hold(ADA, NEXT), NOON_BEFORE) == refused(ADA, "internal", why)
        assert desk.has(ADA) == before


def test_hold_slot_displaces_many_but_not_too_many() -> None:
    desk = Desk().knows(*minutes(domain.MOST_RIVALS))
    displaced = desk.asked(hold(ADA), ENDS)
    mine = held(ADA, at=ENDS)
    told = tuple(ran_out(booking(100 + n)) for n in range(48))
    assert displaced.outputs == (*told, slot_held(ADA, at=ENDS), timer(mine))
    crowded = Desk().knows(*minutes(domain.MOST_RIVALS + 1))
    assert crowded.asked(hold(ADA), ENDS) == refused(ADA, "held", "The slot is held until 12:15:00Z.", ENDS)
