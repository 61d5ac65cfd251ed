"""One record for each message there is, as Kafka carries it, from the house of `examples.py`.

`python -m contracts.schemas` writes them into `samples/`; each record names the one that caused it.
"""

from datetime import datetime
from functools import cache
from typing import NamedTuple, TypeVar, cast

from contracts import availability, booking, catalogue, claims, topics
from contracts.answers import Detail, Refused
from contracts.envelope import Headers, edge_id, output_id, request_hash, stamp, write
from contracts.examples import (
    ADA,
    BOOKING,
    BOOKING_ID,
    CANCELLED,
    CLIENT,
    COFFEE,
    COMMAND_ID,
    CONFIRM_BOOKING,
    CONFIRMED,
    CREATE_BOOKING,
    EXPIRES_AT,
    HARBOUR_HOUSE,
    HOLD,
    HOLD_SLOT,
    LATER,
    LIGHTHOUSE,
    MONDAY_ELEVEN,
    NOON_BEFORE,
    ORGANISATION,
    PRODUCT_FIELDS,
    ROOM_ONE_HOUR,
    SLOT_HELD,
    SPACE_FIELDS,
    UPDATE_BOOKING,
    VENUE_FIELDS,
)
from contracts.model import Message


class Record(NamedTuple):
    """A message as Kafka carries it. An answer has no key: any partition will do."""

    topic: str
    key: str | None
    headers: Headers
    message: Message
    value: bytes

    @property
    def id(self) -> str:
        return _header(self, "ce_id")


M = TypeVar("M", bound=Message)


def example(kind: type[M]) -> M:
    """The well-known message of this kind."""
    return cast("M", records()[kind.type].message)


@cache
def records() -> dict[str, Record]:
    """One record for each message there is, by its type on the wire."""
    flows = (_catalogue, _held, _extended, _moved, _with_extras, _confirmed, _gone, _customer)
    return {record.message.type: record for flow in flows for record in flow()}


def _catalogue() -> list[Record]:
    """The house is put on sale, and taken off again."""
    house = catalogue.PutVenue(venue_id=HARBOUR_HOUSE.id, create=True, fields=VENUE_FIELDS)
    claim = claims.ClaimKey(
        command_id=edge_id(ORGANISATION, CLIENT, "venue"),
        request_hash=request_hash(ORGANISATION, house),
        command=house.type,
    )
    return [
        claimed := _asked("venue", claim),
        _answer(claimed, "booking", claims.KeyClaimed(command_id=claim.command_id)),
        put := _asked("venue", house),
        _answer(put, "availability", catalogue.VenueAnswer(venue=HARBOUR_HOUSE)),
        put := _asked("space", catalogue.PutSpace(space_id=LIGHTHOUSE.id, create=True, fields=SPACE_FIELDS)),
        _answer(put, "availability", catalogue.SpaceAnswer(space=LIGHTHOUSE)),
        put := _asked("product", catalogue.PutProduct(product_id=ROOM_ONE_HOUR.id, create=True, fields=PRODUCT_FIELDS)),
        _answer(put, "availability", catalogue.ProductAnswer(product=ROOM_ONE_HOUR)),
        _asked("product-ends", catalogue.ArchiveProduct(product_id=ROOM_ONE_HOUR.id)),
        _asked("space-ends", catalogue.ArchiveSpace(space_id=LIGHTHOUSE.id)),
        archive := _asked("venue-ends", catalogue.ArchiveVenue(venue_id=HARBOUR_HOUSE.id)),
        _answer(archive, "availability", catalogue.ArchiveAnswer(id=HARBOUR_HOUSE.id)),
    ]


def _held() -> list[Record]:
    """The slot is held and becomes a booking; or somebody else was faster."""
    expiry = availability.ExpireHold(booking_id=BOOKING_ID, space_id=LIGHTHOUSE.id, expires_at=EXPIRES_AT)
    faster = availability.SlotRefused(
        booking_id=BOOKING_ID,
        question=COMMAND_ID,
        reason="held",
        message="The slot is held until 12:15:00Z.",
        until=EXPIRES_AT,
    )
    return [
        create := _asked("order-17", CREATE_BOOKING),
        hold := _output(create, "booking", 0, HOLD_SLOT),
        held := _output(hold, "availability", 0, SLOT_HELD),
        _output(hold, "availability", 1, expiry, due_at=EXPIRES_AT),
        _output(held, "booking", 0, booking.BookingCreated(booking=BOOKING, previous_status="PENDING")),
        _answer(create, "booking", booking.BookingAnswer(booking=BOOKING)),
        _output(hold, "availability", 0, faster),
    ]


def _extended() -> list[Record]:
    """The customer asks for more time and gets it; or has had all there is."""
    extend = _asked("order-17-more-time", booking.ExtendHold(booking_id=BOOKING_ID), at=LATER)
    slot = availability.ExtendSlot(booking_id=BOOKING_ID, question=extend.id, space_id=LIGHTHOUSE.id, accepted_at=LATER)
    asked = _output(extend, "booking", 0, slot)
    extended = availability.SlotExtended(booking_id=BOOKING_ID, question=extend.id, expires_at=LATER + HOLD)
    refused = availability.ExtendRefused(
        booking_id=BOOKING_ID, question=extend.id, reason="cap", message="A slot is held for 60 minutes in all."
    )
    return [extend, asked, _output(asked, "availability", 0, extended), _output(asked, "availability", 0, refused)]


def _moved() -> list[Record]:
    """The customer wants another hour and gets it; or somebody else was faster."""
    later = booking.RescheduleBooking(booking_id=BOOKING_ID, slot=MONDAY_ELEVEN)
    reschedule = _asked("order-17-another-hour", later, at=LATER)
    slot = availability.MoveSlot(
        booking_id=BOOKING_ID, question=reschedule.id, space_id=LIGHTHOUSE.id, slot=MONDAY_ELEVEN, accepted_at=LATER
    )
    move = _output(reschedule, "booking", 0, slot)
    moved = availability.SlotMoved(booking_id=BOOKING_ID, question=reschedule.id, slot=MONDAY_ELEVEN)
    refused = availability.MoveRefused(
        booking_id=BOOKING_ID, question=reschedule.id, reason="booked", message="The slot is booked."
    )
    return [
        reschedule,
        move,
        _output(move, "availability", 0, moved),
        _output(move, "availability", 0, refused),
    ]


def _with_extras() -> list[Record]:
    """The customer asks for coffee, which is on sale; and for a room as if it were an extra."""
    update = _asked("order-17-coffee", UPDATE_BOOKING, at=LATER)
    asked = {"booking_id": BOOKING_ID, "question": update.id}
    extras = availability.QuoteExtras(**asked, space_id=LIGHTHOUSE.id, products=(COFFEE.id,), currency="EUR")
    quote = _output(update, "booking", 0, extras)
    coffee = availability.ExtraOffer(id=COFFEE.id, name=COFFEE.name, price=COFFEE.price)
    refused = availability.ExtrasRefused(
        **asked,
        extras=(availability.RefusedExtra(id=ROOM_ONE_HOUR.id, reason="not_additional"),),
        reason="products",
        message="These are no extras of this booking.",
    )
    return [
        update,
        quote,
        _output(quote, "availability", 0, availability.ExtrasQuoted(**asked, extras=(coffee,))),
        _output(quote, "availability", 0, refused),
    ]


def _confirmed() -> list[Record]:
    """The customer keeps the slot; or comes too late."""
    confirm = _asked("order-17-confirm", CONFIRM_BOOKING, at=LATER)
    slot = availability.CommitSlot(
        booking_id=BOOKING_ID, question=confirm.id, space_id=LIGHTHOUSE.id, accepted_at=LATER
    )
    commit = _output(confirm, "booking", 0, slot)
    kept = _output(commit, "availability", 0, availability.SlotCommitted(booking_id=BOOKING_ID, question=confirm.id))
    lost = availability.SlotLost(booking_id=BOOKING_ID, question=confirm.id, reason="resold")
    updated = booking.BookingUpdated(booking=CONFIRMED, previous_status="RESERVED_15_MIN")
    refused = Refused(
        code="HOLD_EXPIRED",
        message="The hold ended at 12:15:00Z.",
        details=(Detail(field="status", issue="hold_expired"),),
    )
    return [
        confirm,
        commit,
        kept,
        _output(kept, "booking", 0, updated),
        _output(commit, "availability", 0, lost),
        _answer(confirm, "booking", refused),
    ]


def _gone() -> list[Record]:
    """The customer gives the slot back, and has the booking deleted."""
    cancel = _asked("order-17-cancel", booking.CancelBooking(booking_id=BOOKING_ID), at=LATER)
    slot = availability.ReleaseSlot(booking_id=BOOKING_ID, question=cancel.id, space_id=LIGHTHOUSE.id)
    release = _output(cancel, "booking", 0, slot)
    released = availability.SlotReleased(booking_id=BOOKING_ID, reason="released", question=cancel.id)
    delete = _asked("order-17-delete", booking.DeleteBooking(booking_id=BOOKING_ID), at=LATER)
    gone = booking.BookingDeleted(
        booking=CANCELLED.model_copy(update={"version": 5, "customer": None}), previous_status="CANCEL"
    )
    return [
        cancel,
        release,
        _output(release, "availability", 0, released),
        delete,
        _output(delete, "booking", 0, gone),
        _answer(delete, "booking", booking.BookingDeletedAnswer(booking_id=BOOKING_ID)),
    ]


def _customer() -> list[Record]:
    """Somebody is entered before they book."""
    command = booking.FindOrCreateCustomer(customer_id=ADA.id, email=ADA.email, name=ADA.name, phone=ADA.phone)
    find = _asked("ada", command)
    return [find, _answer(find, "booking", booking.CustomerAnswer(customer=ADA, created=True))]


def _asked(key: str, command: Message, at: datetime = NOON_BEFORE) -> Record:
    """As the typed client publishes it."""
    command_id = edge_id(ORGANISATION, CLIENT, key)
    topic, record_key = topics.address(command)
    headers = write(
        f"/clients/{CLIENT}".encode(),
        command_id,
        command.type,
        ORGANISATION,
        command_id,
        stamp(at),
        record_key,
        reply_to=topics.CLIENTS_REPLIES.name,
    )
    return Record(topic, record_key, headers, command, command.model_dump_json(exclude_none=True).encode())


def _output(cause: Record, service: str, index: int, message: Message, due_at: datetime | None = None) -> Record:
    """As the service publishes what it decided about `cause`."""
    topic, key = topics.address(message)
    headers = write(
        service.encode(),
        output_id(cause.id, service, index),
        message.type,
        ORGANISATION,
        _header(cause, "ce_correlationid"),
        _header(cause, "ce_time").encode(),
        key,
        causation=cause.id,
        due_at=stamp(due_at).decode() if due_at else "",
    )
    return Record(topics.expiry(HOLD).name if due_at else topic, key, headers, message, _written(message))


def _answer(command: Record, service: str, message: Message) -> Record:
    """As the service answers the command to whoever asked."""
    headers = write(
        service.encode(),
        output_id(command.id, service, "answer"),
        message.type,
        ORGANISATION,
        command.id,
        _header(command, "ce_time").encode(),
        command.id,
        causation=command.id,
    )
    headers.append(("ce_requesthash", request_hash(ORGANISATION, command.message).encode()))
    return Record(topics.CLIENTS_REPLIES.name, None, headers, message, _written(message))


def _header(record: Record, name: str) -> str:
    return dict(record.headers)[name].decode()


def _written(message: Message) -> bytes:
    return message.model_dump_json().encode()
