"""When a house is open: its opening hours as moments, one local day at a time.

A moment is open exactly when the clock on the wall says so: a local time that the clock skips is never open, one that it
shows twice is open twice. A span past midnight belongs to the day it opens on: a closure of that day cancels it, a closure
of the next one cuts it at midnight.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple, TypeVar, get_args

from contracts.catalogue import Day, Venue
from services.availability import civil
from services.availability.civil import ONE_DAY, Piece

T = TypeVar("T", timedelta, datetime)
WEEKDAYS: tuple[str, ...] = get_args(Day)
VENUES_REMEMBERED = 1024
DAYS_REMEMBERED = 8192  # 90 days of 90 venues, about 8 MB


class LocalDay(NamedTuple):
    """One date of one venue: its pieces, its open stretches in order, and the wall times of the openings that count on it."""

    pieces: tuple[Piece, ...]
    open: tuple[tuple[datetime, datetime], ...]
    openings: tuple[datetime, ...]

    def on_grid(self, wall: datetime, step: timedelta) -> bool:
        """Whether whole steps have passed on the wall since the latest opening."""
        latest = bisect_right(self.openings, wall) - 1
        return latest >= 0 and not (wall - self.openings[latest]) % step


@dataclass(frozen=True, eq=False, slots=True)
class Hours:
    """What a venue says of its opening, ready to be asked. Compared by identity: caches need not hash 1,000 closures.

    `week` holds each weekday's spans as times since its midnight, touching ones as one, the last one perhaps past 24 h.
    `closed_from` and `closed_to` are the closures in order, none touching another, both days included.
    """

    zone: str
    week: tuple[tuple[tuple[timedelta, timedelta], ...], ...]
    closed_from: tuple[date, ...]
    closed_to: tuple[date, ...]

    def open_throughout(self, first: date, end: date) -> bool:
        """Whether each day from `first` to the one before `end` has opening hours and no closure."""
        days = min((end - first).days, 7)
        return all(self.week[(first.weekday() + n) % 7] for n in range(days)) and not self.closed(first, end)

    def spans(self, day: date) -> list[tuple[datetime, datetime]]:
        """The spans that open on the day, on the wall; the last one may end on the next day."""
        if self.closed(day, day + ONE_DAY):
            return []
        midnight = civil.wall_midnight(day)
        return [(midnight + begin, midnight + end) for begin, end in self.week[day.weekday()]]

    def closed(self, first: date, end: date) -> bool:
        """Whether a closure touches a day from `first` to the one before `end`."""
        begun = bisect_right(self.closed_from, end - ONE_DAY)
        return begun > 0 and self.closed_to[begun - 1] >= first


@lru_cache(DAYS_REMEMBERED)
def local_day(hours: Hours, day: date) -> LocalDay:
    """One date of the venue."""
    midnight = civil.wall_midnight(day)
    own = hours.spans(day)
    over_night = [(begin, end) for begin, end in hours.spans(day - ONE_DAY) if end > midnight]
    if hours.closed(day, day + ONE_DAY):
        over_night = []
    pieces = civil.pieces(hours.zone, day)
    stretches = (
        (max(begin - piece.offset, piece.from_), min(end - piece.offset, piece.to))
        for begin, end in over_night + own
        for piece in pieces
    )
    return LocalDay(
        pieces,
        touching_as_one(stretch for stretch in stretches if stretch[0] < stretch[1]),
        tuple(begin for begin, _ in over_night + own),
    )


def local_days(hours: Hours, from_: datetime, to: datetime) -> list[LocalDay]:
    """Every date the wall shows from one moment to the other, and one more on each side, where the clock may go back to."""
    first, last = civil.wall(hours.zone, from_).date() - ONE_DAY, civil.wall(hours.zone, to).date() + ONE_DAY
    return [local_day(hours, first + timedelta(days=n)) for n in range((last - first).days + 1)]


def is_open(hours: Hours, from_: datetime, to: datetime) -> bool:
    """Whether the house is open from one moment to the other without a break."""
    for begin, end in local_day(hours, civil.wall(hours.zone, from_).date()).open:
        if begin <= from_ and to <= end:
            return True
    stretches = touching_as_one(stretch for day in local_days(hours, from_, to) for stretch in day.open)
    return any(begin <= from_ and to <= end for begin, end in stretches)


_known: dict[int, tuple[Venue, Hours]] = {}


def hours_of(venue: Venue) -> Hours:
    """The venue's opening hours; equal ones are the same object as long as they are remembered."""
    known = _known.get(id(venue))
    if known is None:
        if len(_known) >= VENUES_REMEMBERED:
            _known.clear()
        spans = tuple((each.day, each.open, each.close) for each in venue.opening_hours)
        closures = tuple((each.from_, each.to) for each in venue.closures)
        # The venue is kept beside its hours: while it lives, its id belongs to no other object.
        known = _known[id(venue)] = (venue, _hours(venue.timezone, spans, closures))
    return known[1]


@lru_cache(VENUES_REMEMBERED)
def _hours(zone: str, spans: tuple[tuple[str, str, str], ...], closures: tuple[tuple[date, date], ...]) -> Hours:
    week: list[list[tuple[timedelta, timedelta]]] = [[] for _ in WEEKDAYS]
    for day, opens, closes in spans:
        begin, end = _since_midnight(opens), _since_midnight(closes)
        week[WEEKDAYS.index(day)].append((begin, end if end > begin else end + ONE_DAY))
    closed: list[tuple[date, date]] = []
    for first, last in sorted(closures):
        if closed and first <= closed[-1][1]:
            closed[-1] = (closed[-1][0], max(closed[-1][1], last))
        else:
            closed.append((first, last))
    return Hours(
        zone,
        tuple(touching_as_one(spans_of_day) for spans_of_day in week),
        tuple(first for first, _ in closed),
        tuple(last for _, last in closed),
    )


def _since_midnight(clock: str) -> timedelta:
    return timedelta(hours=int(clock[:2]), minutes=int(clock[3:]))


def touching_as_one(spans: Iterable[tuple[T, T]]) -> tuple[tuple[T, T], ...]:
    """The spans in order; those that touch or overlap have become one."""
    merged: list[tuple[T, T]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return tuple(merged)
