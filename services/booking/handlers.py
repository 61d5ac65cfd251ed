"""Which message goes to which function: the table of contents of booking."""

from collections.abc import Sequence
from datetime import datetime

from chassis.messages import Answer, Incoming, Output, Publish, Row, Save, Statement
from contracts import topics
from contracts.booking import (
    BookingCreated,
    BookingDeleted,
    BookingUpdated,
    CancelBooking,
    ConfirmBooking,
    CreateBooking,
    DeleteBooking,
    ExtendHold,
)
from contracts.claims import ClaimKey, KeyClaimed
from services.booking import domain, storage
from services.booking.state import Answered, Happening, Question
from services.booking.storage import Bookings

COMMANDS = (ConfirmBooking, ExtendHold, CancelBooking, DeleteBooking)


class BookingService:
    """The booking's life over Kafka."""

    name = "booking"
    inputs: tuple[topics.Topic, ...] = (topics.BOOKING_COMMANDS, topics.AVAILABILITY_EVENTS)

    def load(self, messages: Sequence[Incoming]) -> Statement:
        return storage.load(
            (message.organisation, _booking_id(message)) for message in messages if type(message.body) is not ClaimKey
        )

    def begin(self, rows: Sequence[Row]) -> Bookings:
        return storage.begin(rows)

    def decide(self, bookings: Bookings, message: Incoming, now: datetime) -> Sequence[Output]:
        body = message.body
        if type(body) is ClaimKey:
            # What makes it a claim is its row in the inbox: whoever comes with this id and another request is refused.
            return (Answer(message.id, KeyClaimed(command_id=body.command_id)),)
        key = (message.organisation, _booking_id(message))
        state = bookings.get(key)
        if isinstance(body, CreateBooking):
            decision = domain.create(state, body, message.id, message.accepted_at, now)
        elif isinstance(body, COMMANDS):
            decision = domain.receive(state, body, message.id, message.accepted_at, now)
        else:
            decision = domain.hear(state, body, now)  # type: ignore[arg-type]
        if decision.state is not None and decision.state is not state:
            bookings.put(key, decision.state)
        return [_output(output) for output in decision.outputs]

    def save(self, bookings: Bookings) -> Sequence[Save]:
        return storage.save(bookings)

    def refuse(self, _message: Incoming) -> Sequence[Output]:
        """Nobody but the client waits for a booking's message, and the chassis tells the client."""
        return ()


def _booking_id(message: Incoming) -> str:
    booking_id: str = message.body.booking_id  # type: ignore[attr-defined]
    return booking_id


def _output(output: Question | Happening | Answered) -> Output:
    if isinstance(output, Answered):
        return Answer(output.command_id, output.body)
    if isinstance(output, (BookingCreated, BookingUpdated, BookingDeleted)):
        return Publish(topics.BOOKING_EVENTS.name, output.booking.id, output)
    return Publish(topics.AVAILABILITY_COMMANDS.name, output.space_id, output)
