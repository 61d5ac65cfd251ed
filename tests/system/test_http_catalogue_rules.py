"""What the catalogue refuses and says of bookings that exist, over HTTP."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from http_house import House, Told, call, made


async def _change(house: House, kind: str, entry: str, fields: dict[str, Any]) -> Told:
    return await call(house.session, "PATCH", f"/v1/{kind}/{entry}", fields)


def _fields(told: Told) -> set[str]:
    return {detail["field"] for detail in told.json["details"]}


PRODUCT: dict[str, Any] = {"name": "Hour", "reference": "r", "price": 1, "currency": "EUR"}
WRONG: list[tuple[str, dict[str, Any], set[str]]] = [
    ("venues", {}, {"name"}),
    ("venues", {"name": "", "timezone": "Mars/Base", "closure": 1}, {"name", "timezone", "closure"}),
    (
        "venues",
        {"name": "V", "openingHours": [{"day": "monday", "open": "9", "close": "24:01"}, {"day": "funday"}]},
        {
            "openingHours.0.open",
            "openingHours.0.close",
            "openingHours.1.day",
            "openingHours.1.open",
            "openingHours.1.close",
        },
    ),
    ("venues", {"name": "V", "closures": [{"from": "2027-05-02", "to": "2027-05-01"}]}, {"closures.0"}),
    ("spaces", {"name": "S"}, {"venueId"}),
    ("spaces", {"venueId": "x", "name": "S", "units": 0, "capacity": -1}, {"venueId", "units", "capacity"}),
    ("spaces", {"venueId": str(uuid.uuid4()), "name": "S", "products": [str(uuid.uuid4())]}, {"venueId", "products"}),
    ("products", {}, {"name", "reference", "price", "currency"}),
    (
        "products",
        {**PRODUCT, "price": -1, "currency": "euro", "category": "gift", "holdMinutes": 7, "leadTime": "P1M"},
        {"price", "currency", "category", "holdMinutes", "leadTime"},
    ),
    ("products", {**PRODUCT, "startStep": "PT30S", "horizon": "P9999D"}, {"startStep", "horizon"}),
    (
        "products",
        {**PRODUCT, "metadata": {"durationType": "hourly", "durationValue": 0}},
        {"metadata.duration.value"},
    ),
    ("products", {**PRODUCT, "spaces": [str(uuid.uuid4())]}, {"spaces"}),
]


@pytest.mark.parametrize(("kind", "body", "fields"), WRONG)
async def test_a_wrong_entry_is_refused_with_each_field_that_is_wrong(
    house: House, kind: str, body: dict[str, Any], fields: set[str]
) -> None:
    told = await call(house.session, "POST", f"/v1/{kind}", body)
    assert (told.status in (400, 422), told.json["code"]) == (True, "VALIDATION_FAILED"), told.raw
    assert _fields(told) == fields


async def test_a_price_change_leaves_bookings_as_they_are(house: House) -> None:
    booking = await house.held()
    assert (await _change(house, "products", house.product, {"price": 9900, "name": "Dear"})).status == 200
    told = (await house.get(booking["id"])).json
    assert (told["totalPrice"], told["product"]) == (2500, booking["product"])
    assert (await house.held())["totalPrice"] == 9900


async def test_what_live_bookings_use_is_not_deleted_and_they_are_named(house: House) -> None:
    bookings = sorted([(await house.hold(slot)).json["id"] for slot in (await house.slots(3))[:25]])
    for path in (f"/v1/products/{house.product}", f"/v1/spaces/{house.space}"):
        told = await call(house.session, "DELETE", path)
        assert (told.status, told.json["code"]) == (409, "CONFLICT")
        assert told.json["details"] == [{"field": "bookings", "issue": id_} for id_ in bookings]
    for booking in bookings:
        await house.change(booking, "CANCEL")
    for path in (f"/v1/products/{house.product}", f"/v1/spaces/{house.space}", f"/v1/venues/{house.venue}"):
        assert (await call(house.session, "DELETE", path)).status == 204


async def test_a_new_closure_answers_with_the_bookings_it_hits_and_they_keep_their_slots(house: House) -> None:
    slots = await house.slots(9)
    day = datetime.fromisoformat(slots[48]["from"]).date()
    others, hit = slots[0], [slot for slot in slots if slot["from"].startswith(str(day))][:2]
    await house.hold(others)
    kept, cancelled = [(await house.hold(slot)).json["id"] for slot in hit]
    await house.change(cancelled, "CANCEL")
    closure = {"from": str(day), "to": str(day), "reason": "Stocktaking"}
    told = await _change(house, "venues", house.venue, {"closures": [closure]})
    assert told.status == 200
    assert told.json["closures"] == [closure]
    assert told.json["affectedBookings"] == [{"id": kept, "spaceId": house.space, "slot": hit[0]}]
    assert told.json["moreAffected"] is False
    assert (await house.get(kept)).json["status"] == "RESERVED_15_MIN"
    assert not [slot for slot in await house.slots(9) if slot["from"].startswith(str(day))]
    refused = await house.hold(hit[1])
    assert (refused.status, refused.json["details"][0]["issue"]) == (422, "closed")
    later = {"from": str(day + timedelta(days=1)), "to": str(day + timedelta(days=1)), "reason": ""}
    again = await _change(house, "venues", house.venue, {"closures": [closure, later]})
    assert again.json["affectedBookings"] == []  # the first one is not new any more


async def test_only_an_answer_to_closures_speaks_of_bookings(house: House) -> None:
    told = await _change(house, "venues", house.venue, {"type": "hotel"})
    assert told.raw == (await call(house.session, "GET", f"/v1/venues/{house.venue}")).raw


async def test_the_flat_form_of_a_duration_is_accepted(house: House) -> None:
    body = {**PRODUCT, "reference": str(uuid.uuid4()), "metadata": {"durationType": "daily", "durationValue": 2}}
    product = await made(house.session, "products", body)
    assert product["metadata"] == {"duration": {"type": "daily", "value": 2}}


async def test_a_relation_that_one_side_ends_is_ended_on_the_other(house: House) -> None:
    assert (await _change(house, "spaces", house.space, {"products": []})).status == 200
    assert (await call(house.session, "GET", f"/v1/products/{house.product}")).json["spaces"] == []
    assert await house.slots() == []
    assert (await _change(house, "products", house.product, {"spaces": [house.space]})).status == 200
    assert (await call(house.session, "GET", f"/v1/spaces/{house.space}")).json["products"] == [house.product]


async def test_lists_are_narrowed_by_what_entries_belong_to(house: House) -> None:
    coffee = {**PRODUCT, "reference": str(uuid.uuid4()), "category": "additional"}
    extra = await made(house.session, "products", coffee)
    for path, expected in (
        (f"/v1/spaces?venueId={house.venue}", [house.space]),
        (f"/v1/spaces?productId={house.product}&venueId={house.venue}", [house.space]),
        (f"/v1/products?spaceId={house.space}", [house.product]),
        (f"/v1/products?spaceId={house.space}&category=additional", []),
        (f"/v1/products?reference={coffee['reference']}&category=additional", [extra["id"]]),
    ):
        told = await call(house.session, "GET", path)
        assert (told.status, [entry["id"] for entry in told.json["data"]]) == (200, expected), path
        assert told.json["total"] == len(expected)
    for path in ("/v1/venues?venueId=1", "/v1/spaces?venueId=x", "/v1/products?category=gift", "/v1/products?page=0"):
        assert (await call(house.session, "GET", path)).status == 400, path


async def test_a_product_is_bookable_as_soon_as_it_is_read(house: House) -> None:
    slot = (await house.slots())[0]
    for _ in range(5):
        fields = {**PRODUCT, "reference": str(uuid.uuid4()), "spaces": [house.space]}
        product = await made(house.session, "products", fields)
        booked = await house.hold(slot, productId=product["id"])
        assert booked.status == 201, booked.raw
        await house.change(booked.json["id"], "CANCEL")


async def test_slots_are_explained(house: House) -> None:
    slots = await house.slots()
    held, booked = (await house.hold(slots[0])).json, (await house.hold(slots[1])).json
    await house.change(booked["id"], "CONFIRMED")
    asked = f"productId={house.product}&to=1&explain=true"
    told = await call(house.session, "GET", f"/v1/bookings/slots?spaceId={house.space}&{asked}")
    assert told.status == 200
    assert [{"from": each["from"], "to": each["to"]} for each in told.json["slots"]] == slots[2:]
    assert told.json["unavailable"][:2] == [
        {**slots[0], "reason": "held", "until": held["expiresAt"]},
        {**slots[1], "reason": "booked", "until": None},
    ]
    same = await call(house.session, "GET", f"/v1/spaces/{house.space}/availability?{asked}")
    assert same.json["unavailable"] == told.json["unavailable"]
    wrong = await call(house.session, "GET", f"/v1/spaces/{house.space}/availability?{asked}&explain=maybe")
    assert wrong.status == 400
