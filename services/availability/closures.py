"""Whom a new closure hits. Pure."""

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta

from contracts.catalogue import Closure, Venue
from contracts.closures import AffectedBooking
from contracts.model import Slot
from services.availability import civil
from services.availability.domain import Holding

MOST_TOLD = 100


def affected(
    before: Venue, venue: Venue, live: Iterable[Holding], now: datetime
) -> tuple[tuple[AffectedBooking, ...], bool]:
    """Who has a slot on a day that is newly closed, the earliest first, and whether there are more than are told.

    `live`: the slots of the venue's spaces. What is over, and a hold whose time has run out, is not hit.
    """
    new = [closure for closure in venue.closures if closure not in before.closures]
    spans = [_moments(closure, venue.timezone) for closure in new]
    hit = sorted(
        (each.at.from_, each.at.booking_id, each)
        for each in live
        if each.state != "RELEASED" and each.at.to > now and each.at.counts(now)
        if any(each.at.from_ < end and begin < each.at.to for begin, end in spans)
    )
    told = tuple(
        AffectedBooking(id=id_, space_id=each.space_id, slot=Slot(from_=from_, to=each.at.to))
        for from_, id_, each in hit[:MOST_TOLD]
    )
    return told, len(hit) > MOST_TOLD


def reach(closure: Closure) -> tuple[datetime, datetime]:
    """From when to when the closure may last, in whatever time zone."""
    begin, end = (datetime.combine(day, time(), UTC) for day in (closure.from_, closure.to))
    return begin - civil.FARTHEST_OFFSET, end + civil.ONE_DAY + civil.FARTHEST_OFFSET


def _moments(closure: Closure, zone: str) -> tuple[datetime, datetime]:
    return civil.begin(zone, closure.from_), civil.begin(zone, closure.to + timedelta(days=1))
