"""One record for each message there is, as Kafka carries it, from the house of `examples.py`.

`python -m contracts.schemas` writes them into `samples/`; each record names the one that caused it.
"""

from functools import cache
from typing import TypeVar, cast

from contracts import availability, booking, catalogue, claims, sample_payments, sample_webhooks
from contracts.answers import Detail, Refused
from contracts.envelope import edge_id, request_hash
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
    ORGANISATION,
    PRODUCT_FIELDS,
    ROOM_ONE_HOUR,
    SLOT_HELD,
    SPACE_FIELDS,
    UPDATE_BOOKING,
    VENUE_FIELDS,
)
from contracts.model import Message
from contracts.sample_writing import Record as Record
from contracts.sample_writing import answer, asked, output

M = TypeVar("M", bound=Message)


def example(kind: type[M]) -> M:
    """The well-known message of this kind."""
    return cast("M", records()[kind.type].message)


@cache
def records() -> dict[str, Record]:
    """One record for each message there is, by its type on the wire."""
    bookings = (_held, _extended, _moved, _with_extras, _confirmed, _gone, _customer)
    flows = (_catalogue, *bookings, sample_payments.records, sample_webhooks.records)
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
        claimed := asked("venue", claim),
        answer(claimed, "booking", claims.KeyClaimed(command_id=claim.command_id)),
        put := asked("venue", house),
        answer(put, "availability", catalogue.VenueAnswer(venue=HARBOUR_HOUSE)),
        put := asked("space", catalogue.PutSpace(space_id=LIGHTHOUSE.id, create=True, fields=SPACE_FIELDS)),
        answer(put, "availability", catalogue.SpaceAnswer(space=LIGHTHOUSE)),
        put := asked("product", catalogue.PutProduct(product_id=ROOM_ONE_HOUR.id, create=True, fields=PRODUCT_FIELDS)),
        answer(put, "availability", catalogue.ProductAnswer(product=ROOM_ONE_HOUR)),
        asked("product-ends", catalogue.ArchiveProduct(product_id=ROOM_ONE_HOUR.id)),
        asked("space-ends", catalogue.ArchiveSpace(space_id=LIGHTHOUSE.id)),
        archive := asked("venue-ends", catalogue.ArchiveVenue(venue_id=HARBOUR_HOUSE.id)),
        answer(archive, "availability", catalogue.ArchiveAnswer(id=HARBOUR_HOUSE.id)),
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
        create := asked("order-17", CREATE_BOOKING),
        hold := output(create, "booking", 0, HOLD_SLOT),
        held := output(hold, "availability", 0, SLOT_HELD),
        output(hold, "availability", 1, expiry, due_at=EXPIRES_AT),
        output(held, "booking", 0, booking.BookingCreated(booking=BOOKING, previous_status="PENDING")),
        answer(create, "booking", booking.BookingAnswer(booking=BOOKING)),
        output(hold, "availability", 0, faster),
    ]


def _extended() -> list[Record]:
    """The customer asks for more time and gets it; or has had all there is."""
    extend = asked("order-17-more-time", booking.ExtendHold(booking_id=BOOKING_ID), at=LATER)
    slot = availability.ExtendSlot(booking_id=BOOKING_ID, question=extend.id, space_id=LIGHTHOUSE.id, accepted_at=LATER)
    question = output(extend, "booking", 0, slot)
    extended = availability.SlotExtended(booking_id=BOOKING_ID, question=extend.id, expires_at=LATER + HOLD)
    refused = availability.ExtendRefused(
        booking_id=BOOKING_ID, question=extend.id, reason="cap", message="A slot is held for 60 minutes in all."
    )
    return [
        extend,
        question,
        output(question, "availability", 0, extended),
        output(question, "availability", 0, refused),
    ]


def _moved() -> list[Record]:
    """The customer wants another hour and gets it; or somebody else was faster."""
    later = booking.RescheduleBooking(booking_id=BOOKING_ID, slot=MONDAY_ELEVEN)
    reschedule = asked("order-17-another-hour", later, at=LATER)
    slot = availability.MoveSlot(
        booking_id=BOOKING_ID, question=reschedule.id, space_id=LIGHTHOUSE.id, slot=MONDAY_ELEVEN, accepted_at=LATER
    )
    move = output(reschedule, "booking", 0, slot)
    moved = availability.SlotMoved(booking_id=BOOKING_ID, question=reschedule.id, slot=MONDAY_ELEVEN)
    refused = availability.MoveRefused(
        booking_id=BOOKING_ID, question=reschedule.id, reason="booked", message="The slot is booked."
    )
    return [
        reschedule,
        move,
        output(move, "availability", 0, moved),
        output(move, "availability", 0, refused),
    ]


def _with_extras() -> list[Record]:
    """The customer asks for coffee, which is on sale; and for a room as if it were an extra."""
    update = asked("order-17-coffee", UPDATE_BOOKING, at=LATER)
    about = {"booking_id": BOOKING_ID, "question": update.id}
    extras = availability.QuoteExtras(**about, space_id=LIGHTHOUSE.id, products=(COFFEE.id,), currency="EUR")
    quote = output(update, "booking", 0, extras)
    coffee = availability.ExtraOffer(id=COFFEE.id, name=COFFEE.name, price=COFFEE.price)
    refused = availability.ExtrasRefused(
        **about,
        extras=(availability.RefusedExtra(id=ROOM_ONE_HOUR.id, reason="not_additional"),),
        reason="products",
        message="These are no extras of this booking.",
    )
    return [
        update,
        quote,
        output(quote, "availability", 0, availability.ExtrasQuoted(**about, extras=(coffee,))),
        output(quote, "availability", 0, refused),
    ]


def _confirmed() -> list[Record]:
    """The customer keeps the slot; or comes too late."""
    confirm = asked("order-17-confirm", CONFIRM_BOOKING, at=LATER)
    slot = availability.CommitSlot(
        booking_id=BOOKING_ID, question=confirm.id, space_id=LIGHTHOUSE.id, accepted_at=LATER
    )
    commit = output(confirm, "booking", 0, slot)
    kept = output(commit, "availability", 0, availability.SlotCommitted(booking_id=BOOKING_ID, question=confirm.id))
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
        output(kept, "booking", 0, updated),
        output(commit, "availability", 0, lost),
        answer(confirm, "booking", refused),
    ]


def _gone() -> list[Record]:
    """The customer gives the slot back, and has the booking deleted."""
    cancel = asked("order-17-cancel", booking.CancelBooking(booking_id=BOOKING_ID), at=LATER)
    slot = availability.ReleaseSlot(booking_id=BOOKING_ID, question=cancel.id, space_id=LIGHTHOUSE.id)
    release = output(cancel, "booking", 0, slot)
    released = availability.SlotReleased(booking_id=BOOKING_ID, reason="released", question=cancel.id)
    delete = asked("order-17-delete", booking.DeleteBooking(booking_id=BOOKING_ID), at=LATER)
    gone = booking.BookingDeleted(
        booking=CANCELLED.model_copy(update={"version": 5, "customer": None}), previous_status="CANCEL"
    )
    return [
        cancel,
        release,
        output(release, "availability", 0, released),
        delete,
        output(delete, "booking", 0, gone),
        answer(delete, "booking", booking.BookingDeletedAnswer(booking_id=BOOKING_ID)),
        output(
            output(release, "availability", 0, released),
            "booking",
            1,
            booking.AbandonQuestion(booking_id=BOOKING_ID, question=cancel.id, answer="SlotReleased"),
        ),
    ]


def _customer() -> list[Record]:
    """Somebody is entered before they book."""
    command = booking.FindOrCreateCustomer(customer_id=ADA.id, email=ADA.email, name=ADA.name, phone=ADA.phone)
    find = asked("ada", command)
    return [find, answer(find, "booking", booking.CustomerAnswer(customer=ADA, created=True))]
