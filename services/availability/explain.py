"""Why the rest is not offered: every slot of the grid in a range, either on offer or with what is in its way. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from contracts.availability import RefusedReason
from contracts.catalogue import Product, Space, Venue
from contracts.model import Slot
from services.availability import rules, slots
from services.availability.slots import Occupied, Offer


class Unavailable(NamedTuple):
    """A span that cannot be booked now: a slot of the grid, or a time when the house is closed."""

    from_: datetime
    to: datetime
    reason: RefusedReason
    until: datetime | None = None


def explained(
    venue: Venue,
    space: Space,
    product: Product,
    from_: datetime,
    to: datetime,
    now: datetime,
    others: Iterable[Occupied],
) -> Iterator[Offer | Unavailable]:
    """Each slot of the grid that begins in [from_, to), in order.

    The reasons are those with which a booking of the slot would be refused. `others` as for `slots.offers`.
    """
    grid = rules.starts(venue, product, from_, to)
    for begin, end, near in slots.with_neighbours(grid, space, product, now, others):
        slot = Slot.model_construct(from_=begin, to=end)  # judged by nobody: it comes from the grid
        if (reason := rules.refusal(venue, product, slot, now)) is not None:
            yield Unavailable(begin, end, reason)
        elif remaining := space.units - len({each.unit for each in near}):
            yield Offer(begin, end, remaining, space.units)
        else:
            yield Unavailable(
                begin, end, *slots.in_the_way(space.units, slot, *slots.blocked(product, slot), near, now)
            )


def closed(venue: Venue, product: Product, from_: datetime, to: datetime) -> list[Unavailable]:
    """The times between the openings, where the grid shows nothing."""
    return [Unavailable(begin, end, "closed") for begin, end in rules.closed(venue, product, from_, to)]
