"""A booking that is deleted names its customer in no event of the very batch that says so."""

from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as some

from chassis.messages import Incoming
from contracts.booking import BookingDeleted, BookingUpdated
from contracts.envelope import Envelope
from contracts.examples import ADA, BOOKING
from contracts.model import Message
from services.notifier import erasing, storage
from services.notifier.handlers import tell
from services.notifier.storage import Book

NOW = datetime(2027, 1, 10, 12, tzinfo=UTC)
OTHER = "5ea00000-0000-4000-8000-0000000000ff"
texts = some.text(max_size=60) | some.text(alphabet='"\\\\{}[]:,customer', max_size=60)


def came(book: Book, number: int, message: Message) -> None:
    about = f"5ea00000-0000-4000-8000-00000000000{number}"
    record: Any = None
    tell(book, Incoming(record, Envelope(about, message.type, "demo", about, about, NOW), message), message)


def stored(book: Book) -> list[Any]:
    [listed] = [each for each in storage.save(book) if each.name == "an_event_is_stored_once"]
    return [orjson.loads(body) for body in listed.arrays[4]]


def test_a_customer_in_the_very_batch_of_the_deletion_is_not_stored() -> None:
    book, mine = Book(), BOOKING.model_copy(update={"customer": ADA})
    came(book, 1, BookingUpdated(booking=mine, previous_status="CONFIRMED"))
    came(book, 2, BookingUpdated(booking=mine.model_copy(update={"id": OTHER}), previous_status="CONFIRMED"))
    came(book, 3, BookingDeleted(booking=mine.model_copy(update={"customer": None}), previous_status="CANCEL"))
    customers = [(each["data"]["id"], each["data"]["customer"] is None) for each in stored(book)]
    assert customers == [(mine.id, True), (OTHER, False), (mine.id, True)]
    [erased] = [each for each in storage.save(book) if each.name == "what_is_deleted_names_nobody"]
    assert erased.arrays == (["demo"], [mine.id])


@given(texts, texts, texts)
def test_nothing_but_the_customer_is_erased_whatever_the_texts(product: str, email: str, name: str) -> None:
    data = {
        "id": OTHER,
        "product": {"name": product},
        "customer": {"id": OTHER, "email": email, "name": name},
        "extra": name,
    }
    body = orjson.dumps({"id": OTHER, "data": data}).decode()
    expected = {"id": OTHER, "data": {**data, "customer": None}}
    assert orjson.loads(erasing.without_customer(body)) == expected
