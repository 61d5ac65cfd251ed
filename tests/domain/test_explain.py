"""Why the rest is not offered: each slot of the grid is on offer or explained, and with the reason of a refusal."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from test_slots_properties import RASTER, Case, candidates, cases, free_units, raster

from contracts.catalogue import Closure, Product
from contracts.examples import DESK_ONE_DAY, HARBOUR_HOUSE, LIGHTHOUSE, MONDAY_TEN, NOON_BEFORE, ROOM_ONE_HOUR, at
from contracts.model import Slot
from services.availability import civil, explain, opening, rules, slots
from services.availability.explain import Unavailable
from services.availability.slots import Occupied, Offer

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
BOOKING = "5ea00000-0000-4000-8000-000000000031"
UNTIL = NOON_BEFORE + 15 * MINUTE


def occupied(hour: int, until: datetime | None = None, unit: int = 1, product: Product = ROOM_ONE_HOUR) -> Occupied:
    """An hour of Monday, held until then or kept for good."""
    begin, end = at(1, 11, hour), at(1, 11, hour + 1)
    reach = begin - product.buffer_before, end + product.buffer_after
    return Occupied(unit, begin, end, *reach, until is None, until, BOOKING)


def reasons(
    *others: Occupied, product: Product = ROOM_ONE_HOUR, units: int = 1, now: datetime = NOON_BEFORE
) -> dict[int, object]:
    """What is said of each hour of Monday's grid; a number is that of free units."""
    space = LIGHTHOUSE.model_copy(update={"units": units})
    said = explain.explained(HARBOUR_HOUSE, space, product, at(1, 11), at(1, 12), now, others)
    return {
        (each.from_ - at(1, 11)) // HOUR: each.remaining if isinstance(each, Offer) else (each.reason, each.until)
        for each in said
    }


FREE = dict.fromkeys(range(9, 18), 1)


def test_held_and_booked_slots_are_explained_and_the_others_offered() -> None:
    assert reasons(occupied(10, UNTIL), occupied(12)) == FREE | {10: ("held", UNTIL), 12: ("booked", None)}


def test_a_hold_that_is_over_explains_nothing() -> None:
    assert reasons(occupied(10, UNTIL), now=UNTIL) == FREE


def test_slots_that_only_a_buffer_keeps_clear_are_explained_so() -> None:
    buffered = ROOM_ONE_HOUR.model_copy(update={"buffer_after": 10 * MINUTE})
    kept = FREE | {11: ("buffer", None), 12: ("booked", None), 13: ("buffer", None)}
    assert reasons(occupied(12, product=buffered), product=buffered) == kept


def test_a_slot_is_offered_while_one_unit_is_free_and_explained_by_the_hold_that_ends_first() -> None:
    one = occupied(10)
    assert reasons(one, units=2) == dict.fromkeys(range(9, 18), 2) | {10: 1}
    both = reasons(one, occupied(10, UNTIL, unit=2), units=2)
    assert both[10] == ("held", UNTIL)


def test_short_notice_and_far_ahead_are_explained_so() -> None:
    product = ROOM_ONE_HOUR.model_copy(update={"lead_time": 2 * HOUR, "horizon": 4 * HOUR})
    said = reasons(product=product, now=at(1, 11, 9))
    soon, far = ("lead_time", None), ("horizon", None)
    assert said == FREE | {9: soon, 10: soon, **dict.fromkeys(range(14, 18), far)}


def test_a_slot_that_would_end_after_the_house_closes_is_closed() -> None:
    two_hours = ROOM_ONE_HOUR.model_copy(
        update={"metadata": ROOM_ONE_HOUR.metadata.model_validate({"duration": {"value": 2, "type": "hourly"}})}
    )
    hourly = two_hours.model_copy(update={"start_step": HOUR})
    assert reasons(product=hourly)[17] == ("closed", None)


def test_the_time_between_openings_is_closed() -> None:
    found = explain.closed(HARBOUR_HOUSE, ROOM_ONE_HOUR, at(1, 11, 17), at(1, 12, 12))
    assert found == [Unavailable(at(1, 11, 18), at(1, 12, 9), "closed")]
    holidays = HARBOUR_HOUSE.model_copy(update={"closures": (Closure(from_="2027-01-11", to="2027-01-12"),)})
    found = explain.closed(holidays, ROOM_ONE_HOUR, at(1, 11), at(1, 14))
    assert found == [
        Unavailable(at(1, 11), at(1, 13, 9), "closed"),
        Unavailable(at(1, 13, 18), at(1, 14), "closed"),
    ]


def test_days_that_are_closed_are_explained_one_by_one() -> None:
    said = explain.explained(HARBOUR_HOUSE, LIGHTHOUSE, DESK_ONE_DAY, at(1, 16), at(1, 19), NOON_BEFORE, ())
    assert list(said) == [
        Offer(at(1, 16), at(1, 17), 1, 1),
        Unavailable(at(1, 17), at(1, 18), "closed"),  # a Sunday
        Offer(at(1, 18), at(1, 19), 1, 1),
    ]
    assert explain.closed(HARBOUR_HOUSE, DESK_ONE_DAY, at(1, 16), at(1, 19)) == []


def everything(case: Case) -> list[Offer | Unavailable]:
    return list(explain.explained(case.venue, case.space, case.product, case.from_, case.to, case.now, case.others))


@settings(max_examples=100, deadline=None)
@given(cases())
def test_what_is_offered_is_what_the_plain_list_offers(case: Case) -> None:
    assert [each for each in everything(case) if isinstance(each, Offer)] == case.offers(case.from_, case.to)


@settings(max_examples=100, deadline=None)
@given(cases())
def test_every_start_of_the_grid_is_offered_or_explained_and_never_both(case: Case) -> None:
    said = everything(case)
    begins = [each.from_ for each in said]
    assert sorted(set(begins)) == begins
    closed = explain.closed(case.venue, case.product, case.from_, case.to)
    lengths = {each.to - each.from_ for each in said}
    for moment in raster(case.from_, case.to):
        here = [each for each in said if each.from_ == moment]
        here += [each for each in closed if each.from_ <= moment < each.to]
        assert len(here) == 1 if on_grid(case, moment, lengths) else len(here) <= 1


def on_grid(case: Case, moment: datetime, lengths: set[timedelta]) -> bool:
    """Whether a slot may begin at the moment, if the house were open and it were neither too soon nor too far."""
    if case.product.metadata.duration.type == "hourly":
        hours = opening.hours_of(case.venue)
        wall = civil.wall(hours.zone, moment)
        step = case.product.start_step or timedelta(hours=case.product.metadata.duration.value)
        return opening.local_day(hours, wall.date()).on_grid(wall, step)
    timeless = case.product.model_copy(update={"lead_time": timedelta(0), "horizon": timedelta(days=3660)})
    now = min(case.now, moment)
    wrong = {rules.refusal(case.venue, timeless, slot, now) for slot in candidates(case, moment, lengths)}
    return bool(wrong & {None, "closed"})  # of days this is the last thing that can be wrong


@settings(max_examples=100, deadline=None)
@given(cases())
def test_a_reason_is_the_one_that_a_booking_would_be_refused_with(case: Case) -> None:
    for each in everything(case):
        slot = Slot(from_=each.from_, to=each.to)
        broken = rules.refusal(case.venue, case.product, slot, case.now)
        if isinstance(each, Offer):
            assert (broken, each.remaining) == (None, free_units(case, slot))
        elif broken is not None:
            assert (each.reason, each.until) == (broken, None)
            assert broken in ("lead_time", "horizon", "closed")
        else:
            assert free_units(case, slot) == 0
            reach = slots.blocked(case.product, slot)
            assert (each.reason, each.until) == slots.in_the_way(case.space.units, slot, *reach, case.others, case.now)


@settings(max_examples=50, deadline=None)
@given(cases())
def test_closed_times_are_those_in_which_no_moment_is_open(case: Case) -> None:
    closed = explain.closed(case.venue, case.product, case.from_, case.to)
    if case.product.metadata.duration.type != "hourly":
        assert closed == []
        return
    moments = [case.from_ + n * RASTER for n in range((case.to - case.from_) // RASTER)]
    hour = ROOM_ONE_HOUR.model_copy(update={"start_step": RASTER})
    for moment in moments:
        shut = any(each.from_ <= moment < each.to for each in closed)
        if not shut:
            continue
        slot = Slot(from_=moment, to=moment + HOUR)
        assert rules.refusal(case.venue, hour, slot, min(case.now, moment)) in ("closed", "horizon")


@pytest.mark.parametrize("hour", [8, 18, 3])
def test_a_start_outside_the_opening_is_in_a_closed_time(hour: int) -> None:
    closed = explain.closed(HARBOUR_HOUSE, ROOM_ONE_HOUR, at(1, 11), at(1, 12))
    assert sum(each.from_ <= at(1, 11, hour) < each.to for each in closed) == 1
    assert not any(each.from_ <= MONDAY_TEN.from_ < each.to for each in closed)
