"""Which message goes to which function: the table of contents of booking."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import cast

from chassis.messages import Answer, Incoming, Output, Publish, Row, Save, Statement
from contracts import topics
from contracts.answers import Refused
from contracts.booking import (
    AbandonQuestion,
    CancelBooking,
    ConfirmBooking,
    CreateBooking,
    Customer,
    DeleteBooking,
    ExtendHold,
    FindOrCreateCustomer,
    RescheduleBooking,
    UpdateBooking,
)
from contracts.claims import ClaimKey, KeyClaimed
from contracts.payment import PaymentFailed
from services.booking import checkouts, customers, domain, storage
from services.booking.caps import Caps, Client
from services.booking.commands import RULES, Rules
from services.booking.money import PaymentEvent
from services.booking.settings import HELD_SLOTS
from services.booking.state import Answered, Decision
from services.booking.state import Output as Told
from services.booking.storage import Bookings

PAYMENT_EVENTS = frozenset(topics.PAYMENT_EVENTS.messages)
COMMANDS = (UpdateBooking, ConfirmBooking, RescheduleBooking, ExtendHold, CancelBooking, DeleteBooking)


class BookingService:
    """The booking's life over Kafka; `held_slots` is how many slots a client may hold at a time."""

    name = checkouts.SERVICE
    inputs: tuple[topics.Topic, ...] = (topics.BOOKING_COMMANDS, topics.AVAILABILITY_EVENTS, topics.PAYMENT_EVENTS)

    def __init__(self, held_slots: int = HELD_SLOTS, rules: Rules = RULES) -> None:
        self.caps, self.rules = Caps(held_slots), rules
        # By the very command, which lives as long as its batch: two with one id need not say the same.
        self._judged: dict[int, Customer | Refused] = {}

    def load(self, messages: Sequence[Incoming]) -> Statement:
        keys, wanted, asking = set(), set(), Counter[Client]()
        judged: dict[int, Customer | Refused] = {}
        for message in messages:
            body = message.body
            if isinstance(body, FindOrCreateCustomer):
                customer = judged[id(body)] = customers.wanted(body, message.organisation)
                if not isinstance(customer, Refused):
                    wanted.add((message.organisation, customer.id))
            elif not isinstance(body, ClaimKey):
                keys.add((message.organisation, _booking_id(message)))
                if isinstance(body, CreateBooking) and body.client is not None:
                    asking[message.organisation, body.client] += 1
        self._judged = judged
        counted = self.caps.due(asking) if asking else ()
        return storage.load(keys, wanted, counted, self.caps.most)

    def begin(self, rows: Sequence[Row]) -> Bookings:
        bookings = storage.begin(rows)
        for client, held in bookings.held.items():
            self.caps.counted(client, held)
        return bookings

    def decide(self, bookings: Bookings, message: Incoming, now: datetime) -> Sequence[Output]:
        body = message.body
        if isinstance(body, FindOrCreateCustomer):
            return [self._customer(bookings, message, body, now)]
        if isinstance(body, ClaimKey):
            # What makes it a claim is its row in the inbox: whoever comes with this id and another request is refused.
            return (Answer(message.id, KeyClaimed(command_id=body.command_id)),)
        key = (message.organisation, _booking_id(message))
        state = bookings.get(key)
        if isinstance(body, CreateBooking):
            decision = self._create(bookings, message, body, now)
        elif isinstance(body, COMMANDS):
            decision = domain.receive(
                state, body, message.id, message.accepted_at, now, message.organisation, self.rules
            )
        elif isinstance(body, AbandonQuestion):
            decision = domain.abandon(state, body, now)
        elif type(body) in PAYMENT_EVENTS:
            decision = domain.hear_of_money(state, cast("PaymentEvent", body), message.id, now)
        else:
            decision = domain.hear(state, body, now)  # type: ignore[arg-type]
        decision = checkouts.named(decision, message.id)
        if decision.state is not None and decision.state is not state:
            bookings.put(key, decision.state)
            before, after = state.booking.customer if state else None, decision.state.booking.customer
            if after is not None and after != before:
                bookings.tell(message.organisation, after, now)
            elif before is not None and decision.state.hidden:
                bookings.let_go((message.organisation, before.id))
        return [_output(output) for output in decision.outputs]

    def _create(self, bookings: Bookings, message: Incoming, body: CreateBooking, now: datetime) -> Decision:
        key = (message.organisation, body.booking_id)
        state, full = bookings.get(key), False
        if state is None and body.client is not None:
            full = not self.caps.admits((message.organisation, body.client))
            bookings.clients[key] = body.client
        most = self.caps.most if full else None
        return domain.create(state, body, message.id, message.accepted_at, now, held_at_most=most)

    def _customer(self, bookings: Bookings, message: Incoming, body: FindOrCreateCustomer, now: datetime) -> Output:
        wanted = self._judged.pop(id(body))
        there = None if isinstance(wanted, Refused) else bookings.customers.get((message.organisation, wanted.id))
        if there is None and not isinstance(wanted, Refused):
            bookings.create(message.organisation, wanted, now)
        return _output(customers.find_or_create(there, wanted, message.id))

    def save(self, bookings: Bookings) -> Sequence[Save]:
        return storage.save(bookings)

    def refuse(self, message: Incoming) -> Sequence[Output]:
        """Of a client's command the chassis tells the client. Who waits for an answer that cannot be decided is told by ourselves."""
        body = message.body
        question = body.checkout_id if isinstance(body, PaymentFailed) else getattr(body, "question", None)
        if question is None or isinstance(body, AbandonQuestion):
            return ()
        given_up = AbandonQuestion(booking_id=_booking_id(message), question=question, answer=type(body).__name__)
        return (Publish(*topics.address(given_up), given_up),)


def _booking_id(message: Incoming) -> str:
    booking_id: str = message.body.booking_id  # type: ignore[attr-defined]
    return booking_id


def _output(output: Told) -> Output:
    if isinstance(output, Answered):
        return Answer(output.command_id, output.body)
    return Publish(*topics.address(output), output)
