"""No message carries what a database, a log line or a calculation would choke on: it is refused where it is read."""

import json
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from pydantic import TypeAdapter, ValidationError

from contracts import client, examples, sample_records, schemas, topics
from contracts.booking import Booking, BookingCreated, Customer, Extra
from contracts.catalogue import PutSpace, SpaceFields
from contracts.model import Message, Money, Text, Version

MESSAGES = {**topics.models(), **client.ANSWERS}

NOT_TEXT = ["\x00", "a\x00b", "a\nb", "a\rb", "\x1b[2J", "\x7f", "a\x85b", "a\u2028b", "a\u2029b", "\ud800", "x\udfffy"]
NOT_A_NUMBER = [
    int("9" * 4000),
    -int("9" * 4000),
    2**63,
    -1,
    1.5,
    25.0,
    1e400,
    float("nan"),
    float("-inf"),
    "25",
    "",
    None,
    True,
    [],
    {},
]
NOT_A_MOMENT = [
    "2027-01-11T09:00:00",
    "2027-01-11",
    "2027-01-11 09:00:00Z",
    "2027-01-11T09:00:60Z",
    "2027-01-11T24:00:00Z",
    "2027-02-29T09:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
    "1969-12-31T23:59:59Z",
    "2200-01-01T00:00:01Z",
    "1768122000",
    "1768122000.5",
    1768122000,
    1768122000000,
    1.5,
    "tomorrow",
    "",
    None,
    True,
]  # fmt: skip


def full(kind: str) -> Any:
    """The sample, a booking with all it may have."""
    body = orjson.loads(sample_records.records()[kind].value)
    if "booking" in body:
        body["booking"] |= orjson.loads(
            Booking.model_validate(
                examples.BOOKING.model_dump()
                | {
                    "customer": Customer(id=examples.BOOKING_ID, email="ada@example.org", name="Ada", phone="+33 4 91"),
                    "additional_products": (Extra(id=examples.COFFEE.id, name="Coffee", price=500),),
                    "payment_url": "https://pay.example.org/1",
                    "payment_status": "open",
                }
            ).model_dump_json()
        )
    return body


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(value, dict | list):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, (*path, name))
    else:
        yield path, value


def refused(kind: str, path: tuple[Any, ...], bad: Any) -> bool:
    body = full(kind)
    part = body
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = bad
    try:
        MESSAGES[kind].model_validate_json(json.dumps(body))
    except ValidationError as error:
        # By what is wrong with this very field, or because it is no JSON at all.
        wrong = error.errors()[0]
        return wrong["type"] == "json_invalid" or tuple(wrong["loc"])[: len(path)] == path
    return False


EVERY_LEAF = [(kind, path, value) for kind in sorted(MESSAGES) for path, value in leaves(full(kind))]
TEXTS = [(kind, path) for kind, path, value in EVERY_LEAF if isinstance(value, str)]
NUMBERS = [(kind, path) for kind, path, value in EVERY_LEAF if type(value) is int]
MOMENTS = [(kind, path) for kind, path in TEXTS if path[-1] in ("from", "to", "until") or str(path[-1]).endswith("At")]
MOMENTS = [(kind, path) for kind, path in MOMENTS if "closures" not in path]


def test_full_samples_are_read_as_they_are() -> None:
    assert len(TEXTS) > 200
    assert len(NUMBERS) > 20
    assert len(MOMENTS) > 20
    for kind in MESSAGES:
        MESSAGES[kind].model_validate_json(json.dumps(full(kind)))


@pytest.mark.parametrize("bad", NOT_TEXT, ids=ascii)
def test_text_with_a_control_character_is_refused_wherever_it_stands(bad: str) -> None:
    assert [leaf for leaf in TEXTS if not refused(*leaf, bad)] == []


@pytest.mark.parametrize("bad", NOT_A_NUMBER, ids=lambda bad: repr(bad)[:20])
def test_number_that_is_none_is_refused_wherever_it_stands(bad: Any) -> None:
    optional = ("price", "totalPrice", "capacity", "units", "holdMinutes", "refundPercent")
    leaves = [leaf for leaf in NUMBERS if bad is not None or leaf[1][-1] not in optional]
    assert [leaf for leaf in leaves if not refused(*leaf, bad)] == []


@pytest.mark.parametrize("bad", NOT_A_MOMENT, ids=repr)
def test_moment_that_is_none_is_refused_wherever_it_stands(bad: Any) -> None:
    leaves = [leaf for leaf in MOMENTS if bad is not None or leaf[1][-1] not in ("until", "expiresAt")]
    assert [leaf for leaf in leaves if not refused(*leaf, bad)] == []


@pytest.mark.parametrize("bad", NOT_TEXT, ids=ascii)
def test_key_of_a_map_with_a_control_character_is_refused(bad: str) -> None:
    for body in ({bad: "x"}, {"x": bad}):
        with pytest.raises(ValidationError):
            PutSpace.model_validate_json(
                json.dumps({"spaceId": examples.LIGHTHOUSE.id, "fields": {"metadata": body}}),
            )


@pytest.mark.parametrize("kind", sorted(MESSAGES))
def test_every_text_has_a_pattern_and_every_number_an_end(kind: str) -> None:
    def check(part: Any, path: str) -> Iterator[str]:
        if not isinstance(part, dict):
            return
        if part.get("type") == "string" and not part.keys() & {"enum", "const", "pattern", "format"}:
            yield f"{path}: any text"
        if part.get("format") in ("date-time", "date", "duration") and not part.keys() >= {
            "formatMinimum",
            "formatMaximum",
        }:
            yield f"{path}: any {part['format']}"
        if part.get("type") == "integer" and "enum" not in part and not part.keys() >= {"minimum", "maximum"}:
            yield f"{path}: any number"
        if part.get("type") == "number":
            yield f"{path}: a number with a fraction"
        for name, inner in part.items():
            if name != "propertyNames":  # says nothing of its type
                yield from check(inner, f"{path}/{name}")
            for place, each in enumerate(inner if isinstance(inner, list) else []):
                yield from check(each, f"{path}/{name}/{place}")

    assert list(check(schemas.schema(MESSAGES[kind]), kind)) == []


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"42", b'"x"', b"{", b"\xff", b"[" * 10_000, b'{"a":' * 10_000])
@pytest.mark.parametrize("message", [examples.CREATE_BOOKING, examples.SLOT_HELD], ids=lambda message: message.type)
def test_body_that_is_no_object_is_refused(message: Message, body: bytes) -> None:
    with pytest.raises(ValidationError):
        type(message).model_validate_json(body)


@pytest.mark.parametrize(
    "body",
    [b'"\xff"', b'"\xed\xa0\x80"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"a\tb"', b"'a'", b'"a'],
    ids=repr,
)
def test_text_that_is_no_text_is_refused(body: bytes) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Text).validate_json(body)


def test_text_keeps_every_other_character() -> None:
    for text in (
        "",
        "  ",
        "Ö 漢字 עברית 😀",
        "'; DROP TABLE bookings; --",
        "%0d%0a",
        "\\n",
        "\u00a0\u200d\ufeff",
        "x" * 2000,
    ):
        assert TypeAdapter(Text).validate_json(json.dumps(text)) == text


@pytest.mark.parametrize("text", ["\ud800", "a\x00"])
def test_text_made_in_python_is_held_to_the_same(text: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Text).validate_python(text)


@pytest.mark.parametrize("kind", [Money, Version])
@pytest.mark.parametrize("body", ["NaN", "Infinity", "1e3", "3.0", '"3"', "true", "9" * 4000, "9" * 5000, "-1", "0x1"])
def test_number_is_written_as_one(kind: Any, body: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_json(body)


@pytest.mark.parametrize("yes", [1, "true", "yes", "on", 1.0, None])
def test_flag_is_true_or_false(yes: Any) -> None:
    body = {"spaceId": examples.LIGHTHOUSE.id, "create": yes, "fields": {}}
    with pytest.raises(ValidationError):
        PutSpace.model_validate_json(json.dumps(body))


def test_message_is_a_value() -> None:
    one = BookingCreated(booking=examples.BOOKING)
    assert one == BookingCreated.model_validate_json(one.model_dump_json())
    assert hash(one) == hash(BookingCreated.model_validate_json(one.model_dump_json()))
    with pytest.raises(ValidationError, match="frozen"):
        one.booking.version = 7  # type: ignore[misc]


def test_product_says_its_duration_in_either_form() -> None:
    flat = {"durationType": "hourly", "durationValue": 1}
    fields = examples.PRODUCT_FIELDS.model_dump(mode="json") | {"metadata": flat}
    assert type(examples.PRODUCT_FIELDS).model_validate(fields) == examples.PRODUCT_FIELDS
    assert SpaceFields.model_validate({}) == SpaceFields()
