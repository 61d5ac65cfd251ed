"""A new closure: whom it hits, where the house is, and whom not."""

from datetime import date, timedelta

from holds import ADA, BOB, CAT, ENDS, Desk, booking, held, kept, let_go, minutes

from contracts.catalogue import Closure, PutVenue, VenueAnswer, VenueFields
from contracts.closures import AffectedBooking
from contracts.examples import HARBOUR_HOUSE, LIGHTHOUSE, MONDAY_TEN, NET_LOFT, NOON_BEFORE, at
from contracts.model import Slot
from services.availability import catalogue_changes, closures

MONDAY = Closure(from_=date(2027, 1, 11), to=date(2027, 1, 11))
TUESDAY = Closure(from_=date(2027, 1, 12), to=date(2027, 1, 12))
TUESDAY_TEN = Slot(from_=at(1, 12, 10), to=at(1, 12, 11))


def put(desk: Desk, *closed: Closure, now: object = NOON_BEFORE) -> VenueAnswer:
    """What is answered to a change of the venue's closures."""
    command = PutVenue(venue_id=HARBOUR_HOUSE.id, fields=VenueFields(closures=closed))
    answer = catalogue_changes.decide(desk.books, "demo", ADA, command, now).body
    assert isinstance(answer, VenueAnswer)
    return answer


def affected(who: str, slot: Slot = MONDAY_TEN, space: str = LIGHTHOUSE.id) -> AffectedBooking:
    return AffectedBooking(id=who, space_id=space, slot=slot)


def test_a_new_closure_tells_of_holds_and_bookings_that_it_hits() -> None:
    desk = Desk().knows(kept(ADA), held(BOB, TUESDAY_TEN), let_go(held(CAT)))
    assert put(desk, MONDAY, TUESDAY).affected_bookings == (affected(ADA), affected(BOB, TUESDAY_TEN))


def test_what_was_closed_before_is_not_told_again() -> None:
    desk = Desk().knows(kept(ADA), kept(BOB, TUESDAY_TEN))
    put(desk, MONDAY)
    assert put(desk, MONDAY, TUESDAY).affected_bookings == (affected(BOB, TUESDAY_TEN),)
    assert put(desk, MONDAY, TUESDAY).affected_bookings == ()


def test_a_hold_that_is_over_is_not_hit() -> None:
    assert put(Desk().knows(held(ADA)), MONDAY, now=ENDS).affected_bookings == ()


def test_a_slot_that_is_over_is_not_hit() -> None:
    assert put(Desk().knows(kept(ADA)), MONDAY, now=MONDAY_TEN.to).affected_bookings == ()
    begun = put(Desk().knows(kept(ADA)), MONDAY, now=MONDAY_TEN.from_)
    assert begun.affected_bookings == (affected(ADA),)


def test_a_day_is_closed_from_midnight_to_midnight_where_the_house_is() -> None:
    before = Slot(from_=at(1, 10, 23), to=at(1, 11))
    over = Slot(from_=at(1, 11, 23, 30), to=at(1, 12, 0, 30))
    after = Slot(from_=at(1, 12), to=at(1, 12, 1))
    desk = Desk().knows(kept(ADA, before), kept(BOB, over), kept(CAT, after))
    assert put(desk, MONDAY).affected_bookings == (affected(BOB, over),)


def test_only_the_houses_own_spaces_are_hit() -> None:
    desk = Desk().knows(kept(ADA), kept(BOB)._replace(space_id=NET_LOFT.id))
    desk.books.keep_space("demo", NET_LOFT.model_copy(update={"venue_id": NET_LOFT.id}))
    assert put(desk, MONDAY).affected_bookings == (affected(ADA),)
    desk.books.keep_space("demo", NET_LOFT)
    assert put(desk).affected_bookings == ()
    both = put(desk, MONDAY).affected_bookings
    assert both == (affected(ADA), affected(BOB, space=NET_LOFT.id))


def test_the_earliest_are_told_and_that_there_are_more() -> None:
    few = put(Desk().knows(*minutes(closures.MOST_TOLD)), MONDAY)
    assert (len(few.affected_bookings), few.more_affected) == (100, False)
    many = put(Desk().knows(*minutes(closures.MOST_TOLD + 1)), MONDAY)
    assert ([each.id for each in many.affected_bookings], many.more_affected) == (
        [booking(100 + n) for n in range(100)],
        True,
    )


def test_what_is_read_for_a_closure_holds_all_it_may_hit_in_any_zone() -> None:
    begin, end = closures.reach(MONDAY)
    assert begin <= at(1, 11) - timedelta(hours=14)
    assert end >= at(1, 12) + timedelta(hours=12)
