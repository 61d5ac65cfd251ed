"""Which slots Harbour House sells at all: opening hours, grid, days and longer, lead time, horizon."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from contracts.catalogue import Closure, Duration, OpeningHours, Product, ProductMetadata, Venue
from contracts.examples import DESK_ONE_DAY, HARBOUR_HOUSE, MONDAY_TEN, NOON_BEFORE, ROOM_ONE_HOUR, at
from contracts.model import Slot
from services.availability import opening, rules

PARIS = ZoneInfo(HARBOUR_HOUSE.timezone)
HOUR = timedelta(hours=1)


def slot(from_: datetime, length: timedelta = HOUR) -> Slot:
    return Slot(from_=from_, to=from_ + length)


def open_at(*hours: tuple[str, str, str], closed: tuple[Closure, ...] = ()) -> Venue:
    spans = tuple(OpeningHours(day=day, open=opens, close=closes) for day, opens, closes in hours)
    return HARBOUR_HOUSE.model_copy(update={"opening_hours": spans, "closures": closed})


def every_day(opens: str, closes: str, closed: tuple[Closure, ...] = ()) -> Venue:
    days = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    return open_at(*((day, opens, closes) for day in days), closed=closed)


def lasting(value: int, type_: str, product: Product = ROOM_ONE_HOUR, **changes: object) -> Product:
    duration = ProductMetadata(duration=Duration(value=value, type=type_))
    return product.model_copy(
        update={"metadata": duration, "start_step": None, "horizon": timedelta(days=3660)} | changes
    )


def starts(
    venue: Venue, from_: datetime, to: datetime, product: Product = ROOM_ONE_HOUR, now: datetime = NOON_BEFORE
) -> list[str]:
    """The starts as the wall shows them."""
    return [f"{begin.astimezone(PARIS):%a %d %H:%M}" for begin, _ in rules.allowed(venue, product, from_, to, now)]


def days(venue: Venue, from_: datetime, to: datetime, product: Product) -> list[tuple[date, date]]:
    """The first day and the one after the last."""
    found = rules.allowed(venue, product, from_, to, NOON_BEFORE)
    return [(begin.astimezone(PARIS).date(), end.astimezone(PARIS).date()) for begin, end in found]


def test_monday_offers_nine_one_hour_slots() -> None:
    assert starts(HARBOUR_HOUSE, at(1, 11), at(1, 12)) == [f"Mon 11 {hour:02}:00" for hour in range(9, 18)]


def test_saturday_with_two_spans_offers_nothing_over_lunch() -> None:
    assert starts(HARBOUR_HOUSE, at(1, 16), at(1, 17)) == [f"Sat 16 {hour}:00" for hour in (10, 11, 14, 15, 16)]


def test_sunday_and_a_closure_offer_nothing() -> None:
    assert starts(HARBOUR_HOUSE, at(1, 17), at(1, 18)) == []
    may = at(4, 20)
    assert starts(HARBOUR_HOUSE, at(5, 1), at(5, 2), now=may) == []
    assert starts(HARBOUR_HOUSE, at(4, 30), at(5, 3), now=may) == [f"Fri 30 {hour:02}:00" for hour in range(9, 18)]


def test_offers_begin_in_the_range_and_may_end_after_it() -> None:
    assert starts(HARBOUR_HOUSE, at(1, 11, 10), at(1, 11, 11, 1)) == ["Mon 11 10:00", "Mon 11 11:00"]
    assert starts(HARBOUR_HOUSE, at(1, 11, 10, 1), at(1, 11, 11)) == []


def test_spans_that_touch_are_one_opening() -> None:
    house = open_at(("monday", "12:00", "15:00"), ("monday", "09:00", "12:00"))
    assert starts(house, at(1, 11), at(1, 12), lasting(2, "hourly")) == ["Mon 11 09:00", "Mon 11 11:00", "Mon 11 13:00"]


def test_open_around_the_clock_lets_a_slot_cross_midnight() -> None:
    found = starts(every_day("00:00", "24:00"), at(1, 11, 20), at(1, 12, 9), lasting(5, "hourly"))
    assert found == ["Mon 11 20:00", "Tue 12 00:00", "Tue 12 05:00"]


def test_open_around_the_clock_begins_its_grid_at_each_midnight() -> None:
    house, product = every_day("00:00", "24:00"), lasting(5, "hourly")
    assert rules.refusal(house, product, slot(at(1, 12), 5 * HOUR), NOON_BEFORE) is None
    assert rules.refusal(house, product, slot(at(1, 12, 1), 5 * HOUR), NOON_BEFORE) == "off_grid"


def test_around_the_clock_a_slot_may_last_for_days() -> None:
    product, length = lasting(100, "hourly"), 100 * HOUR
    found = rules.allowed(every_day("00:00", "24:00"), product, at(1, 11), at(1, 11, 1), NOON_BEFORE)
    assert list(found) == [(at(1, 11), at(1, 11) + length)]
    assert rules.refusal(every_day("00:00", "24:00"), product, slot(at(1, 11), length), NOON_BEFORE) is None


def test_a_span_past_midnight_is_offered_on_both_days() -> None:
    bar = open_at(("friday", "22:00", "02:00"))
    assert starts(bar, at(1, 11), at(1, 18)) == ["Fri 15 22:00", "Fri 15 23:00", "Sat 16 00:00", "Sat 16 01:00"]


def test_a_closure_cancels_the_night_it_begins_and_cuts_the_one_before() -> None:
    bar = every_day("22:00", "02:00", closed=(Closure(from_=date(2027, 1, 12), to=date(2027, 1, 12)),))
    found = starts(bar, at(1, 11, 12), at(1, 13, 23))
    assert found == ["Mon 11 22:00", "Mon 11 23:00", "Wed 13 22:00"]


def test_an_opening_inside_the_night_before_begins_the_grid_anew() -> None:
    house = open_at(("monday", "22:30", "02:00"), ("tuesday", "00:00", "03:00"))
    assert starts(house, at(1, 11), at(1, 13)) == [
        "Mon 11 22:30",
        "Mon 11 23:30",
        "Tue 12 00:00",
        "Tue 12 01:00",
        "Tue 12 02:00",
    ]


def test_start_step_shorter_than_the_duration_offers_overlapping_slots() -> None:
    product = ROOM_ONE_HOUR.model_copy(update={"start_step": timedelta(minutes=30)})
    assert starts(HARBOUR_HOUSE, at(1, 11, 16), at(1, 12), product) == ["Mon 11 16:00", "Mon 11 16:30", "Mon 11 17:00"]


def test_spring_does_not_offer_the_hour_that_is_skipped() -> None:
    house = every_day("00:00", "05:00")
    sunday = starts(house, at(3, 28), at(3, 29), now=at(3, 1))
    assert sunday == ["Sun 28 00:00", "Sun 28 01:00", "Sun 28 03:00", "Sun 28 04:00"]


def test_spring_keeps_the_starts_of_a_longer_step_on_the_wall() -> None:
    found = starts(every_day("00:00", "24:00"), at(3, 28), at(3, 28, 9), lasting(2, "hourly"), now=at(3, 1))
    assert found == ["Sun 28 00:00", "Sun 28 04:00", "Sun 28 06:00", "Sun 28 08:00"]


def test_autumn_offers_the_repeated_hour_twice() -> None:
    found = rules.allowed(every_day("00:00", "04:00"), ROOM_ONE_HOUR, at(10, 31), at(11, 1), at(10, 1))
    begins = (at(10, 31, 0), at(10, 31, 1), at(10, 31, 2, fold=0), at(10, 31, 2, fold=1), at(10, 31, 3))
    assert list(found) == [(begin, begin + HOUR) for begin in begins]


def test_autumn_closes_whenever_the_wall_says_so() -> None:
    """Open until 02:30: the wall shows it twice, and from the first until the second 02:00 the house is closed."""
    house = every_day("01:00", "02:30")
    found = starts(house, at(10, 31), at(11, 1), lasting(1, "hourly", start_step=HOUR / 2), now=at(10, 1))
    assert found == ["Sun 31 01:00", "Sun 31 01:30"]
    assert opening.local_day(opening.hours_of(house), date(2027, 10, 31)).open == (
        (at(10, 31, 1), at(10, 31, 2, 30, fold=0)),
        (at(10, 31, 2, fold=1), at(10, 31, 2, 30, fold=1)),
    )


@pytest.mark.parametrize(
    ("month", "day", "hours"), [(3, 28, 23), (10, 31, 25), (7, 1, 24)], ids=["spring", "autumn", "summer"]
)
def test_a_day_lasts_from_local_midnight_to_local_midnight(month: int, day: int, hours: int) -> None:
    midnight = at(month, day)
    found = rules.allowed(every_day("09:00", "18:00"), DESK_ONE_DAY, midnight, midnight + HOUR, midnight)
    assert list(found) == [(midnight, midnight + hours * HOUR)]


def test_days_need_opening_hours_and_no_closure_on_each_of_them() -> None:
    assert days(HARBOUR_HOUSE, at(1, 13), at(1, 18), lasting(3, "daily")) == [
        (date(2027, 1, 13), date(2027, 1, 16)),
        (date(2027, 1, 14), date(2027, 1, 17)),
    ]
    house = every_day("09:00", "18:00", closed=(Closure(from_=date(2027, 1, 15), to=date(2027, 1, 20)),))
    assert days(house, at(1, 13), at(1, 23), lasting(2, "daily")) == [
        (date(2027, 1, 13), date(2027, 1, 15)),
        (date(2027, 1, 21), date(2027, 1, 23)),
        (date(2027, 1, 22), date(2027, 1, 24)),
    ]


def test_a_week_needs_all_seven_days() -> None:
    assert days(HARBOUR_HOUSE, at(1, 11), at(1, 18), lasting(1, "weekly")) == []
    assert len(days(HARBOUR_HOUSE, at(1, 11), at(1, 18), lasting(6, "daily"))) == 1
    assert len(days(every_day("09:00", "18:00"), at(1, 11), at(1, 18), lasting(1, "weekly"))) == 7


def test_a_day_served_only_by_the_night_before_is_not_open() -> None:
    assert days(open_at(("friday", "22:00", "02:00")), at(1, 11), at(1, 18), lasting(1, "daily")) == [
        (date(2027, 1, 15), date(2027, 1, 16))
    ]


@pytest.mark.parametrize(
    ("first", "value", "type_", "end"),
    [
        (date(2027, 1, 31), 1, "monthly", date(2027, 2, 28)),
        (date(2028, 1, 31), 1, "monthly", date(2028, 2, 29)),
        (date(2027, 1, 31), 2, "monthly", date(2027, 3, 31)),
        (date(2027, 11, 30), 3, "monthly", date(2028, 2, 29)),
        (date(2028, 2, 29), 1, "yearly", date(2029, 2, 28)),
        (date(2027, 3, 27), 1, "weekly", date(2027, 4, 3)),
    ],
)
def test_longer_slots_end_by_civil_arithmetic(first: date, value: int, type_: str, end: date) -> None:
    house, product = every_day("09:00", "18:00"), lasting(value, type_)
    from_, to = at(first.month, first.day, year=first.year), at(end.month, end.day, year=end.year)
    assert rules.refusal(house, product, Slot(from_=from_, to=to), NOON_BEFORE) is None
    assert days(house, from_, from_ + HOUR, product) == [(first, end)]


def test_nothing_is_offered_that_nobody_could_ask_for() -> None:
    """An Instant ends with the year 2199."""
    assert days(every_day("09:00", "18:00"), at(1, 11), at(1, 18), lasting(172, "yearly")) != []
    assert days(every_day("09:00", "18:00"), at(1, 11), at(1, 18), lasting(173, "yearly")) == []


def test_weekly_steps_begin_on_mondays() -> None:
    product = lasting(1, "weekly", start_step=timedelta(days=7))
    found = days(every_day("09:00", "18:00"), at(1, 12), at(1, 27), product)
    assert [first.strftime("%a %d") for first, _ in found] == ["Mon 18", "Mon 25"]


@pytest.mark.parametrize(
    ("asked", "changes", "reason"),
    [
        (MONDAY_TEN, {}, None),
        (slot(at(1, 11, 17, 30)), {}, "closed"),
        (slot(at(1, 16, 12)), {}, "closed"),
        (slot(at(1, 17, 10)), {}, "closed"),
        (slot(at(1, 11, 9, 15)), {}, "off_grid"),
        (slot(at(1, 11, 9, 0) + timedelta(microseconds=1)), {}, "off_grid"),
        (slot(at(1, 11, 9), 2 * HOUR), {}, "duration"),
        (slot(at(1, 11, 9), -HOUR), {}, "duration"),
        (slot(at(1, 8, 9)), {}, "lead_time"),
        (slot(at(1, 11, 9)), {"lead_time": timedelta(hours=20)}, None),
        (slot(at(1, 11, 9)), {"lead_time": timedelta(hours=20, seconds=1)}, "lead_time"),
        (slot(at(1, 11, 9)), {"horizon": timedelta(hours=20)}, None),
        (slot(at(1, 11, 9)), {"horizon": timedelta(hours=19, minutes=59)}, "horizon"),
    ],
)  # fmt: skip
def test_refusal_names_the_first_rule_that_is_broken(
    asked: Slot, changes: dict[str, object], reason: str | None
) -> None:
    assert rules.refusal(HARBOUR_HOUSE, ROOM_ONE_HOUR.model_copy(update=changes), asked, NOON_BEFORE) == reason


def test_offers_reach_from_the_lead_time_to_the_horizon_both_included() -> None:
    product = lasting(1, "hourly", lead_time=20 * HOUR, horizon=22 * HOUR)
    assert starts(HARBOUR_HOUSE, at(1, 11), at(1, 12), product) == ["Mon 11 09:00", "Mon 11 10:00", "Mon 11 11:00"]


@pytest.mark.parametrize(
    ("from_", "to", "reason"),
    [
        (at(1, 11), at(1, 12), None),
        (at(1, 11, 9), at(1, 11, 18), "off_grid"),
        (at(1, 11), at(1, 13), "duration"),
        (at(1, 17), at(1, 18), "closed"),
        (at(1, 10), at(1, 11), "lead_time"),
    ],
)  # fmt: skip
def test_refusal_of_days_names_the_rule(from_: datetime, to: datetime, reason: str | None) -> None:
    assert rules.refusal(HARBOUR_HOUSE, DESK_ONE_DAY, Slot(from_=from_, to=to), NOON_BEFORE) == reason


def test_a_day_is_offered_when_the_range_ends_after_its_midnight_at_a_time_of_the_day_before() -> None:
    """At 00:01 of 7 November 2010 the clocks of St. John's went back to 23:01 of the 6th."""
    venue = every_day("00:00", "24:00").model_copy(update={"timezone": "America/St_Johns"})
    since, midnight, until = (datetime.fromisoformat(f"2010-11-07T{clock}Z") for clock in ("01:00", "02:30", "03:00"))
    found = rules.starts(venue, lasting(1, "daily"), since, until)
    assert [begin for begin, _ in found] == [midnight]
