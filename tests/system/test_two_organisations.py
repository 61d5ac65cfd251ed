"""Two organisations on one platform never meet: no read, list, change or key of one reaches, or tells of, the other.

Security checklist, items 8, 9, 12 and 13. Each organisation's words carry a canary that the other must never hear.
"""

import re
import uuid
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest
from http_house import House, Told, call, made, opened

from contracts import envelope
from contracts.client import booking_id


class Side(NamedTuple):
    """An organisation with a room, a booking in it, and a word that appears in all it says."""

    house: House
    booking: dict[str, Any]
    canary: str


@pytest.fixture
async def sides(platform: Any) -> AsyncIterator[tuple[Side, Side]]:
    async with (
        opened(platform.url, "demo", **_named("demo")) as ours,
        opened(platform.url, "rival", **_named("rival")) as theirs,
    ):
        yield await _side(ours, "demo"), await _side(theirs, "rival")


def _canary(organisation: str) -> str:
    return f"canary-{organisation}-sings"


def _named(organisation: str) -> dict[str, str]:
    return {"name": _canary(organisation), "reference": f"{_canary(organisation)}-{uuid.uuid4()}"}


async def _side(house: House, organisation: str) -> Side:
    for kind, id_ in (("venues", house.venue), ("spaces", house.space)):
        told = await call(house.session, "PATCH", f"/v1/{kind}/{id_}", {"name": _canary(organisation)})
        assert told.status == 200, told.raw
    details = {"email": f"{uuid.uuid4()}@example.org", "name": _canary(organisation)}
    told = await house.patch((await house.held())["id"], details)
    return Side(house, told.json, _canary(organisation))


def _same(told: Told, absent: Told, statuses: set[int]) -> None:
    """The two differ in nothing but the ids that were asked for."""
    one, other = [re.sub(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"id", each.raw) for each in (told, absent)]
    assert one == other
    names = {name for name in told.headers if name != "Date"}
    assert names == {name for name in absent.headers if name != "Date"}
    assert told.status == absent.status
    assert told.status in statuses, told.raw


def _silent(told: Told, other: Side) -> None:
    heard = told.raw + str(told.headers).encode()
    customer = other.booking["customer"]
    ids = (other.booking["id"], customer["id"], other.house.venue, other.house.space, other.house.product)
    for word in (other.canary, customer["email"], *ids):
        assert word.encode() not in heard, f"{word} in {heard!r}"


# Item 8.
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/bookings/{booking}", None),
        ("PATCH", "/v1/bookings/{booking}", {"status": "CONFIRMED"}),
        ("PATCH", "/v1/bookings/{booking}", {"status": "CANCEL"}),
        ("DELETE", "/v1/bookings/{booking}", None),
        ("POST", "/v1/bookings/{booking}/extend", None),
        *(("GET", f"/v1/{kind}s/{{{kind}}}", None) for kind in ("venue", "space", "product", "customer")),
        *(("PATCH", f"/v1/{kind}s/{{{kind}}}", {"name": "Ours now"}) for kind in ("venue", "space", "product")),
        *(("DELETE", f"/v1/{kind}s/{{{kind}}}", None) for kind in ("product", "space", "venue")),
        ("GET", "/v1/spaces/{space}/availability?productId={product}", None),
        ("GET", "/v1/bookings/slots?productId={product}&spaceId={space}", None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_another_organisations_id_is_the_404_of_an_id_that_is_not_there(
    sides: tuple[Side, Side], method: str, path: str, body: Any
) -> None:
    mine, theirs = sides
    nowhere = {name: str(uuid.uuid4()) for name in ("booking", "customer", "venue", "space", "product")}
    there = {
        "booking": theirs.booking["id"],
        "customer": theirs.booking["customer"]["id"],
        "venue": theirs.house.venue,
        "space": theirs.house.space,
        "product": theirs.house.product,
    }
    told = await call(mine.house.session, method, path.format(**there), body)
    absent = await call(mine.house.session, method, path.format(**nowhere), body)
    _same(told, absent, {404})
    _silent(told, theirs)
    assert (await theirs.house.get(theirs.booking["id"])).json == theirs.booking
    for kind, id_ in (("venues", theirs.house.venue), ("products", theirs.house.product)):
        assert (await call(theirs.house.session, "GET", f"/v1/{kind}/{id_}")).json["name"] == theirs.canary


# Item 8, with ids in bodies.
async def test_nothing_of_another_organisation_can_be_built_upon(sides: tuple[Side, Side]) -> None:
    mine, theirs = sides
    slot = (await theirs.house.slots())[0]
    product = {"name": "Hour", "price": 1, "currency": "EUR"}
    for path, theirs_in, absent_in in (
        (
            "/v1/bookings",
            {"productId": theirs.house.product, "spaceId": theirs.house.space, "slot": slot},
            {"productId": str(uuid.uuid4()), "spaceId": str(uuid.uuid4()), "slot": slot},
        ),
        (
            "/v1/bookings",
            {"productId": mine.house.product, "spaceId": theirs.house.space, "slot": slot},
            {"productId": mine.house.product, "spaceId": str(uuid.uuid4()), "slot": slot},
        ),
        (
            "/v1/spaces",
            {"venueId": theirs.house.venue, "name": "Room"},
            {"venueId": str(uuid.uuid4()), "name": "Room"},
        ),
        (
            "/v1/products",
            {**product, "reference": str(uuid.uuid4()), "spaces": [theirs.house.space]},
            {**product, "reference": str(uuid.uuid4()), "spaces": [str(uuid.uuid4())]},
        ),
    ):
        told = await call(mine.house.session, "POST", path, theirs_in)
        absent = await call(mine.house.session, "POST", path, absent_in)
        _same(told, absent, {404, 422})
        assert theirs.canary.encode() not in told.raw
    assert (await theirs.house.slots())[0] == slot


# Item 9.
async def test_lists_hold_ones_own_whatever_is_asked(sides: tuple[Side, Side]) -> None:
    for mine, theirs in (sides, sides[::-1]):
        for path in ("/v1/venues", "/v1/spaces", "/v1/products", "/v1/bookings", "/v1/customers"):
            told = await call(mine.house.session, "GET", f"{path}?limit=100")
            assert told.status == 200
            assert told.json["data"]
            _silent(told, theirs)
        told = await call(mine.house.session, "GET", f"/v1/bookings?spaceIds={theirs.house.space}")
        assert (told.json["data"], told.json["total"]) == ([], 0)
        customer = theirs.booking["customer"]
        for asked in (f"/v1/bookings?customerId={customer['id']}", f"/v1/customers?email={customer['email']}"):
            told = await call(mine.house.session, "GET", asked)
            assert (told.json["data"], told.json["total"]) == ([], 0)
        both = f"/v1/bookings?spaceIds={theirs.house.space},{mine.house.space}"
        assert [each["id"] for each in (await call(mine.house.session, "GET", both)).json["data"]] == [
            mine.booking["id"]
        ]


async def test_references_are_unique_within_an_organisation_only(sides: tuple[Side, Side]) -> None:
    fields = {"name": "Hour", "reference": str(uuid.uuid4()), "price": 1, "currency": "EUR"}
    one, other = [await made(side.house.session, "products", fields) for side in sides]
    assert one["id"] != other["id"]


async def test_the_address_of_another_organisations_customer_is_a_new_one_here(sides: tuple[Side, Side]) -> None:
    mine, theirs = sides
    customer = theirs.booking["customer"]
    told = await call(mine.house.session, "POST", "/v1/customers", {"email": customer["email"]})
    assert (told.status, told.json["name"], told.json["id"] != customer["id"]) == (201, None, True)
    gone = await call(mine.house.session, "DELETE", f"/v1/bookings/{mine.booking['id']}")
    assert gone.status == 204
    assert (await theirs.house.get(theirs.booking["id"])).json == theirs.booking


# Item 12.
async def test_the_same_key_of_another_organisation_is_another_key(sides: tuple[Side, Side]) -> None:
    key, body = str(uuid.uuid4()), {"name": "Harbour House"}
    one, other = [await call(side.house.session, "POST", "/v1/venues", body, key) for side in sides]
    assert (one.status, other.status) == (201, 201)
    assert one.json["id"] != other.json["id"]
    assert "Idempotency-Replayed" not in other.headers
    booked = str(uuid.uuid4())
    for side in sides:
        told = await side.house.hold((await side.house.slots())[0], booked)
        assert (told.status, told.json["product"]["id"]) == (201, side.house.product)


# Item 13.
async def test_a_key_that_is_an_internal_id_meets_no_internal_message(sides: tuple[Side, Side]) -> None:
    mine, _ = sides
    slot, key = (await mine.house.slots())[0], str(uuid.uuid4())
    command = envelope.edge_id("demo", "demo", key)
    question = envelope.output_id(command, "booking", 0)
    for internal in (command, question, booking_id(command), envelope.output_id(question, "availability", 1)):
        told = await call(mine.house.session, "POST", "/v1/venues", {"name": "House"}, internal)
        assert told.status == 201, told.raw
    told = await mine.house.hold(slot, key)
    assert (told.status, told.json["status"], told.json["id"]) == (201, "RESERVED_15_MIN", booking_id(command))
    gone = await call(mine.house.session, "DELETE", f"/v1/bookings/{told.json['id']}")
    assert gone.status == 204
    assert slot in await mine.house.slots()


# Item 11, the part that is a body's.
@pytest.mark.parametrize(
    "field",
    [
        {"organisationId": "rival"},
        {"tenant": "rival"},
        {"totalPrice": 0},
        {"status": "PAID"},
        {"id": "x"},
        {"expiresAt": "2099-01-01T00:00:00Z"},
    ],
)
async def test_a_body_that_says_what_only_we_say_is_400_and_nothing_happens(
    house: House, field: dict[str, Any]
) -> None:
    before = await house.slots()
    told = await house.hold(before[0], **field)
    assert (told.status, told.json["code"]) == (400, "VALIDATION_FAILED")
    assert await house.slots() == before
    held = await house.held()
    told = await house.patch(held["id"], {"name": "Ada", **field})
    assert (told.status, told.json["code"]) == (400, "VALIDATION_FAILED")
    assert (await house.get(held["id"])).json == held
