"""Every time zone's changes of the clock: what is skipped is not offered, what is repeated is offered twice."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta
from importlib import resources
from itertools import pairwise

import pytest

from contracts.catalogue import OpeningHours, Venue
from contracts.examples import DESK_ONE_DAY, HARBOUR_HOUSE, ROOM_ONE_HOUR
from services.availability import civil, rules

YEAR = 2027
ZONES = sorted(resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split())
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
QUARTER = timedelta(minutes=15)
HOURLY = ROOM_ONE_HOUR.model_copy(update={"start_step": QUARTER})
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def always_open(zone: str) -> Venue:
    spans = tuple(OpeningHours(day=day, open="00:00", close="24:00") for day in DAYS)
    return HARBOUR_HOUSE.model_copy(update={"timezone": zone, "opening_hours": spans, "closures": ()})


def changes(zone: str, year: int) -> list[tuple[datetime, timedelta]]:
    """When the zone's clock is changed in the year, to the minute, and by how much."""
    rules_of_zone, found = civil.rules_of(zone), []
    moment = datetime(year, 1, 1, tzinfo=UTC)
    offset = moment.astimezone(rules_of_zone).utcoffset()
    while moment.year == year:
        following = moment + 6 * HOUR
        after = following.astimezone(rules_of_zone).utcoffset()
        if after != offset:
            assert offset is not None
            assert after is not None
            changed = next(
                minute
                for minute in (moment + timedelta(minutes=n) for n in range(361))
                if minute.astimezone(rules_of_zone).utcoffset() != offset
            )
            found.append((changed, after - offset))
        moment, offset = following, after
    return found


def times_shown(zone: str, wall: datetime) -> int:
    """How often the clock of the zone shows a wall time: 0, 1 or 2."""
    shown = {wall.replace(tzinfo=civil.rules_of(zone), fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sum(moment.astimezone(civil.rules_of(zone)).replace(tzinfo=None) == wall for moment in shown)


def check_hours_around(zone: str, changed: datetime) -> None:
    """Around the clock, a start each quarter of an hour: exactly the quarters that the wall shows, as often as it does."""
    found = [
        begin for begin, _ in rules.allowed(always_open(zone), HOURLY, changed - DAY, changed + DAY, changed - DAY)
    ]
    assert found == sorted(set(found))
    assert len(found) == 2 * DAY / QUARTER
    walls = Counter(begin.astimezone(civil.rules_of(zone)).replace(tzinfo=None, fold=0) for begin in found)
    first = changed.astimezone(civil.rules_of(zone)).replace(tzinfo=None, minute=0) - DAY / 2
    quarters = [first + n * QUARTER for n in range(DAY // QUARTER)]
    assert {wall: walls[wall] for wall in quarters} == {wall: times_shown(zone, wall) for wall in quarters}


def check_days_around(zone: str, changed: datetime, by: timedelta) -> None:
    """Days follow each other without a gap, from the first moment of each date, each as long as the clock makes it."""
    venue, since = always_open(zone), changed - 3 * DAY
    found = list(rules.allowed(venue, DESK_ONE_DAY, since, changed + 2 * DAY, since))
    assert all(end == following for (_, end), (following, _) in pairwise(found))
    assert [end - begin for begin, end in found if end - begin != DAY] == [DAY - by]
    for begin, _ in found:
        before, first = ((begin - n * SECOND).astimezone(civil.rules_of(zone)).replace(tzinfo=None) for n in (1, 0))
        midnight = datetime.combine(first, time())
        assert before.date() < first.date()
        assert (times_shown(zone, midnight) > 0) == (first == midnight)


@pytest.mark.parametrize("zone", ZONES)
def test_each_change_of_the_clock_is_offered_as_the_wall_shows_it(zone: str) -> None:
    for changed, by in changes(zone, YEAR):
        check_hours_around(zone, changed)
        check_days_around(zone, changed, by)


@pytest.mark.parametrize(
    ("zone", "year"),
    [
        ("America/St_Johns", 2010),  # set back from 00:01 to 23:01 of the day before: two dates in turns
        ("America/Scoresbysund", 2024),  # changed the offset and the rule on one day
        ("Asia/Amman", 2021),  # no midnight on the day of spring
        ("Antarctica/Troll", 2027),  # two hours at once
    ],
)
def test_odd_changes_of_the_past_are_offered_as_the_wall_showed_them(zone: str, year: int) -> None:
    assert changes(zone, year)
    for changed, by in changes(zone, year):
        check_hours_around(zone, changed)
        check_days_around(zone, changed, by)


def test_a_day_that_was_skipped_is_not_offered() -> None:
    """Samoa went from 29 to 31 December 2011."""
    since = datetime(2011, 12, 29, tzinfo=civil.rules_of("Pacific/Apia")).astimezone(UTC)
    found = list(rules.allowed(always_open("Pacific/Apia"), DESK_ONE_DAY, since, since + 2 * DAY, since))
    assert found == [(since, since + DAY), (since + DAY, since + 2 * DAY)]
    assert [begin.astimezone(civil.rules_of("Pacific/Apia")).day for begin, _ in found] == [29, 31]
