"""A test that plays the others' part: clients who ask, and availability that grants what booking asks for."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from bus import Bus, Log, Record, header

from contracts import examples
from contracts.availability import HoldSlot, SlotHeld
from contracts.booking import CreateBooking
from contracts.catalogue import OpeningHours, ProductFields, PutProduct, PutSpace, PutVenue, SpaceFields, VenueFields
from contracts.client import booking_id
from contracts.model import Message, Slot

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def create(command_id: str, **changes: Any) -> CreateBooking:
    """The command with this id, for a booking of its own."""
    return examples.CREATE_BOOKING.model_copy(update={"booking_id": booking_id(command_id), **changes})


def held(question: HoldSlot, lasts: timedelta = timedelta(minutes=15)) -> SlotHeld:
    """What availability says when the slot is free."""
    now = datetime.now(UTC)
    answer = {
        "booking_id": question.booking_id,
        "question": question.question,
        "held_at": now,
        "expires_at": now + lasts,
    }
    return examples.SLOT_HELD.model_copy(update=answer)


async def asked(log: Log, command_id: str) -> Message:
    """What booking asks availability because of this command."""
    return body((await log.caused_by(command_id, "availability.commands"))[0])


async def granted(bus: Bus, log: Log, command_id: str, lasts: timedelta = timedelta(minutes=15)) -> str:
    """The slot of this command is held; the id of the event that says so."""
    question = await asked(log, command_id)
    assert isinstance(question, HoldSlot)
    event_id, _ = await bus.tell(held(question, lasts), causation=str(uuid.uuid4()), reply_to=None)
    return event_id


def body(record: Record) -> Message:
    """The message in a record."""
    from contracts.topics import models

    return models()[header(record, "ce_type") or ""].model_validate_json(record.value or b"")


def replies(records: list[Record], command_id: str, topic: str | None = None) -> list[Record]:
    """The answers to a command."""
    return [
        record
        for record in records
        if record.topic.endswith(".replies") and header(record, "ce_causationid") == command_id
        if topic in (None, record.topic)
    ]


class House:
    """A venue that is always open, with one room, sold by the hour."""

    def __init__(self, organisation: str | None = None, **room: Any) -> None:
        self.organisation = organisation or f"house-{uuid.uuid4()}"
        self.venue, self.space, self.product = (str(uuid.uuid4()) for _ in range(3))
        self.commands = (
            PutVenue(
                venue_id=self.venue,
                create=True,
                fields=VenueFields(
                    name="Harbour House",
                    opening_hours=tuple(OpeningHours(day=day, open="00:00", close="24:00") for day in DAYS),
                ),
            ),
            PutSpace(space_id=self.space, create=True, fields=SpaceFields(name="Room", venue_id=self.venue, **room)),
            PutProduct(
                product_id=self.product,
                create=True,
                fields=ProductFields(
                    name="Hour",
                    reference=self.product,
                    price=2500,
                    currency="EUR",
                    metadata={"duration": {"value": 1, "type": "hourly"}},
                    spaces=(self.space,),
                ),
            ),
        )

    async def open(self, bus: Bus, log: Log) -> "House":
        """On sale, with an availability decider running."""
        for command in self.commands:
            command_id, _ = await bus.tell(command, organisation=self.organisation)
            [answer] = await log.caused_by(command_id)
            assert header(answer, "ce_type") != "holdfast.Refused.v1", answer.value
        return self

    def slot(self, number: int = 0) -> Slot:
        """The hours from tomorrow on."""
        day = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return Slot(from_=day + timedelta(hours=number), to=day + timedelta(hours=number + 1))

    def hold(self, number: int = 0, booking: str | None = None) -> HoldSlot:
        """A question for that slot."""
        booking = booking or str(uuid.uuid4())
        return HoldSlot(
            booking_id=booking, question=booking, product_id=self.product, space_id=self.space, slot=self.slot(number)
        )

    def create(self, command_id: str, number: int = 0) -> CreateBooking:
        """A command for that slot."""
        there = {"product_id": self.product, "space_id": self.space, "slot": self.slot(number)}
        return create(command_id, **there)
