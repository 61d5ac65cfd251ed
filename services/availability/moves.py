"""A booking's slot changes its place within the space. Pure, as `domain` is.

What was sold stays sold: the booking keeps its product, even one that went off sale meanwhile, its price and the end of its
hold. The rules of the house for the new slot are those of a new booking, as they are now.
"""

from collections.abc import Iterable
from datetime import datetime

from contracts.availability import MoveSlot, RefusedReason, SlotMoved
from contracts.catalogue import Product
from services.availability import rules, slots
from services.availability.domain import MOST_RIVALS, Decision, Holding, House, displacing, lost, overdue, too_late
from services.availability.refusals import move_refused


def move(
    house: House,
    sold: Product | None,
    mine: Holding | None,
    others: Iterable[Holding],
    command: MoveSlot,
    now: datetime,
) -> Decision:
    """Take the new slot and leave the old one, or leave everything as it is and say what is in the way.

    `sold` is the product of the booking, on sale or not. A hold must have been moved before its end, as with `extend`.
    """
    if mine is None:
        return Decision(outputs=(lost(command, "unknown"),))
    if mine.state == "RELEASED":
        return Decision(outputs=(lost(command, "expired"),))
    if mine.state == "HELD" and command.accepted_at >= mine.expires_at:
        return too_late(mine, command, now)
    answer = SlotMoved(booking_id=command.booking_id, question=command.question, slot=command.slot)
    if (command.slot.from_, command.slot.to) == (mine.at.from_, mine.at.to):
        return Decision(outputs=(answer,))
    venue, space = house.venue, house.space
    if sold is None:
        return _refused(command, "unknown_product")
    if space is None or venue is None or command.space_id != mine.space_id:
        return _refused(command, "unknown_space")
    reason = rules.refusal(venue, sold, command.slot, now)
    if reason is not None:
        return _refused(command, reason)
    others = [other for other in others if other.at.booking_id != mine.at.booking_id]
    occupied = [other.at for other in others]
    blocked_from, blocked_to = slots.blocked(sold, command.slot)
    unit = slots.free_unit(space.units, blocked_from, blocked_to, occupied, now)
    if unit is None:
        taken, until = slots.in_the_way(space.units, command.slot, blocked_from, blocked_to, occupied, now)
        return _refused(command, taken, until)
    displaced = overdue(others, unit, blocked_from, blocked_to)
    if len(displaced) > MOST_RIVALS:
        return _refused(command, "held", now)
    at = mine.at._replace(
        unit=unit, from_=command.slot.from_, to=command.slot.to, blocked_from=blocked_from, blocked_to=blocked_to
    )
    return displacing(displaced, mine._replace(at=at, moved=True), answer)


def _refused(command: MoveSlot, reason: RefusedReason, until: datetime | None = None) -> Decision:
    return Decision(outputs=(move_refused(command, reason, until),))
