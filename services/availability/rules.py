"""The rules of the house: which slots may be asked for, whoever else has asked.

A start is on the grid when whole steps (`startStep`, by default the duration) have passed on the wall since the latest
opening. Spans that touch are one opening if they open on the same day; each day opens anew, so 00:00-24:00 daily is open
without a break while its grid begins again at each midnight. Days and longer begin at a local midnight, every `startStep`
(whole days, by default one) counted from a Monday.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from contracts.availability import RefusedReason
from contracts.catalogue import Product, Venue
from contracts.model import LATEST, Slot
from services.availability import civil, opening
from services.availability.civil import ONE_DAY
from services.availability.opening import Hours

NEVER = datetime.max.replace(tzinfo=UTC)


def refusal(venue: Venue, product: Product, slot: Slot, now: datetime) -> RefusedReason | None:
    """The first rule of the house that the slot breaks, whoever else has asked; None if it breaks none.

    A slot of the past breaks `lead_time`. The two bounds in time come first, so that no far-off day is ever worked out.
    """
    if slot.from_ < now + product.lead_time:
        return "lead_time"
    if slot.from_ > now + product.horizon:
        return "horizon"
    if product.metadata.duration.type == "hourly":
        return _refusal_of_hours(opening.hours_of(venue), product, slot)
    return _refusal_of_days(opening.hours_of(venue), product, slot)


def _refusal_of_hours(hours: Hours, product: Product, slot: Slot) -> RefusedReason | None:
    length = timedelta(hours=product.metadata.duration.value)
    if slot.to - slot.from_ != length:
        return "duration"
    if not opening.is_open(hours, slot.from_, slot.to):
        return "closed"
    wall = civil.wall(hours.zone, slot.from_)
    on_grid = opening.local_day(hours, wall.date()).on_grid(wall, product.start_step or length)
    return None if on_grid else "off_grid"


def _refusal_of_days(hours: Hours, product: Product, slot: Slot) -> RefusedReason | None:
    first = civil.wall(hours.zone, slot.from_).date()
    if slot.from_ != civil.begin(hours.zone, first) or not _begins_a_step(first, product):
        return "off_grid"
    end = civil.end_date(first, product.metadata.duration)
    if slot.to != civil.begin(hours.zone, end):
        return "duration"
    return None if hours.open_throughout(first, end) else "closed"


def _begins_a_step(day: date, product: Product) -> bool:
    days = 1 if product.start_step is None else -(-product.start_step // ONE_DAY)
    return (day.toordinal() - 1) % days == 0  # the ordinal 1 was a Monday


def longest(product: Product) -> timedelta:
    """At least as long as any slot of the product, whatever months it spans and clocks it meets."""
    days = {"daily": 1, "weekly": 7, "monthly": 31, "yearly": 366}
    duration = product.metadata.duration
    if duration.type == "hourly":
        return timedelta(hours=duration.value)
    return duration.value * timedelta(days=days[duration.type]) + 2 * ONE_DAY


def allowed(
    venue: Venue, product: Product, from_: datetime, to: datetime, now: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """What `refusal` accepts in [from_, to), in order."""
    low = max(from_, now + product.lead_time).astimezone(UTC)
    high = min(to, now + product.horizon + timedelta.resolution).astimezone(UTC)
    if low >= high:
        return iter(())
    hours = opening.hours_of(venue)
    if product.metadata.duration.type == "hourly":
        return _hours(hours, product, low, high)
    return _days(hours, product, low, high)


def starts(venue: Venue, product: Product, from_: datetime, to: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Every slot of the grid that begins in [from_, to), in order, whether or not `refusal` accepts it.

    The grid of hours is shown while the house is open only: what the closed times hide is `closed`.
    """
    hours = opening.hours_of(venue)
    low, high = from_.astimezone(UTC), to.astimezone(UTC)
    if product.metadata.duration.type == "hourly":
        return _hours(hours, product, low, high, fitting=False)
    return _days(hours, product, low, high, fitting=False)


def closed(venue: Venue, product: Product, from_: datetime, to: datetime) -> Iterator[tuple[datetime, datetime]]:
    """When the house is closed between the two moments, for what is sold by the hour; days are closed as a whole."""
    if product.metadata.duration.type != "hourly":
        return
    since = from_.astimezone(UTC)
    days = opening.local_days(opening.hours_of(venue), from_, to)
    for opens, closes in opening.touching_as_one(stretch for day in days for stretch in day.open):
        if closes > since:
            if opens >= to:
                break
            if since < opens:
                yield since, opens
            since = closes
    if since < to:
        yield since, to.astimezone(UTC)


def _hours(
    hours: Hours, product: Product, low: datetime, high: datetime, *, fitting: bool = True
) -> Iterator[tuple[datetime, datetime]]:
    """`fitting`: only those that end before the house closes."""
    length = timedelta(hours=product.metadata.duration.value)
    step = product.start_step or length
    days = opening.local_days(hours, low, high + length)
    stretches = iter(opening.touching_as_one(stretch for day in days for stretch in day.open))
    opens, closes = next(stretches, (NEVER, NEVER))
    # Piece by piece, not day by day: a clock set back across midnight shows two dates in turns.
    for (begin, end, offset), openings in sorted((piece, day.openings) for day in days for piece in day.pieces):
        earliest, last = max(begin, low) + offset, min(end, high) + offset
        for first, following in pairwise((*openings, last)):
            wall = first + max(0, -((first - earliest) // step)) * step
            while wall < min(following, last):
                moment = wall - offset
                while closes <= moment:
                    opens, closes = next(stretches, (NEVER, NEVER))
                if opens <= moment and (moment + length <= closes or not fitting):
                    yield moment, moment + length
                wall += step


def _days(
    hours: Hours, product: Product, low: datetime, high: datetime, *, fitting: bool = True
) -> Iterator[tuple[datetime, datetime]]:
    """`fitting`: only those whose days are all open."""
    # One more: the wall may have shown a date whose midnight lies in the range, and have gone back to the date before.
    day, last = civil.wall(hours.zone, low).date(), civil.wall(hours.zone, high).date() + ONE_DAY
    while day <= last:
        begin = civil.begin(hours.zone, day)
        if low <= begin < high and civil.pieces(hours.zone, day) and _begins_a_step(day, product):
            end_date = civil.end_date(day, product.metadata.duration)
            end = civil.begin(hours.zone, end_date)
            # No slot that ends after LATEST can be asked for.
            if (not fitting or hours.open_throughout(day, end_date)) and end <= LATEST:
                yield begin, end
        day += ONE_DAY
