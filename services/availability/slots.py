"""The calendar of one space: who has which slot, which are free, and what is in the way of one.

Values in, values out; the time is an argument. What the house allows at all is in `rules`.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from contracts.availability import Taken
from contracts.catalogue import Product, Space, Venue
from contracts.model import Slot
from services.availability import rules


class Occupied(NamedTuple):
    """A slot somebody has: unit 1..n of the space, and from when to when the unit is taken with the buffers."""

    unit: int
    from_: datetime
    to: datetime
    blocked_from: datetime
    blocked_to: datetime
    committed: bool
    expires_at: datetime | None
    booking_id: str

    def counts(self, now: datetime) -> bool:
        """Whether it keeps others out: kept for good, or held; an overdue hold stops counting at its very moment."""
        return self.committed or (self.expires_at is not None and self.expires_at > now)


class Offer(NamedTuple):
    """A slot that may be asked for, and how many of the space's units are free in it."""

    from_: datetime
    to: datetime
    remaining: int
    units: int


def blocked(product: Product, slot: Slot) -> tuple[datetime, datetime]:
    """The slot with its buffers. Two slots get along exactly when these do not overlap: buffers of neighbours add up."""
    return slot.from_ - product.buffer_before, slot.to + product.buffer_after


def free_unit(
    units: int, blocked_from: datetime, blocked_to: datetime, others: Iterable[Occupied], now: datetime
) -> int | None:
    """The lowest of the space's units in which nothing that counts overlaps; None if there is none."""
    taken = {each.unit for each in _overlapping(blocked_from, blocked_to, others, now)}
    return next((unit for unit in range(1, units + 1) if unit not in taken), None)


def in_the_way(
    units: int, slot: Slot, blocked_from: datetime, blocked_to: datetime, others: Iterable[Occupied], now: datetime
) -> tuple[Taken, datetime | None]:
    """Why no unit is free, and until when if it is a hold.

    What overlaps the slot itself names the reason of a unit: `booked` by something kept for good, else `held`; `buffer` if
    only the buffers collide. A space of several units is `held` if one of them is, for that one may come free by itself.
    """
    reasons: dict[int, tuple[Taken, datetime | None]] = {}
    for each in _overlapping(blocked_from, blocked_to, others, now):
        if each.unit > units:
            continue
        reason, until = reasons.get(each.unit, ("buffer", None))
        if each.from_ < slot.to and slot.from_ < each.to and reason != "booked":
            if each.committed:
                reason, until = "booked", None
            elif each.expires_at is not None:
                reason, until = "held", max(until or each.expires_at, each.expires_at)
        reasons[each.unit] = reason, until
    if ends := [until for _, until in reasons.values() if until is not None]:
        return "held", min(ends)
    return ("booked" if ("booked", None) in reasons.values() else "buffer"), None


def _overlapping(
    blocked_from: datetime, blocked_to: datetime, others: Iterable[Occupied], now: datetime
) -> Iterator[Occupied]:
    for each in others:
        if each.blocked_from < blocked_to and blocked_from < each.blocked_to and each.counts(now):
            yield each


def offers(
    venue: Venue,
    space: Space,
    product: Product,
    from_: datetime,
    to: datetime,
    now: datetime,
    others: Iterable[Occupied],
    limit: int,
) -> list[Offer]:
    """The slots that begin in [from_, to), keep the rules of the house and have a free unit: the earliest `limit`, in order.

    `others` must hold whatever overlaps one of these slots with its buffers. Whether a slot is offered does not depend on the
    range asked for.
    """
    grid = rules.allowed(venue, product, from_, to, now)
    free = (
        Offer(begin, end, remaining, space.units)
        for begin, end, near in with_neighbours(grid, space, product, now, others)
        if (remaining := space.units - len({each.unit for each in near}))
    )
    return list(islice(free, limit))


def with_neighbours(
    grid: Iterable[tuple[datetime, datetime]],
    space: Space,
    product: Product,
    now: datetime,
    others: Iterable[Occupied],
) -> Iterator[tuple[datetime, datetime, list[Occupied]]]:
    """Each of these slots, which come in order, with what counts and overlaps it with its buffers."""
    counting = (each for each in others if each.unit <= space.units and each.counts(now))
    coming = sorted(counting, key=attrgetter("blocked_from"))
    near: list[Occupied] = []
    seen = 0
    for begin, end in grid:
        blocked_from, blocked_to = begin - product.buffer_before, end + product.buffer_after
        while seen < len(coming) and coming[seen].blocked_from < blocked_to:
            near.append(coming[seen])
            seen += 1
        if near:
            near = [each for each in near if each.blocked_to > blocked_from]
        yield begin, end, near
