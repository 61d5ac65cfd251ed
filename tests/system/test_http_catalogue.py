"""Venues, spaces and products over HTTP."""

import uuid
from typing import Any

import pytest
from http_house import House, call, made

from services.gateway import examples

CHANGES: dict[str, dict[str, Any]] = {"venues": {"type": "hotel"}, "spaces": {"capacity": 9}, "products": {"price": 1}}
KINDS = sorted(CHANGES)


def _entry(house: House, kind: str) -> str:
    return {"venues": house.venue, "spaces": house.space, "products": house.product}[kind]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_entry_is_read_as_it_was_made(house: House, kind: str) -> None:
    told = await call(house.session, "GET", f"/v1/{kind}/{_entry(house, kind)}")
    assert (told.status, told.json["id"], told.json["version"]) == (200, _entry(house, kind), told.json["version"])
    assert next(iter(told.json)) == "id"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_change_keeps_what_is_left_out(house: House, kind: str) -> None:
    path = f"/v1/{kind}/{_entry(house, kind)}"
    before = (await call(house.session, "GET", path)).json
    told = await call(house.session, "PATCH", path, CHANGES[kind])
    assert told.status == 200
    assert told.json == {**before, **CHANGES[kind], "version": before["version"] + 1}
    assert (await call(house.session, "GET", path)).raw == told.raw


@pytest.mark.parametrize("kind", KINDS)
async def test_the_list_has_the_entry_and_counts_it(house: House, kind: str) -> None:
    ids, page, more = [], 1, True
    while more:
        told = await call(house.session, "GET", f"/v1/{kind}?limit=100&page={page}")
        ids += [entry["id"] for entry in told.json["data"]]
        page, more = page + 1, told.json["meta"]["hasNextPage"]
    assert ids.count(_entry(house, kind)) == 1
    assert len(ids) == told.json["total"]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unknown_entry_is_404_for_every_method(house: House, kind: str) -> None:
    path = f"/v1/{kind}/{uuid.uuid4()}"
    for method, body in (("GET", None), ("PATCH", CHANGES[kind]), ("DELETE", None)):
        assert (await call(house.session, method, path, body)).status == 404, method


async def test_a_create_has_an_address_and_repeats_the_same_answer(house: House) -> None:
    key = str(uuid.uuid4())
    first = await call(house.session, "POST", "/v1/venues", examples.NEW_VENUE, key)
    again = await call(house.session, "POST", "/v1/venues", examples.NEW_VENUE, key)
    assert first.status == 201
    assert first.headers["Location"] == f"/v1/venues/{first.json['id']}"
    assert (again.raw, again.headers["Idempotency-Replayed"]) == (first.raw, "true")
    assert first.json == {**examples.VENUE, "id": first.json["id"], "version": 1}


async def test_an_archived_entry_is_gone(house: House) -> None:
    venue = await made(house.session, "venues", {"name": "Short-lived"})
    assert (await call(house.session, "DELETE", f"/v1/venues/{venue['id']}")).status == 204
    assert (await call(house.session, "GET", f"/v1/venues/{venue['id']}")).status == 404


async def test_a_venue_with_a_space_on_sale_is_not_archived(house: House) -> None:
    told = await call(house.session, "DELETE", f"/v1/venues/{house.venue}")
    assert (told.status, told.json["code"]) == (409, "CONFLICT")


async def test_a_reference_is_unique(house: House) -> None:
    taken = (await call(house.session, "GET", f"/v1/products/{house.product}")).json["reference"]
    body = {"name": "Another", "reference": taken, "price": 1, "currency": "EUR"}
    told = await call(house.session, "POST", "/v1/products", body)
    assert told.status in (409, 422)
    assert told.json["details"][0]["field"] == "reference"


async def test_a_relation_may_be_given_from_either_side(house: House) -> None:
    fields = {"venueId": house.venue, "name": "Net loft", "products": [house.product]}
    space = await made(house.session, "spaces", fields)
    product = (await call(house.session, "GET", f"/v1/products/{house.product}")).json
    assert set(product["spaces"]) == {house.space, space["id"]}
