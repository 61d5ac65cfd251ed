"""Harbour House's slots without a database: what a batch knows, folded command by command as the handlers do."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from contracts.availability import CommitSlot, ExpireHold, ExtendSlot, HoldSlot, MoveSlot, ReleaseSlot
from contracts.catalogue import Product, Space
from contracts.examples import HARBOUR_HOUSE, HOLD, LIGHTHOUSE, MONDAY_TEN, NOON_BEFORE, ORGANISATION, ROOM_ONE_HOUR
from contracts.model import Slot
from services.availability import domain, moves, slots
from services.availability.books import Books
from services.availability.domain import Decision, Holding, Timer
from services.availability.slots import Occupied

CAP = timedelta(minutes=40)
SHORTEST = timedelta(minutes=5)
TICK = timedelta(microseconds=1)
ENDS = NOON_BEFORE + HOLD

Command = HoldSlot | CommitSlot | ReleaseSlot | ExtendSlot | MoveSlot | ExpireHold


def booking(number: int) -> str:
    return f"5ea00000-0000-4000-8000-{number:012d}"


def question(number: int) -> str:
    return f"5ea00000-0000-4000-8001-{number:012d}"


ADA, BOB, CAT = booking(1), booking(2), booking(3)


def hold(who: str, slot: Slot = MONDAY_TEN, space: Space = LIGHTHOUSE, product: Product = ROOM_ONE_HOUR) -> HoldSlot:
    return HoldSlot(booking_id=who, question=question(1), product_id=product.id, space_id=space.id, slot=slot)


def commit(who: str, accepted_at: datetime) -> CommitSlot:
    return CommitSlot(booking_id=who, question=question(2), space_id=LIGHTHOUSE.id, accepted_at=accepted_at)


def release(who: str) -> ReleaseSlot:
    return ReleaseSlot(booking_id=who, question=question(3), space_id=LIGHTHOUSE.id)


def extend(who: str, accepted_at: datetime) -> ExtendSlot:
    return ExtendSlot(booking_id=who, question=question(4), space_id=LIGHTHOUSE.id, accepted_at=accepted_at)


def move(who: str, slot: Slot, accepted_at: datetime = NOON_BEFORE, space: Space = LIGHTHOUSE) -> MoveSlot:
    return MoveSlot(booking_id=who, question=question(5), space_id=space.id, slot=slot, accepted_at=accepted_at)


def expire(who: str, expires_at: datetime = ENDS) -> ExpireHold:
    return ExpireHold(booking_id=who, space_id=LIGHTHOUSE.id, expires_at=expires_at)


def held(who: str, slot: Slot = MONDAY_TEN, at: datetime = NOON_BEFORE, unit: int = 1) -> Holding:
    """A hold as it is written, of a product without buffers."""
    span = Occupied(unit, slot.from_, slot.to, slot.from_, slot.to, False, at + HOLD, who)
    return Holding(ORGANISATION, LIGHTHOUSE.id, ROOM_ONE_HOUR.id, span, "HELD", at, HOLD, at + HOLD)


def kept(who: str, slot: Slot = MONDAY_TEN, unit: int = 1) -> Holding:
    before = held(who, slot, unit=unit)
    return before._replace(state="COMMITTED", at=before.at._replace(committed=True))


def lapsed(holding: Holding) -> Holding:
    return holding._replace(state="RELEASED", lapsed=True)


def let_go(holding: Holding) -> Holding:
    return holding._replace(state="RELEASED", lapsed=False)


def minutes(count: int) -> list[Holding]:
    """Holds of a minute each, one after the other within Monday's slot."""
    begins = [MONDAY_TEN.from_ + n * timedelta(minutes=1) for n in range(count)]
    return [held(booking(100 + n), Slot(from_=at, to=at + timedelta(minutes=1))) for n, at in enumerate(begins)]


@dataclass
class Desk:
    """Where the questions come in. `space` and `product` replace those of the house."""

    space: Space = LIGHTHOUSE
    product: Product = ROOM_ONE_HOUR
    books: Books = field(default_factory=Books)

    def __post_init__(self) -> None:
        self.books.keep_venue(ORGANISATION, HARBOUR_HOUSE)
        self.books.keep_space(ORGANISATION, self.space)
        self.books.keep_product(ORGANISATION, self.product)

    def knows(self, *holdings: Holding) -> "Desk":
        for holding in holdings:
            self.books.enter(holding)
        return self

    def has(self, who: str) -> Holding | None:
        return self.books.slots.get((ORGANISATION, who))

    def asked(self, command: Command, now: datetime) -> Decision:
        """Decided, and written down."""
        decision = self._decide(command, now)
        for holding in decision.changed:
            self.books.change(holding)
        return decision

    def _decide(self, command: Command, now: datetime) -> Decision:
        mine, others = self.has(command.booking_id), self.books.others(command.space_id)
        match command:
            case HoldSlot():
                house = self.books.house(ORGANISATION, command.product_id, command.space_id)
                return domain.hold(house, mine, others, ORGANISATION, command, now, HOLD)
            case CommitSlot():
                house = self.books.house(ORGANISATION, mine.product_id if mine else "", command.space_id)
                return domain.commit(house, mine, others, command, now)
            case ReleaseSlot():
                return domain.release(mine, command)
            case ExtendSlot():
                return domain.extend(mine, command, now, CAP)
            case MoveSlot():
                house = self.books.house(ORGANISATION, mine.product_id if mine else "", command.space_id)
                sold = house.product or (self.product if mine else None)
                return moves.move(house, sold, mine, others, command, now)
            case ExpireHold():
                return domain.expire(mine, command, now, SHORTEST)


def timer(holding: Holding) -> Timer:
    """What tells of the hold's end when nobody has followed."""
    return Timer(expire(holding.at.booking_id, holding.expires_at), holding.hold)


def double_bookings(holdings: list[Holding]) -> list[tuple[Holding, Holding]]:
    """Pairs that stand in one unit's rows at the same time."""
    live = [each for each in holdings if each.state != "RELEASED"]
    return [
        (one, other)
        for number, one in enumerate(live)
        for other in live[number + 1 :]
        if (one.space_id, one.at.unit) == (other.space_id, other.at.unit)
        and max(one.at.blocked_from, other.at.blocked_from) < min(one.at.blocked_to, other.at.blocked_to)
    ]


def has_room(desk: Desk, command: HoldSlot | Holding, now: datetime, but: str = "") -> bool:
    """Whether a unit is free of all that counts, but for this booking's, seen without the domain's own search."""
    if isinstance(command, HoldSlot):
        begin, end = slots.blocked(desk.product, command.slot)
    else:
        begin, end = command.at.blocked_from, command.at.blocked_to
    return any(
        all(
            other.at.unit != unit
            or other.at.booking_id == but
            or other.at.blocked_to <= begin
            or end <= other.at.blocked_from
            or (other.state == "HELD" and other.expires_at <= now)
            for other in desk.books.others(command.space_id)
        )
        for unit in range(1, desk.space.units + 1)
    )
