"""Who has which slot of the Lighthouse room, what is left of it, and what is in the way of one."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from contracts.catalogue import Product
from contracts.examples import HARBOUR_HOUSE, LIGHTHOUSE, MONDAY_TEN, NET_LOFT, NOON_BEFORE, ROOM_ONE_HOUR, at
from contracts.model import Slot
from services.availability import slots

HOUR = timedelta(hours=1)
BOOKING = "5ea00000-0000-4000-8000-000000000031"


def slot(from_: datetime, length: timedelta = HOUR) -> Slot:
    return Slot(from_=from_, to=from_ + length)


def held(of: Slot, until: datetime, unit: int = 1, product: Product = ROOM_ONE_HOUR) -> slots.Occupied:
    return slots.Occupied(unit, of.from_, of.to, *slots.blocked(product, of), False, until, BOOKING)


def booked(of: Slot, unit: int = 1, product: Product = ROOM_ONE_HOUR) -> slots.Occupied:
    return slots.Occupied(unit, of.from_, of.to, *slots.blocked(product, of), True, None, BOOKING)


def hours(product: Product, others: Iterable[slots.Occupied] = (), now: datetime = NOON_BEFORE) -> list[int]:
    """The hours on the wall at which a slot is offered on Monday."""
    found = slots.offers(HARBOUR_HOUSE, LIGHTHOUSE, product, at(1, 11), at(1, 12), now, others, 1000)
    return [(offer.from_ - at(1, 11)) // HOUR for offer in found]


def test_offers_are_the_earliest_up_to_the_limit() -> None:
    found = slots.offers(HARBOUR_HOUSE, LIGHTHOUSE, ROOM_ONE_HOUR, at(1, 11), at(1, 14), NOON_BEFORE, (), 2)
    assert found == [slots.Offer(at(1, 11, 9), at(1, 11, 10), 1, 1), slots.Offer(at(1, 11, 10), at(1, 11, 11), 1, 1)]


def test_buffers_may_lie_outside_opening_hours() -> None:
    product = ROOM_ONE_HOUR.model_copy(update={"buffer_before": HOUR, "buffer_after": HOUR})
    assert hours(product) == list(range(9, 18))


def test_buffers_of_neighbours_add_up() -> None:
    product = ROOM_ONE_HOUR.model_copy(update={"buffer_before": HOUR, "buffer_after": HOUR})
    noon = booked(slot(at(1, 11, 12)), product=product)
    assert hours(product, [noon]) == [9, 15, 16, 17]


def test_slots_that_touch_get_along() -> None:
    neighbours = [booked(slot(MONDAY_TEN.from_ - HOUR)), booked(slot(MONDAY_TEN.to))]
    assert slots.free_unit(1, MONDAY_TEN.from_, MONDAY_TEN.to, neighbours, NOON_BEFORE) == 1
    assert hours(ROOM_ONE_HOUR, neighbours) == [10, 12, 13, 14, 15, 16, 17]


def test_an_overdue_hold_stops_counting_at_its_very_moment() -> None:
    end = NOON_BEFORE + timedelta(minutes=15)
    hold, tick = held(MONDAY_TEN, end), timedelta(microseconds=1)
    assert slots.free_unit(1, MONDAY_TEN.from_, MONDAY_TEN.to, [hold], end - tick) is None
    assert slots.free_unit(1, MONDAY_TEN.from_, MONDAY_TEN.to, [hold], end) == 1
    assert hours(ROOM_ONE_HOUR, [hold], now=end - tick) == [9, 11, 12, 13, 14, 15, 16, 17]
    assert hours(ROOM_ONE_HOUR, [hold], now=end) == list(range(9, 18))


def test_the_lowest_free_unit_is_given() -> None:
    others = [booked(MONDAY_TEN, unit=1), booked(MONDAY_TEN, unit=3)]
    assert slots.free_unit(4, MONDAY_TEN.from_, MONDAY_TEN.to, others, NOON_BEFORE) == 2
    assert slots.free_unit(1, MONDAY_TEN.from_, MONDAY_TEN.to, others, NOON_BEFORE) is None


def test_offers_count_the_units_that_remain_and_forget_those_taken_away() -> None:
    others = [booked(MONDAY_TEN, unit=1), booked(MONDAY_TEN, unit=1), booked(MONDAY_TEN, unit=9)]
    found = slots.offers(
        HARBOUR_HOUSE, NET_LOFT, ROOM_ONE_HOUR, MONDAY_TEN.from_, MONDAY_TEN.to, NOON_BEFORE, others, 10
    )
    assert found == [slots.Offer(MONDAY_TEN.from_, MONDAY_TEN.to, 3, 4)]


BEFORE, HALF_PAST = slot(MONDAY_TEN.from_ - HOUR), MONDAY_TEN.from_ + HOUR / 2
LATER, SOON = NOON_BEFORE + timedelta(minutes=15), NOON_BEFORE + timedelta(minutes=5)
BUFFERED = ROOM_ONE_HOUR.model_copy(update={"buffer_after": timedelta(minutes=10)})


@pytest.mark.parametrize(
    ("units", "others", "answer"),
    [
        (1, [held(MONDAY_TEN, LATER)], ("held", LATER)),
        (1, [booked(MONDAY_TEN)], ("booked", None)),
        (1, [booked(BEFORE, product=BUFFERED)], ("buffer", None)),
        (1, [held(BEFORE, SOON, product=BUFFERED)], ("buffer", None)),
        (1, [held(slot(HALF_PAST - HOUR), SOON), held(slot(HALF_PAST), LATER)], ("held", LATER)),
        (1, [held(slot(HALF_PAST - HOUR), SOON), booked(slot(HALF_PAST))], ("booked", None)),
        (2, [booked(MONDAY_TEN), held(MONDAY_TEN, LATER, unit=2)], ("held", LATER)),
        (2, [held(MONDAY_TEN, SOON), held(MONDAY_TEN, LATER, unit=2)], ("held", SOON)),
        (2, [booked(MONDAY_TEN), booked(BEFORE, unit=2, product=BUFFERED)], ("booked", None)),
        (1, [booked(MONDAY_TEN, unit=2), held(MONDAY_TEN, LATER)], ("held", LATER)),
    ],
)
def test_in_the_way_names_the_reason_and_the_end_of_a_hold(
    units: int, others: list[slots.Occupied], answer: tuple[str, datetime | None]
) -> None:
    reach = slots.blocked(ROOM_ONE_HOUR, MONDAY_TEN)
    assert slots.in_the_way(units, MONDAY_TEN, *reach, others, NOON_BEFORE) == answer
    assert slots.in_the_way(units, MONDAY_TEN, *reach, reversed(others), NOON_BEFORE) == answer
