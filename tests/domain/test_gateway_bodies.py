"""POST and PATCH bodies: the documented shape or 400, a broken rule 422, and never a 500."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import booking, catalogue
from contracts.envelope import request_hash
from contracts.model import Message
from services.gateway import bodies, examples, shapes
from services.gateway.errors import Problem

JSON = {b"content-type": b"application/json"}
HELD = examples.NEW_BOOKING
BODIES = (
    (shapes.NewVenue, examples.NEW_VENUE),
    (shapes.NewSpace, examples.NEW_SPACE),
    (shapes.NewProduct, examples.NEW_PRODUCT),
    (shapes.NewBooking, HELD),
)


def held(**changes: Any) -> bytes:
    return json.dumps({**HELD, **changes}).encode()


def slot(start: Any, end: Any = "2027-01-11T10:00:00Z") -> bytes:
    return held(slot={"from": start, "to": end})


MALFORMED = {
    "nothing": b"",
    "half an object": b'{"productId"',
    "a list": b"[]",
    "a word": b"hello",
    "null": b"null",
    "a byte order mark": b"\xef\xbb\xbf" + held(),
    "two objects": held() + held(),
    "bytes that are not UTF-8": held().replace(b"09:00", b"\xff\xfe"),
    "UTF-16": held().decode().encode("utf-16"),
    "NUL": held(productId="\0"),
    "a lone surrogate": held(productId="@").replace(b"@", b"\\ud800"),
    "NaN": held(productId="@").replace(b'"@"', b"NaN"),
    "Infinity": held(productId="@").replace(b'"@"', b"-Infinity"),
    "a number with 4,000 digits": held(productId="@").replace(b'"@"', b"9" * 4000),
    "a number with 5,000 digits": held(productId="@").replace(b'"@"', b"9" * 5000),
    "10,000 lists in each other": held(productId="@").replace(b'"@"', b"[" * 10_000 + b"]" * 10_000),
    "a field twice": held().replace(b'{"productId"', b'{"spaceId": "%s", "productId"' % examples.SPACE_ID.encode()),
    "a field twice inside": held().replace(b'{"from"', b'{"to": "2027-01-11T11:00:00Z", "from"'),
    "an unknown field": held(price=1),
    "an unknown field inside": held(slot={**examples.SLOT, "zone": "UTC"}),
    "the organisation": held(organisation="other"),
    "the id": held(bookingId=examples.BOOKING_ID),
    "the Python name of a field": json.dumps({**HELD, "product_id": HELD["productId"]}).encode(),
    "a missing field": json.dumps({"productId": examples.PRODUCT_ID, "slot": examples.SLOT}).encode(),
    "null for a field": held(spaceId=None),
    "a number for an id": held(spaceId=7),
    "an id in braces": held(spaceId="{" + examples.SPACE_ID + "}"),
    "a time as a number": slot(1799658000),
    "a time as a number in a string": slot("1799658000"),
    "a time without a zone": slot("2027-01-11T09:00:00"),
    "a date for a time": slot("2027-01-11"),
    "a day that does not exist": slot("2027-02-30T09:00:00Z"),
    "the year 9999": slot("2027-01-11T09:00:00Z", "9999-12-31T23:59:59Z"),
    "the year 1": slot("0001-01-01T00:00:00+14:00"),
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED)
async def test_create_booking_is_400_for_what_is_not_the_documented_shape(lonely: Any, raw: bytes) -> None:
    async with lonely.session.post("/v1/bookings", data=raw, headers={"Content-Type": "application/json"}) as answer:
        told = await answer.json()
        assert (answer.status, told["status"], told["code"]) == (400, 400, "VALIDATION_FAILED")
        assert told["details"]
        assert told["correlationId"] == answer.headers["X-Correlation-Id"]


HOOKS = "/v1/webhooks/subscriptions"
TWICE = [
    ("POST", "/v1/bookings", held().replace(b"{", b'{"productId": "%s", ' % examples.PRODUCT_ID.encode(), 1), "productId"),
    ("PATCH", f"/v1/bookings/{examples.BOOKING_ID}", b'{"status": "CANCEL", "status": "CANCEL"}', "status"),
    ("PATCH", f"/v1/bookings/{examples.BOOKING_ID}", b'{"status": "CANCEL", "\\u0073tatus": "CANCEL"}', "status"),
    ("PATCH", f"/v1/products/{examples.PRODUCT_ID}", b'{"metadata": {"duration": {"value": 1, "value": 2, "type": "hourly"}}}', "value"),
    ("PATCH", f"/v1/venues/{examples.VENUE_ID}", b'{"openingHours": [{"day": "monday", "open": "09:00", "open": "08:00", "close": "10:00"}]}', "open"),
    ("POST", "/v1/customers", b'{"email": "a@example.org", "email": "b@example.org"}', "email"),
    ("POST", HOOKS, b'{"url": "https://a.example/", "events": ["*"], "url": "https://b.example/"}', "url"),
    ("PATCH", f"{HOOKS}/{examples.BOOKING_ID}", b'{"enabled": true, "enabled": false}', "enabled"),
    ("POST", f"{HOOKS}/{examples.BOOKING_ID}/replay", b'{"from": "2027-01-11T09:00:00Z", "to": "2027-01-12T09:00:00Z", "to": "2027-01-13T09:00:00Z"}', "to"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "raw", "field"), TWICE, ids=[f"{row[0]} {row[1][:16]} {row[3]}" for row in TWICE]
)
async def test_a_field_that_is_given_twice_is_400_on_every_route(
    lonely: Any, method: str, path: str, raw: bytes, field: str
) -> None:
    headers = {"Content-Type": "application/json"}
    async with lonely.session.request(method, path, data=raw, headers=headers) as answer:
        told = await answer.json()
        assert (answer.status, told["details"]) == (400, [{"field": field, "issue": "is given twice"}])


async def test_create_booking_is_422_when_the_slot_ends_before_it_begins(lonely: Any) -> None:
    raw = slot("2027-01-11T11:00:00Z")
    async with lonely.session.post("/v1/bookings", data=raw, headers={"Content-Type": "application/json"}) as answer:
        told = await answer.json()
        assert (answer.status, told["code"]) == (422, "VALIDATION_FAILED")
        assert told["details"] == [{"field": "slot", "issue": "to is not later than from"}]


def _refused(model: type[Any], raw: bytes, headers: dict[bytes, bytes] = JSON) -> Problem:
    with pytest.raises(Problem) as caught:
        bodies.parse(model, headers, raw)
    return caught.value


def test_the_problem_names_the_field_and_never_shows_the_value() -> None:
    problem = _refused(shapes.NewBooking, slot("secret"))
    assert problem.details == [{"field": "slot.from", "issue": "is not written as 2027-01-11T09:00:00Z"}]


def test_thousands_of_unknown_fields_are_named_in_a_short_answer() -> None:
    problem = _refused(shapes.NewBooking, json.dumps({f"x{n}" * 50: n for n in range(600)}).encode())
    assert problem.status == 400
    assert len(problem.envelope("-")) < 8000


RULES = {
    "open and close are equal": {"openingHours": [{"day": "monday", "open": "09:00", "close": "09:00"}]},
    "a closure ends before it begins": {"closures": [{"from": "2027-05-02", "to": "2027-05-01"}]},
}


@pytest.mark.parametrize("change", RULES.values(), ids=RULES)
def test_a_venue_that_breaks_a_rule_is_422(change: dict[str, Any]) -> None:
    assert _refused(shapes.VenueChange, json.dumps(change).encode()).status == 422


SHAPES: list[tuple[type[Any], dict[str, Any]]] = [
    (shapes.VenueChange, {"timezone": "Europe/Nowhere"}),
    (shapes.VenueChange, {"name": None}),
    (shapes.VenueChange, {"id": examples.VENUE_ID}),
    (shapes.VenueChange, {"openingHours": [{"day": "lundi", "open": "09:00", "close": "18:00"}]}),
    (shapes.VenueChange, {"openingHours": [{"day": "monday", "open": "9:00", "close": "18:00"}]}),
    (shapes.VenueChange, {"closures": [{"from": "20270501", "to": "2027-05-02"}]}),
    (shapes.VenueChange, {"closures": [{"from": "2027-05-01", "to": "9999-12-31"}]}),
    (shapes.SpaceChange, {"units": 0}),
    (shapes.SpaceChange, {"units": True}),
    (shapes.SpaceChange, {"units": 1.0}),
    (shapes.SpaceChange, {"units": "1"}),
    (shapes.SpaceChange, {"metadata": {"a": 1}}),
    (shapes.SpaceChange, {"metadata": {"a": "b\u0000"}}),
    (shapes.SpaceChange, {"label": "Light House"}),
    (shapes.ProductChange, {"price": -1}),
    (shapes.ProductChange, {"price": 10**13}),
    (shapes.ProductChange, {"bufferBefore": 5}),
    (shapes.ProductChange, {"bufferBefore": "P1M"}),
    (shapes.ProductChange, {"leadTime": "P400D"}),
    (shapes.ProductChange, {"holdMinutes": 7}),
    (shapes.ProductChange, {"metadata": {"duration": {"value": 0, "type": "hourly"}}}),
    (shapes.NewProduct, {"name": "Room", "reference": "r", "price": 1}),
    (shapes.BookingChange, {"status": "PAID"}),
]


@pytest.mark.parametrize(("model", "body"), SHAPES, ids=[json.dumps(body)[:60] for _, body in SHAPES])
def test_a_body_of_another_shape_is_400(model: type[Any], body: dict[str, Any]) -> None:
    assert _refused(model, json.dumps(body).encode()).status == 400


def test_the_older_form_of_a_duration_is_read() -> None:
    raw = json.dumps({"metadata": {"durationType": "daily", "durationValue": 2}}).encode()
    metadata = bodies.parse(shapes.ProductChange, JSON, raw).metadata
    assert metadata == catalogue.ProductMetadata(duration=catalogue.Duration(value=2, type="daily"))


def _commands() -> list[Message]:
    venue, space, product, held = (bodies.parse(model, JSON, json.dumps(each).encode()) for model, each in BODIES)
    return [
        catalogue.PutVenue(venue_id=examples.VENUE_ID, create=True, fields=venue),
        catalogue.PutSpace(space_id=examples.SPACE_ID, create=True, fields=space),
        catalogue.PutProduct(product_id=examples.PRODUCT_ID, create=True, fields=product),
        booking.CreateBooking(
            booking_id=examples.BOOKING_ID, product_id=held.product_id, space_id=held.space_id, slot=held.slot
        ),
    ]


@pytest.mark.parametrize("command", _commands(), ids=lambda command: type(command).__name__)
@pytest.mark.filterwarnings("error")
def test_what_the_edge_says_has_the_same_hash_when_it_is_read_from_the_bus(command: Message) -> None:
    read = type(command).model_validate_json(command.model_dump_json(by_alias=True, exclude_none=True))
    assert request_hash("demo", read) == request_hash("demo", command)


@pytest.mark.parametrize(
    "kind", [b"", b"text/plain", b"application/json-patch+json", b"application/json; charset=latin-1"]
)
def test_another_content_type_is_415(kind: bytes) -> None:
    assert _refused(shapes.NewBooking, held(), {b"content-type": kind}).status == 415


def test_a_compressed_body_is_415() -> None:
    assert _refused(shapes.NewBooking, held(), {**JSON, b"content-encoding": b"gzip"}).status == 415


@pytest.mark.parametrize("kind", [b"application/json;charset=utf-8", b'Application/JSON; charset="UTF-8"'])
def test_a_content_type_may_name_utf_8(kind: bytes) -> None:
    assert bodies.parse(shapes.NewBooking, {b"content-type": kind}, held()).space_id == examples.SPACE_ID


def _tried(model: type[Any], raw: bytes) -> Problem | None:
    try:
        bodies.parse(model, JSON, raw)
    except Problem as problem:
        return problem
    return None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([examples.SPACE_ID, "P1D"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=50, deadline=None)  # a busy machine is no defect
@given(st.sampled_from(BODIES), st.data())
def test_whatever_is_sent_is_read_or_refused(kind: tuple[type[Any], dict[str, Any]], data: st.DataObject) -> None:
    model, example = kind
    body = dict(example)
    for name in data.draw(st.sets(st.sampled_from(sorted(example)))):
        body[name] = data.draw(values)
    refused = _tried(model, json.dumps(body).encode())
    if refused:
        assert refused.status in (400, 422)
        assert json.loads(refused.envelope("-"))["details"]


@given(st.binary())
def test_whatever_bytes_are_sent_are_refused(raw: bytes) -> None:
    assert _refused(shapes.NewBooking, raw).status == 400
