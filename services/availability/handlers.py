"""Which message goes to which function: the table of contents of availability."""

from collections.abc import Sequence
from datetime import datetime

from chassis.messages import Incoming, Output, Publish, Row, Save, Statement
from contracts import topics
from contracts.availability import (
    CommitSlot,
    ExpireHold,
    ExtendRefused,
    ExtendSlot,
    ExtrasQuoted,
    ExtrasRefused,
    HoldSlot,
    MoveSlot,
    QuoteExtras,
    ReleaseSlot,
    SlotLost,
)
from contracts.model import Message
from services.availability import catalogue_changes, domain, extras, measures, moves, slot_writes, storage
from services.availability.books import Books, Wanted
from services.availability.catalogue_changes import CatalogueCommand
from services.availability.refusals import move_refused, slot_refused
from services.availability.settings import AvailabilitySettings

SlotCommand = HoldSlot | CommitSlot | ReleaseSlot | ExtendSlot | MoveSlot | ExpireHold


class AvailabilityService:
    """Slots and the catalogue over Kafka."""

    name = "availability"
    inputs: tuple[topics.Topic, ...] = (topics.AVAILABILITY_COMMANDS,)

    def __init__(self, settings: AvailabilitySettings) -> None:
        self.hold, self.cap, self.shortest = settings.hold, settings.most_held, settings.hold_lengths[0]

    def load(self, messages: Sequence[Incoming]) -> Statement:
        wanted, held = Wanted(), dict[tuple[str, str], str]()
        for message in messages:
            organisation, body = message.organisation, message.body
            if isinstance(body, HoldSlot):
                slot = body.slot
                held[organisation, body.booking_id] = body.product_id
                wanted.holds.append((organisation, body.product_id, body.space_id, slot.from_, slot.to))
                wanted.products.add((organisation, body.product_id))
            if isinstance(body, SlotCommand):
                wanted.bookings.append((organisation, body.booking_id))
                wanted.spaces.add((organisation, body.space_id))
            if isinstance(body, MoveSlot):
                wanted.moves.append((organisation, body.booking_id, body.space_id, body.slot.from_, body.slot.to))
            if isinstance(body, QuoteExtras):
                wanted.products.update((organisation, product) for product in body.products)
            if isinstance(body, CatalogueCommand):
                catalogue_changes.want(wanted, organisation, body)
        for organisation, booking, space, begin, end in wanted.moves:
            if product := held.get((organisation, booking)):  # it has no row yet that its product could be found by
                wanted.holds.append((organisation, product, space, begin, end))
        return storage.load(wanted)

    def begin(self, rows: Sequence[Row]) -> Books:
        return storage.begin(rows)

    def decide(self, books: Books, message: Incoming, now: datetime) -> Sequence[Output]:
        if isinstance(message.body, CatalogueCommand):
            return [catalogue_changes.decide(books, message.organisation, message.id, message.body, now)]
        if isinstance(message.body, QuoteExtras):
            asked = ((id_, books.products.get((message.organisation, id_))) for id_ in message.body.products)
            return [_event(extras.quote({id_: product for id_, product in asked if product}, message.body))]
        decision = self._slot(books, message.organisation, message.body, now)
        for holding in decision.changed:
            books.change(holding)
        if isinstance(message.body, ExpireHold) and decision.changed:
            measures.LATENESS.observe((now - message.body.expires_at).total_seconds())
        return [_timer(each, now) if isinstance(each, domain.Timer) else _event(each) for each in decision.outputs]

    def _slot(self, books: Books, organisation: str, body: Message, now: datetime) -> domain.Decision:
        assert isinstance(body, SlotCommand)
        mine, space = books.slots.get((organisation, body.booking_id)), body.space_id
        if mine and mine.space_id != space and isinstance(body, (CommitSlot, ExtendSlot)):
            mine = None  # whoever names another space does not know the slot, and its neighbours were not looked at
        match body:
            case HoldSlot():
                house = books.house(organisation, body.product_id, space)
                return domain.hold(house, mine, books.others(space), organisation, body, now, self.hold)
            case CommitSlot():
                house = books.house(organisation, mine.product_id if mine else "", space)
                return domain.commit(house, mine, books.others(space), body, now)
            case ReleaseSlot():
                return domain.release(mine, body)
            case ExtendSlot():
                return domain.extend(mine, body, now, self.cap)
            case MoveSlot():
                house = books.house(organisation, mine.product_id if mine else "", space)
                sold = house.product or (books.sold.get((organisation, mine.product_id)) if mine else None)
                return moves.move(house, sold, mine, books.others(space), body, now)
            case ExpireHold():
                return domain.expire(mine, body, now, self.shortest)

    def save(self, books: Books) -> Sequence[Save]:
        return slot_writes.save(books)

    def refuse(self, message: Incoming, /) -> Sequence[Output]:
        """A booking that asked must not wait for ever."""
        body = message.body
        if isinstance(body, HoldSlot):
            return [_event(slot_refused(body, "internal"))]
        if isinstance(body, (CommitSlot, ReleaseSlot)):
            lost = SlotLost(booking_id=body.booking_id, question=body.question, reason="internal")
            return [_event(lost)]
        if isinstance(body, ExtendSlot):
            words = "The question could not be handled; the hold is as it was."
            return [
                _event(
                    ExtendRefused(booking_id=body.booking_id, question=body.question, reason="internal", message=words)
                )
            ]
        if isinstance(body, MoveSlot):
            return [_event(move_refused(body, "internal"))]
        if isinstance(body, QuoteExtras):
            return [_event(extras.refused(body, "internal"))]
        return ()


def _event(event: domain.Event | ExtrasQuoted | ExtrasRefused) -> Output:
    return Publish(topics.AVAILABILITY_EVENTS.name, event.booking_id, event)


def _timer(timer: domain.Timer, now: datetime) -> Output:
    """Due with the hold's end; one that has to wait again, no later than its topic lets a record wait: its head is the next."""
    due = min(timer.expire.expires_at, now + timer.length)
    return Publish(topics.expiry(timer.length).name, timer.expire.space_id, timer.expire, due)
