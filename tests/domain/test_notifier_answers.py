"""What the notifier answers about deliveries and periods, and within one batch: what is switched off or gone is told nothing."""

import base64
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.messages import Answer, Incoming
from chassis.sealing import Seal
from contracts.answers import Refused
from contracts.envelope import Envelope
from contracts.model import Message
from contracts.notifier import (
    CreateSubscription,
    DeliveryAnswer,
    PingSubscription,
    ReplayAnswer,
    ReplayEvents,
    RetryDelivery,
    Subscription,
    SubscriptionAnswer,
)
from services.notifier.domain import Rules
from services.notifier.handlers import NotifierService, purpose
from services.notifier.state import Known, State
from services.notifier.storage import Book

NOW = datetime(2027, 1, 10, 12, tzinfo=UTC)
ID, DELIVERY, EVENT = (f"5ea00000-0000-4000-8000-0000000000{last}" for last in ("71", "72", "73"))
SEAL = Seal([base64.b64encode(bytes(range(64))).decode()])
SERVICE = NotifierService(SEAL, Rules(lambda _: None, most=2))
PERIOD = ReplayEvents(subscription_id=ID, from_=NOW - timedelta(hours=1), to=NOW)


def there(*, enabled: bool = True, deleted: bool = False) -> Book:
    book = Book()
    subscription = Subscription(
        id=ID, url="https://a.example/", events=("*",), enabled=enabled, version=1, created_at=NOW, updated_at=NOW
    )
    book.states["demo", ID] = State(subscription=subscription, secret="sealed", deleted=deleted)
    book.known["demo", DELIVERY] = Known(ID, EVENT, "booking.paid", enabled)
    return book


def answered(book: Book, message: Message) -> Message:
    record: Any = None
    about = str(uuid.uuid4())
    incoming = Incoming(record, Envelope(about, message.type, "demo", about, about, NOW), message)
    [answer] = SERVICE.decide(book, incoming, NOW)
    assert isinstance(answer, Answer)
    return answer.body


def refused(book: Book, message: Message) -> str:
    """Why; nothing is to be sent then."""
    answer = answered(book, message)
    assert isinstance(answer, Refused)
    assert (book.events, book.deliveries, book.again, book.replays, book.changed) == ([], [], {}, [], {})
    return answer.code


@pytest.mark.parametrize("message", [PingSubscription(subscription_id=ID), PERIOD, RetryDelivery(delivery_id=DELIVERY)])
def test_a_subscription_that_is_switched_off_has_to_be_enabled_first(message: Message) -> None:
    assert refused(there(enabled=False), message) == "CONFLICT"


@pytest.mark.parametrize("message", [PingSubscription(subscription_id=ID), PERIOD])
def test_a_deleted_subscription_is_as_one_that_never_was(message: Message) -> None:
    assert refused(there(enabled=False, deleted=True), message) == "NOT_FOUND"
    assert refused(Book(), message) == "NOT_FOUND"


def test_a_delivery_that_nobody_knows_is_not_retried() -> None:
    assert refused(there(), RetryDelivery(delivery_id=EVENT)) == "NOT_FOUND"


@pytest.mark.parametrize("hours", [0, -1])
def test_a_period_that_ends_before_it_begins_is_not_replayed(hours: int) -> None:
    period = PERIOD.model_copy(update={"to": PERIOD.from_ + timedelta(hours=hours)})
    assert refused(there(), period) == "VALIDATION_FAILED"


def test_what_is_there_is_pinged_replayed_and_retried() -> None:
    book = there()
    ping = answered(book, PingSubscription(subscription_id=ID))
    assert isinstance(ping, DeliveryAnswer)
    assert [(each.id, each.event) for each in book.deliveries] == [(ping.delivery_id, ping.event_id)]
    assert [(each.id, each.listed) for each in book.events] == [(ping.event_id, False)]
    assert answered(book, PERIOD) == ReplayAnswer(subscription_id=ID, from_=PERIOD.from_, to=PERIOD.to)
    assert [(each.subscription, each.from_, each.to) for each in book.replays] == [(ID, PERIOD.from_, PERIOD.to)]
    again = DeliveryAnswer(delivery_id=DELIVERY, subscription_id=ID, event_id=EVENT, event_type="booking.paid")
    assert answered(book, RetryDelivery(delivery_id=DELIVERY)) == again
    assert list(book.again) == [("demo", DELIVERY)]


def test_those_that_are_made_in_one_batch_are_counted_with_those_that_are_there() -> None:
    """There may be two, and there is one."""
    book, answers = Book(), []
    book.held["demo"] = 1
    for number in range(2):
        new = str(uuid.UUID(int=number, version=4))
        secret = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
        sealed = SEAL.seal(secret.encode(), purpose("demo", new))
        answers.append(
            answered(
                book,
                CreateSubscription(subscription_id=new, url="https://a.example/", events=("*",), secret=sealed),
            )
        )
    assert isinstance(answers[0], SubscriptionAnswer)
    assert isinstance(answers[1], Refused)
    assert answers[1].code == "CONFLICT"
