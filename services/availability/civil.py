"""Local days of a time zone as moments, and civil arithmetic on dates.

All arithmetic is done in UTC or on the wall, never across: a *wall* time is written as if it were UTC, `wall = moment +
offset`, so that adding to it is civil arithmetic without the traps of Python's folds.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from importlib import resources
from typing import NamedTuple
from zoneinfo import ZoneInfo

from contracts.catalogue import Duration

ONE_DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
DAYS_REMEMBERED = 8192
FARTHEST_OFFSET = timedelta(hours=18)  # no wall was ever farther from UTC; the farthest was Manila's, 15:56
# Two changes of the clock within so short a time would cancel each other unseen; the closest pair known is days apart.
SAMPLING = timedelta(hours=3)


class Piece(NamedTuple):
    """A half-open stretch of moments in which the wall shows one date and keeps one offset from UTC."""

    from_: datetime
    to: datetime
    offset: timedelta


@cache
def rules_of(zone: str) -> ZoneInfo:
    """The zone as the `tzdata` wheel knows it. What a machine knows would differ from worker to worker."""
    with resources.files("tzdata").joinpath("zoneinfo", *zone.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules, key=zone)


def wall(zone: str, moment: datetime) -> datetime:
    """What the wall shows at the moment."""
    return moment.astimezone(rules_of(zone)).replace(tzinfo=UTC, fold=0)


def wall_midnight(day: date) -> datetime:
    """The wall time 00:00 of the day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@lru_cache(DAYS_REMEMBERED)
def pieces(zone: str, day: date) -> tuple[Piece, ...]:
    """The moments of a local day, in order: mostly one piece, two when the clock changes, none for a day that was skipped."""
    midnight = wall_midnight(day)
    found = []
    for begin, end, offset in _offsets(zone, midnight - FARTHEST_OFFSET, midnight + ONE_DAY + FARTHEST_OFFSET):
        piece = Piece(max(begin, midnight - offset), min(end, midnight + ONE_DAY - offset), offset)
        if piece.from_ < piece.to:
            found.append(piece)
    return tuple(found)


def begin(zone: str, day: date) -> datetime:
    """The first moment of a local day: 00:00, or what the clock jumps to instead; of a skipped day, the next one's."""
    while not (known := pieces(zone, day)):
        day += ONE_DAY
    return known[0].from_


def end_date(first: date, duration: Duration) -> date:
    """The day after the last one, civil arithmetic: the same day of a later month, or its last one if it has none such.

    31 January and one month end on 28 or 29 February; 29 February and one year on 28 February.
    """
    match duration.type:
        case "daily":
            return first + timedelta(days=duration.value)
        case "weekly":
            return first + timedelta(weeks=duration.value)
        case "monthly":
            return _months_later(first, duration.value)
        case "yearly":
            return _months_later(first, 12 * duration.value)
        case "hourly":
            raise ValueError("hours are elapsed time, no civil arithmetic")


def _months_later(first: date, months: int) -> date:
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(year, month + 1, min(first.day, monthrange(year, month + 1)[1]))


def _offsets(zone: str, begin: datetime, end: datetime) -> list[Piece]:
    """From `begin` to `end`, each stretch in which the zone keeps one offset. zoneinfo has no list of changes: they are searched."""
    rules = rules_of(zone)

    def offset_at(moment: datetime) -> timedelta:
        return moment.astimezone(rules).utcoffset() or timedelta(0)

    found = []
    since, before, offset = begin, begin, offset_at(begin)
    while before < end:
        after = min(before + SAMPLING, end)
        if (now := offset_at(after)) != offset:
            low, high = before, after
            while high - low > SECOND:
                middle = low + (high - low) // SECOND // 2 * SECOND
                low, high = (middle, high) if offset_at(middle) == offset else (low, middle)
            found.append(Piece(since, high, offset))
            since, offset = high, now
        before = after
    found.append(Piece(since, end, offset))
    return found
