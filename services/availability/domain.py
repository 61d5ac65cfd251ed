"""Who has a slot. Pure: what is held, a command and the database's time in; what is held then, and what follows, out.

A hold past its end does not count from that very moment: the next who asks takes the slot, and the former owner is told. The
timer that comes later only tells those whom nobody has followed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from contracts.availability import (
    CommitSlot,
    ExpireHold,
    ExtendRefused,
    ExtendSlot,
    HoldSlot,
    MoveRefused,
    MoveSlot,
    ProductOffer,
    RefusedReason,
    ReleaseSlot,
    SlotCommitted,
    SlotExtended,
    SlotHeld,
    SlotLost,
    SlotMoved,
    SlotRefused,
    SlotReleased,
    SpaceOffer,
)
from contracts.catalogue import Product, Space, Venue
from services.availability import rules, slots
from services.availability.refusals import slot_refused
from services.availability.slots import Occupied

MOST_RIVALS = 48  # overdue holds that one command may displace: each is told, and outputs are bounded


class House(NamedTuple):
    """What the catalogue has of what is asked for; None for what it has not."""

    venue: Venue | None
    space: Space | None
    product: Product | None
    offered: bool  # the product is sold in the space


class Holding(NamedTuple):
    """A booking's slot. `revision` is that of the row as loaded, 0 for a new one."""

    organisation: str
    space_id: str
    product_id: str
    at: Occupied
    state: Literal["HELD", "COMMITTED", "RELEASED"]
    held_at: datetime
    hold: timedelta
    expires_at: datetime
    lapsed: bool = False
    revision: int = 0
    moved: bool = False  # by this batch: it stands in another place than its row

    def released(self, *, lapsed: bool) -> "Holding":
        return self._replace(state="RELEASED", lapsed=lapsed)

    def committed(self, unit: int) -> "Holding":
        return self._replace(state="COMMITTED", lapsed=False, at=self.at._replace(unit=unit, committed=True))


class Timer(NamedTuple):
    """An ExpireHold for the delay topic of this length."""

    expire: ExpireHold
    length: timedelta


Event = (
    SlotHeld
    | SlotRefused
    | SlotCommitted
    | SlotLost
    | SlotReleased
    | SlotExtended
    | ExtendRefused
    | SlotMoved
    | MoveRefused
)


@dataclass(frozen=True, slots=True)
class Decision:
    """The holdings that change, and what follows, in order."""

    changed: tuple[Holding, ...] = ()
    outputs: tuple[Event | Timer, ...] = ()


def hold(
    house: House,
    mine: Holding | None,
    others: Iterable[Holding],
    organisation: str,
    command: HoldSlot,
    now: datetime,
    default_hold: timedelta,
) -> Decision:
    """Hold the slot, or say what is in the way. `others` are the live holdings of the space that may overlap."""
    reason = _wrong_with(house, mine, command, now)
    if reason is not None:
        return Decision(outputs=(slot_refused(command, reason),))
    venue, space, product, _ = house
    assert venue is not None
    assert space is not None
    assert product is not None
    others = list(others)
    occupied = [other.at for other in others]
    blocked_from, blocked_to = slots.blocked(product, command.slot)
    unit = slots.free_unit(space.units, blocked_from, blocked_to, occupied, now)
    if unit is None:
        taken, until = slots.in_the_way(space.units, command.slot, blocked_from, blocked_to, occupied, now)
        return Decision(outputs=(slot_refused(command, taken, until),))
    displaced = overdue(others, unit, blocked_from, blocked_to)
    if len(displaced) > MOST_RIVALS:
        return Decision(outputs=(slot_refused(command, "held", now),))
    length = timedelta(minutes=product.hold_minutes) if product.hold_minutes else default_hold
    ends = now + length
    holding = Holding(
        organisation,
        command.space_id,
        command.product_id,
        Occupied(unit, command.slot.from_, command.slot.to, blocked_from, blocked_to, False, ends, command.booking_id),
        "HELD",
        now,
        length,
        ends,
    )
    held = SlotHeld(
        booking_id=command.booking_id,
        question=command.question,
        slot=command.slot,
        held_at=now,
        expires_at=ends,
        product=ProductOffer(
            id=product.id,
            name=product.name,
            price=product.price,
            currency=product.currency,
            cancellation_policy=product.cancellation_policy,
            late_payment=product.late_payment,
            payment_expired=product.payment_expired,
        ),
        space=SpaceOffer(id=space.id, name=space.name, venue_id=space.venue_id),
    )
    return displacing(displaced, holding, held, _timer(holding))


def commit(
    house: House, mine: Holding | None, others: Iterable[Holding], command: CommitSlot, now: datetime
) -> Decision:
    """The deadline rule: accepted before the hold's end, and the slot is its own still, or free again.

    A slot that is to be had again, because it was paid late, has no deadline; but its space must be on sale.
    """
    answer = SlotCommitted(booking_id=command.booking_id, question=command.question)
    if mine is None:
        return Decision(outputs=(lost(command, "unknown"),))
    if mine.state == "COMMITTED":
        return Decision(outputs=(answer,))
    in_time = command.accepted_at < mine.expires_at
    if mine.state == "HELD":
        if in_time:
            return Decision((mine.committed(mine.at.unit),), (answer,))
        return too_late(mine, command, now)
    may_return = house.space is not None if command.reacquire else in_time and mine.lapsed
    if not may_return:
        return Decision(outputs=(lost(command, "expired"),))
    others = list(others)
    units = house.space.units if house.space else mine.at.unit
    spans = (mine.at.blocked_from, mine.at.blocked_to)
    unit = slots.free_unit(units, *spans, [other.at for other in others], now)
    displaced = [] if unit is None else overdue(others, unit, *spans)
    if unit is None or len(displaced) > MOST_RIVALS:
        return Decision(outputs=(lost(command, "resold"),))
    return displacing(displaced, mine.committed(unit), answer)


def release(mine: Holding | None, command: ReleaseSlot) -> Decision:
    """Give the slot back; that it was free already is no reason not to answer."""
    released = SlotReleased(booking_id=command.booking_id, reason="released", question=command.question)
    if mine is None or mine.state == "RELEASED":
        # What lapsed and was then cancelled may not be taken again by a confirm that comes late.
        gone = (mine.released(lapsed=False),) if mine is not None and mine.lapsed else ()
        return Decision(gone, (released,))
    return Decision((mine.released(lapsed=False),), (released,))


def extend(mine: Holding | None, command: ExtendSlot, now: datetime, cap: timedelta) -> Decision:
    """Another full length from now, up to `cap` in all, which is never less than one hold; accepted before the hold's end and the slot its own still."""
    if mine is None:
        return Decision(outputs=(lost(command, "unknown"),))
    if mine.state == "COMMITTED":
        return Decision(outputs=(_not_extended(command, "committed", "The slot is kept for good already."),))
    if mine.state == "RELEASED":
        return Decision(outputs=(lost(command, "expired"),))
    if command.accepted_at >= mine.expires_at:
        return too_late(mine, command, now)
    ends, most = now + mine.hold, max(cap, mine.hold)
    if ends > mine.held_at + most:
        words = f"A slot may be held for {most.total_seconds() / 60:g} minutes in all."
        return Decision(outputs=(_not_extended(command, "cap", words),))
    longer = mine._replace(expires_at=ends, at=mine.at._replace(expires_at=ends))
    extended = SlotExtended(booking_id=command.booking_id, question=command.question, expires_at=ends)
    return Decision((longer,), (extended, _timer(longer)))


def expire(mine: Holding | None, command: ExpireHold, now: datetime, shortest: timedelta) -> Decision:
    """Release what is still only held. One that comes early waits again: nothing blocks the queue of commands."""
    if mine is None or mine.state != "HELD" or mine.expires_at != command.expires_at:
        return Decision()
    if now < mine.expires_at:
        return Decision(outputs=(Timer(command, shortest),))
    return Decision((mine.released(lapsed=True),), (_expired(mine),))


def too_late(mine: Holding, command: CommitSlot | ExtendSlot | MoveSlot, now: datetime) -> Decision:
    """Lost; and released, unless the broker's clock is ahead of ours: a hold never ends before its time here."""
    gone = (mine.released(lapsed=True),) if now >= mine.expires_at else ()
    return Decision(gone, (lost(command, "expired"),))


def _wrong_with(house: House, mine: Holding | None, command: HoldSlot, now: datetime) -> RefusedReason | None:
    venue, space, product, offered = house
    if product is None:
        return "unknown_product"
    if space is None or venue is None:
        return "unknown_space"
    if not offered or product.category != "booking":
        return "not_offered"
    if mine is not None:  # a booking asks once; whoever asks again under its id is not booking
        return "internal"
    return rules.refusal(venue, product, command.slot, now)


def overdue(others: Iterable[Holding], unit: int, blocked_from: datetime, blocked_to: datetime) -> list[Holding]:
    """Those who still stand in the unit's rows: the unit is free, so their time has run out."""
    return [
        other
        for other in others
        if other.at.unit == unit and other.at.blocked_from < blocked_to and blocked_from < other.at.blocked_to
    ]


def displacing(displaced: list[Holding], holding: Holding, *outputs: Event | Timer) -> Decision:
    """The holding takes their place, and they are told first."""
    gone = tuple(other.released(lapsed=True) for other in displaced)
    return Decision((*gone, holding), (*(_expired(other) for other in displaced), *outputs))


def _timer(holding: Holding) -> Timer:
    expire = ExpireHold(booking_id=holding.at.booking_id, space_id=holding.space_id, expires_at=holding.expires_at)
    return Timer(expire, holding.hold)


def _expired(holding: Holding) -> SlotReleased:
    return SlotReleased(booking_id=holding.at.booking_id, reason="expired")


def lost(command: CommitSlot | ExtendSlot | MoveSlot, reason: Literal["expired", "resold", "unknown"]) -> SlotLost:
    """The answer to a question about a hold that is over."""
    return SlotLost(booking_id=command.booking_id, question=command.question, reason=reason)


def _not_extended(command: ExtendSlot, reason: Literal["cap", "committed"], message: str) -> ExtendRefused:
    return ExtendRefused(booking_id=command.booking_id, question=command.question, reason=reason, message=message)
