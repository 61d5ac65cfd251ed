"""MoveSlot: who gets another slot, who keeps the old one and why, and whom it tells that their time is over."""

from datetime import timedelta

import pytest
from holds import ADA, BOB, CAT, ENDS, TICK, Desk, Holding, booking, held, hold, kept, lapsed, let_go, minutes, move
from holds import question as asked_as
from holds import release as give_back

from contracts.availability import MoveRefused, RefusedReason, SlotHeld, SlotLost, SlotMoved, SlotReleased
from contracts.examples import (
    HARBOUR_HOUSE,
    LIGHTHOUSE,
    MONDAY_ELEVEN,
    MONDAY_TEN,
    NET_LOFT,
    NOON_BEFORE,
    ROOM_ONE_HOUR,
)
from contracts.examples import at as wall
from contracts.model import Slot
from services.availability import domain
from services.availability.domain import Decision

HOUR, HALF = timedelta(hours=1), timedelta(minutes=30)
HALF_PAST = Slot(from_=MONDAY_TEN.from_ + HALF, to=MONDAY_TEN.to + HALF)
TWO_UNITS = LIGHTHOUSE.model_copy(update={"units": 2})
HALF_HOURS = ROOM_ONE_HOUR.model_copy(update={"start_step": HALF})
WITH_BUFFER = ROOM_ONE_HOUR.model_copy(update={"buffer_after": timedelta(minutes=10)})


def moved(who: str, slot: Slot = MONDAY_ELEVEN) -> SlotMoved:
    return SlotMoved(booking_id=who, question=asked_as(5), slot=slot)


def refused(who: str, reason: RefusedReason, message: str, until: object = None) -> Decision:
    event = MoveRefused(booking_id=who, question=asked_as(5), reason=reason, message=message, until=until)
    return Decision(outputs=(event,))


def lost(who: str, reason: str) -> SlotLost:
    return SlotLost(booking_id=who, question=asked_as(5), reason=reason)


def there(holding: Holding) -> Holding:
    """As it is when it has been moved."""
    return holding._replace(moved=True)


def test_move_slot_takes_the_new_slot_and_the_hold_ends_when_it_would_have() -> None:
    desk = Desk().knows(held(ADA))
    now = NOON_BEFORE + timedelta(minutes=5)
    assert desk.asked(move(ADA, MONDAY_ELEVEN, now), now) == Decision((there(held(ADA, MONDAY_ELEVEN)),), (moved(ADA),))
    assert isinstance(desk.asked(hold(BOB), now).outputs[0], SlotHeld)  # the old one is on sale again


def test_move_slot_keeps_for_good_what_is_kept_for_good_however_late_it_is_asked() -> None:
    desk = Desk().knows(kept(ADA))
    late = ENDS + timedelta(hours=1)
    assert desk.asked(move(ADA, MONDAY_ELEVEN, late), late) == Decision(
        (there(kept(ADA, MONDAY_ELEVEN)),), (moved(ADA),)
    )


def test_move_slot_is_granted_where_only_its_own_old_slot_is_in_the_way() -> None:
    desk = Desk(product=HALF_HOURS).knows(kept(ADA))
    assert desk.asked(move(ADA, HALF_PAST), NOON_BEFORE).outputs == (moved(ADA, HALF_PAST),)
    assert desk.has(ADA) == there(kept(ADA, HALF_PAST))


def test_move_slot_to_where_it_is_changes_nothing() -> None:
    desk = Desk().knows(kept(ADA))
    assert desk.asked(move(ADA, MONDAY_TEN), MONDAY_TEN.from_) == Decision(outputs=(moved(ADA, MONDAY_TEN),))


@pytest.mark.parametrize(
    ("other", "product", "reason", "message", "until"),
    [
        (held(BOB, MONDAY_ELEVEN), ROOM_ONE_HOUR, "held", "The slot is held until 12:15:00Z.", ENDS),
        (kept(BOB, MONDAY_ELEVEN), ROOM_ONE_HOUR, "booked", "The slot is booked.", None),
        (
            kept(BOB, Slot(from_=MONDAY_ELEVEN.to, to=MONDAY_ELEVEN.to + HOUR)),
            WITH_BUFFER,
            "buffer",
            "The slot is too close to another booking of this space.",
            None,
        ),
    ],
)
def test_move_slot_is_refused_when_somebody_else_has_the_slot(
    other: Holding, product: object, reason: RefusedReason, message: str, until: object
) -> None:
    desk = Desk(product=product).knows(held(ADA), other)
    assert desk.asked(move(ADA, MONDAY_ELEVEN), NOON_BEFORE) == refused(ADA, reason, message, until)
    assert desk.has(ADA) == held(ADA)


@pytest.mark.parametrize(
    ("slot", "reason", "message"),
    [
        (Slot(from_=NOON_BEFORE - HOUR, to=NOON_BEFORE), "lead_time", "The slot begins too soon."),
        (Slot(from_=wall(6, 11, 10), to=wall(6, 11, 11)), "horizon", "The slot is too far ahead."),
        (Slot(from_=MONDAY_TEN.from_, to=MONDAY_ELEVEN.to), "duration", "The slot is not as long as the product."),
        (Slot(from_=MONDAY_TEN.to, to=MONDAY_TEN.from_), "duration", "The slot is not as long as the product."),
        (HALF_PAST, "off_grid", "No slot begins at that time."),
        (Slot(from_=wall(1, 11, 20), to=wall(1, 11, 21)), "closed", "The house is closed then."),
    ],
)
def test_move_slot_is_refused_when_a_rule_is_broken(slot: Slot, reason: RefusedReason, message: str) -> None:
    for before in (held(ADA), kept(ADA)):
        assert Desk().knows(before).asked(move(ADA, slot), NOON_BEFORE) == refused(ADA, reason, message)


def test_move_slot_out_of_its_space_is_refused() -> None:
    desk = Desk().knows(held(ADA))
    desk.books.keep_space("demo", NET_LOFT)
    why = "There is no such space."
    assert desk.asked(move(ADA, MONDAY_ELEVEN, space=NET_LOFT), NOON_BEFORE) == refused(ADA, "unknown_space", why)


def test_move_slot_of_a_product_that_went_off_sale_is_granted() -> None:
    desk = Desk().knows(kept(ADA))
    desk.books.archive("products", ("demo", ROOM_ONE_HOUR.id))
    assert desk.asked(move(ADA, MONDAY_ELEVEN), NOON_BEFORE).outputs == (moved(ADA),)


def test_move_slot_in_a_space_that_went_off_sale_is_refused() -> None:
    desk = Desk().knows(kept(ADA))
    desk.books.archive("spaces", ("demo", LIGHTHOUSE.id))
    assert desk.asked(move(ADA, MONDAY_ELEVEN), NOON_BEFORE) == refused(ADA, "unknown_space", "There is no such space.")


def test_move_slot_goes_to_the_lowest_free_unit() -> None:
    desk = Desk(space=TWO_UNITS).knows(kept(ADA), kept(BOB, MONDAY_ELEVEN))
    assert desk.asked(move(ADA, MONDAY_ELEVEN), NOON_BEFORE).changed == (there(kept(ADA, MONDAY_ELEVEN, unit=2)),)
    desk.knows(kept(CAT))
    assert desk.asked(move(BOB, MONDAY_TEN), NOON_BEFORE).changed == (there(kept(BOB, unit=2)),)


def test_move_slot_takes_the_place_of_a_hold_that_is_over_and_its_owner_is_told() -> None:
    desk = Desk().knows(kept(ADA), held(BOB, MONDAY_ELEVEN))
    decision = desk.asked(move(ADA, MONDAY_ELEVEN), ENDS)
    told = SlotReleased(booking_id=BOB, reason="expired")
    assert decision == Decision((lapsed(held(BOB, MONDAY_ELEVEN)), there(kept(ADA, MONDAY_ELEVEN))), (told, moved(ADA)))


def test_move_slot_displaces_many_but_not_too_many() -> None:
    elsewhere = Slot(from_=MONDAY_ELEVEN.to, to=MONDAY_ELEVEN.to + HOUR)
    desk = Desk().knows(kept(CAT, elsewhere), *minutes(domain.MOST_RIVALS))
    decision = desk.asked(move(CAT, MONDAY_TEN), ENDS)
    assert [event.booking_id for event in decision.outputs] == [*(booking(100 + n) for n in range(48)), CAT]
    crowded = Desk().knows(kept(CAT, elsewhere), *minutes(domain.MOST_RIVALS + 1))
    why = "The slot is held until 12:15:00Z."
    assert crowded.asked(move(CAT, MONDAY_TEN), ENDS) == refused(CAT, "held", why, ENDS)


def test_move_slot_of_a_hold_that_is_over_is_lost_and_the_slot_released() -> None:
    assert Desk().knows(held(ADA)).asked(move(ADA, MONDAY_ELEVEN, ENDS), ENDS) == Decision(
        (lapsed(held(ADA)),), (lost(ADA, "expired"),)
    )
    ahead = Desk().knows(held(ADA)).asked(move(ADA, MONDAY_ELEVEN, ENDS), ENDS - TICK)
    assert ahead == Decision(outputs=(lost(ADA, "expired"),))  # the broker's clock is: a hold never ends early by ours


def test_move_slot_counts_when_it_was_accepted_in_time_and_is_read_late() -> None:
    desk = Desk().knows(held(ADA))
    assert desk.asked(move(ADA, MONDAY_ELEVEN, ENDS - TICK), ENDS + HOUR).outputs == (moved(ADA),)
    assert desk.has(ADA) == there(held(ADA, MONDAY_ELEVEN))  # over all the same: the next who asks takes it


@pytest.mark.parametrize("gone", [lapsed(held(ADA)), let_go(held(ADA))])
def test_move_slot_of_what_was_released_is_lost(gone: Holding) -> None:
    desk = Desk().knows(gone)
    assert desk.asked(move(ADA, MONDAY_ELEVEN), NOON_BEFORE) == Decision(outputs=(lost(ADA, "expired"),))


def test_move_slot_of_an_unknown_booking_is_lost() -> None:
    assert Desk().asked(move(ADA, MONDAY_ELEVEN), NOON_BEFORE) == Decision(outputs=(lost(ADA, "unknown"),))


def test_a_moved_slot_that_is_given_back_is_on_sale_at_its_new_place() -> None:
    desk = Desk().knows(kept(ADA))
    desk.asked(move(ADA, MONDAY_ELEVEN), NOON_BEFORE)
    desk.asked(give_back(ADA), NOON_BEFORE)
    assert isinstance(desk.asked(hold(BOB, MONDAY_ELEVEN), NOON_BEFORE).outputs[0], SlotHeld)


def test_move_slot_asks_the_house_as_it_is_now() -> None:
    desk = Desk().knows(kept(ADA))
    desk.books.keep_venue("demo", HARBOUR_HOUSE.model_copy(update={"opening_hours": ()}))
    assert desk.asked(move(ADA, MONDAY_ELEVEN), NOON_BEFORE) == refused(ADA, "closed", "The house is closed then.")
