"""What is wrong with a field is said in our words: nothing of pydantic's or Python's is in it, and a form is shown."""

import json
from typing import Any

import pytest

from services.gateway import bodies, shapes, webhook_shapes
from services.gateway.errors import Problem

ID = "5ea00000-0000-4000-8000-000000000021"
WRONG: list[tuple[type[Any], str, Any, str]] = [
    (shapes.VenueChange, "name", "", "is empty"),
    (shapes.VenueChange, "name", "x" * 201, "is longer than 200 characters"),
    (shapes.VenueChange, "name", "a\nb", "has a control character or a line break"),
    (shapes.VenueChange, "timezone", "Central European", "is not the name of an IANA time zone"),
    (shapes.VenueChange, "label", "A B", "is not lower-case letters and digits with single hyphens between them"),
    (shapes.SpaceChange, "venueId", ID.upper(), "is not an id: a UUID in lower case, such as 5ea00000-"),
    (shapes.SpaceChange, "units", 0, "is less than 1"),
    (shapes.SpaceChange, "products", [ID] * 501, "has more than 500 entries"),
    (shapes.ProductChange, "currency", "eur", "is not a currency of three capital letters, such as EUR"),
    (shapes.ProductChange, "holdMinutes", 7, "is not 5, 10, 15, 30 or 60"),
    (shapes.ProductChange, "bufferBefore", "P400D", "is more than 366 days"),
    (shapes.ProductChange, "bufferBefore", "1h", "is not an ISO 8601 duration of weeks to whole seconds, such as PT1H30M"),
    (webhook_shapes.SubscriptionChange, "events", [], "is empty"),
    (webhook_shapes.SubscriptionChange, "events", ["paid"], "is not a type of event, such as booking.created, a family such as booking.*"),
    (webhook_shapes.SubscriptionChange, "url", "ftp://shop.example/", "is not a URL such as https://shop.example/, all in ASCII"),
    (shapes.BookingChange, "cancelUrl", "javascript:1", "is not a URL such as https://shop.example/, all in ASCII"),
    (shapes.BookingChange, "status", "PAID", "is not 'CONFIRMED' or 'CANCEL'"),
]  # fmt: skip


def issue(model: type[Any], raw: bytes) -> str:
    with pytest.raises(Problem) as caught:
        bodies.parse(model, {b"content-type": b"application/json"}, raw)
    return str(caught.value.details[0]["issue"])


@pytest.mark.parametrize(("model", "field", "value", "said"), WRONG, ids=[f"{row[1]} {row[3][:40]}" for row in WRONG])
def test_what_is_wrong_with_a_field_is_said_in_our_words(model: type[Any], field: str, value: Any, said: str) -> None:
    assert issue(model, json.dumps({field: value}).encode()).startswith(said)


@pytest.mark.parametrize(("field", "example"), [("open", "09:00"), ("close", "18:30")])
def test_a_time_of_day_of_another_form_is_told_the_form(field: str, example: str) -> None:
    hours = {"day": "monday", "open": "09:00", "close": "10:00", field: "9 am"}
    assert issue(shapes.VenueChange, json.dumps({"openingHours": [hours]}).encode()).endswith(f"such as {example}")


def test_a_day_that_does_not_exist_is_told_the_form() -> None:
    closure = {"from": "2027-02-30", "to": "2027-03-01"}
    said = issue(shapes.VenueChange, json.dumps({"closures": [closure]}).encode())
    assert said == "is not written as 2027-05-01, or there is no such day"


@pytest.mark.parametrize("raw", [b"", b" \n"])
def test_a_body_without_anything_is_called_empty(raw: bytes) -> None:
    assert issue(shapes.VenueChange, raw) == "is empty"


def test_a_list_whose_only_entry_is_wrong_is_not_called_empty_too() -> None:
    with pytest.raises(Problem) as caught:
        bodies.parse(webhook_shapes.SubscriptionChange, {b"content-type": b"application/json"}, b'{"events": ["paid"]}')
    assert [detail["field"] for detail in caught.value.details] == ["events.0"]


def test_half_a_body_is_told_where_it_ends() -> None:
    assert issue(shapes.VenueChange, b'{"name": ') == "is not JSON: EOF while parsing a value at line 1 column 9"


def test_a_secret_of_another_form_is_told_the_form_and_never_shown() -> None:
    asked = {"url": "https://shop.example/", "events": ["*"], "secret": "hello"}
    said = issue(webhook_shapes.NewSubscription, json.dumps(asked).encode())
    assert said == "is not whsec_ and the base64 of 24 to 64 random bytes"
