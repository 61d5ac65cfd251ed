"""Which message goes to which function: the table of contents of the notifier."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from chassis import tracing
from chassis.messages import Answer, Incoming, Output, Publish, Row, Save, Statement
from chassis.sealing import NotSealedHere, Seal
from contracts import booking, topics
from contracts.answers import Code, Refused
from contracts.envelope import derived_id, stamp
from contracts.notifier import (
    CreateSubscription,
    DeliveryAnswer,
    PingSubscription,
    ReplayAnswer,
    ReplayEvents,
    RetryDelivery,
    RotateSecret,
)
from services.notifier import domain, signing, storage
from services.notifier.domain import Command, Rules
from services.notifier.state import PING, Delivery, Event, Replay, State
from services.notifier.storage import Book
from services.notifier.versions import Versions

log = logging.getLogger(__name__)

_GONE = Refused(code="NOT_FOUND", message="There is nothing with this id.")


class NotifierService:
    """Subscriptions, and who is to be told of what, over Kafka. It sends nothing: that is the sender's."""

    name = "notifier"
    inputs: tuple[topics.Topic, ...] = (topics.NOTIFIER_COMMANDS, topics.BOOKING_EVENTS)

    def __init__(self, seal: Seal, rules: Rules) -> None:
        self.seal, self.rules, self.versions = seal, rules, Versions()

    def load(self, messages: Sequence[Incoming]) -> Statement:
        telling, wanted, counted, deliveries = set(), set(), set(), set()
        for message in messages:
            body: Any = message.body
            if hasattr(body, "booking"):
                telling.add(message.organisation)
            elif isinstance(body, RetryDelivery):
                deliveries.add((message.organisation, body.delivery_id))
            else:
                wanted.add((message.organisation, body.subscription_id))
                if isinstance(body, CreateSubscription):
                    counted.add(message.organisation)
        return storage.load(telling, wanted, counted, deliveries)

    def begin(self, rows: Sequence[Row]) -> Book:
        return storage.begin(rows)

    def decide(self, book: Book, message: Incoming, now: datetime) -> Sequence[Output]:
        body: Any = message.body
        if hasattr(body, "booking"):
            self.versions.meet(message, body.booking)
            tell(book, message, body)
            return ()
        if isinstance(body, RetryDelivery):
            return [Answer(message.id, _retry(book, message, body))]
        key = (message.organisation, body.subscription_id)
        state = book.states.get(key)
        if isinstance(body, PingSubscription):
            return [Answer(message.id, _ping(book, message, state, now))]
        if isinstance(body, ReplayEvents):
            return [Answer(message.id, _replay(book, message, state, body))]
        return self._change(book, message, state, now)

    def _change(self, book: Book, message: Incoming, state: State | None, now: datetime) -> Sequence[Output]:
        command: Command = message.body  # type: ignore[assignment]
        key = (message.organisation, command.subscription_id)
        held, why = book.held[message.organisation], self._bad_secret(message.organisation, command)
        decision = domain.decide(state, command, now, self.rules, held, why)
        if decision.state is not None:
            if isinstance(command, CreateSubscription):
                book.held[message.organisation] += 1
            book.put(key, decision.state)
        outputs: list[Output] = [Answer(message.id, decision.answer)] if decision.answer is not None else []
        if decision.told is not None:
            about = tracing.about(message.envelope.correlation, message.envelope.traceparent)
            reason = decision.told.subscription.disabled_reason
            log.warning("disabled subscription %s: %s", key[1], reason, extra=about)
            outputs.append(Publish(*topics.address(decision.told), decision.told))
        return outputs

    def _bad_secret(self, organisation: str, command: Command) -> str | None:
        if not isinstance(command, CreateSubscription | RotateSecret):
            return None
        try:
            return signing.judged(
                self.seal.opened(command.secret, purpose(organisation, command.subscription_id)).decode()
            )
        except (NotSealedHere, UnicodeDecodeError):
            return "is not sealed by a key of this platform"

    def save(self, book: Book) -> Sequence[Save]:
        return storage.save(book)

    def refuse(self, _message: Incoming) -> Sequence[Output]:
        """Nobody but the client waits for a message of ours, and the chassis tells the client."""
        return ()


def purpose(organisation: str, subscription_id: str) -> str:
    """What a subscription's secret is sealed for: nobody can put it into another row."""
    return f"webhook secret of {organisation}/{subscription_id}"


def tell(book: Book, message: Incoming, body: Any) -> None:
    """Store the event, and a delivery for each subscription that asked for it at this moment (W7)."""
    shown: booking.Booking = body.booking
    kind = domain.event_type(message.envelope.type)
    created = message.envelope.created
    data = shown.__pydantic_serializer__.to_json(shown).decode()
    text = (
        f'{{"id":"{message.id}","type":"{kind}","createdAt":"{stamp(created).decode()}","sequence":{shown.version - 1},'
        f'"data":{data},"previous":{{"status":{_quoted(body.previous_status)}}}}}'
    )
    trace = message.envelope.traceparent
    book.events.append(Event(message.id, message.organisation, kind, created, text, about=shown.id, traceparent=trace))
    if isinstance(body, booking.BookingDeleted):
        book.erased[message.organisation, shown.id] = None
    for subscription, patterns in book.matching.get(message.organisation, ()):
        if domain.matches(patterns, kind):
            _deliver(book, message.organisation, subscription, message.id, kind)


def _quoted(status: str | None) -> str:
    return "null" if status is None else f'"{status}"'


def delivery_id(subscription_id: str, event_id: str) -> str:
    """The same each time this event is for this subscription: whoever gets it twice sees that it is the same."""
    return derived_id(subscription_id, event_id)


def _deliver(book: Book, organisation: str, subscription: str, event: str, kind: str) -> str:
    new = delivery_id(subscription, event)
    book.deliveries.append(Delivery(new, organisation, subscription, event, kind))
    return new


def _ping(book: Book, message: Incoming, state: State | None, now: datetime) -> DeliveryAnswer | Refused:
    if refusal := _unfit(state):
        return refusal
    assert state is not None
    about, event = state.subscription.id, derived_id(message.id, PING)
    body = {
        "id": event,
        "type": PING,
        "createdAt": stamp(now).decode(),
        "sequence": 0,
        "data": {"subscriptionId": about},
    }
    text = orjson.dumps({**body, "previous": {"status": None}}).decode()
    book.events.append(
        Event(event, message.organisation, PING, now, text, listed=False, traceparent=message.envelope.traceparent)
    )
    new = _deliver(book, message.organisation, about, event, PING)
    return DeliveryAnswer(delivery_id=new, subscription_id=about, event_id=event, event_type=PING)


def _retry(book: Book, message: Incoming, body: RetryDelivery) -> DeliveryAnswer | Refused:
    key = (message.organisation, body.delivery_id)
    known = book.known.get(key)
    if known is None:
        return _GONE
    if not known.enabled:
        return _refused("CONFLICT", "The subscription is disabled. Enable it first.")
    book.again[key] = None
    return DeliveryAnswer(
        delivery_id=body.delivery_id, subscription_id=known.subscription, event_id=known.event, event_type=known.type
    )


def _replay(book: Book, message: Incoming, state: State | None, body: ReplayEvents) -> ReplayAnswer | Refused:
    if refusal := _unfit(state):
        return refusal
    if body.to <= body.from_:
        return _refused("VALIDATION_FAILED", "The period ends before it begins.")
    book.replays.append(Replay(message.id, message.organisation, body.subscription_id, body.from_, body.to))
    return ReplayAnswer(subscription_id=body.subscription_id, from_=body.from_, to=body.to)


def _unfit(state: State | None) -> Refused | None:
    """Why nothing can be delivered to it."""
    if state is None or state.deleted:
        return _GONE
    if not state.subscription.enabled:
        return _refused("CONFLICT", "The subscription is disabled. Enable it first.")
    return None


def _refused(code: Code, message: str) -> Refused:
    return Refused(code=code, message=message)
