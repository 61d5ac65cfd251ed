"""The tutorial's flow over HTTP, each step with what it promises."""

import uuid
from typing import Any

from http_house import House, call

UNKNOWN = str(uuid.uuid5(uuid.NAMESPACE_DNS, "nobody"))


async def test_create_booking_is_201_with_its_address_and_the_whole_booking(house: House) -> None:
    slot = (await house.slots())[0]
    told = await house.hold(slot)
    booking = told.json
    assert told.status == 201
    assert told.headers["Location"] == f"/v1/bookings/{booking['id']}"
    assert told.headers["ETag"] == '"2"'
    assert next(iter(booking)) == "id"
    assert (booking["status"], booking["version"], booking["slot"]) == ("RESERVED_15_MIN", 2, slot)
    assert (booking["totalPrice"], booking["currency"], booking["product"]["price"]) == (2500, "EUR", 2500)
    assert booking["space"] == {"id": house.space, "name": "Lighthouse room", "venueId": house.venue}
    assert booking["expiresAt"].endswith("Z")
    assert booking["paymentUrl"] is None


async def test_get_booking_shows_what_create_answered_byte_by_byte(house: House) -> None:
    created = await house.hold((await house.slots())[0])
    told = await house.get(created.json["id"])
    assert (told.status, told.raw, told.headers["ETag"]) == (200, created.raw, created.headers["ETag"])
    assert told.headers["X-Correlation-Id"] != created.headers["X-Correlation-Id"]


async def test_a_held_slot_is_not_listed_and_a_second_customer_is_refused_with_the_reason(house: House) -> None:
    before = await house.slots()
    await house.hold(before[0])
    assert await house.slots() == before[1:]
    told = await house.hold(before[0])
    assert (told.status, told.json["code"]) == (409, "SLOT_UNAVAILABLE")
    assert told.json["details"] == [{"field": "slot", "issue": "held"}]
    assert told.json["correlationId"] == told.headers["X-Correlation-Id"]


async def test_create_booking_of_an_unknown_product_or_space_is_404(house: House) -> None:
    slot = (await house.slots())[0]
    assert (await house.hold(slot, productId=UNKNOWN)).status == 404
    assert (await house.hold(slot, spaceId=UNKNOWN)).status == 404


async def test_create_booking_off_the_grid_is_422_with_the_reason(house: House) -> None:
    slot = (await house.slots())[0]
    odd = {name: moment.replace(":00:00Z", ":07:00Z") for name, moment in slot.items()}
    told = await house.hold(odd)
    assert (told.status, told.json["code"], told.json["details"][0]["issue"]) == (422, "VALIDATION_FAILED", "off_grid")


async def test_a_refused_booking_can_be_read_but_is_not_listed(house: House) -> None:
    slot = (await house.slots())[0]
    await house.hold(slot)
    refused = await house.hold(slot, key=(key := str(uuid.uuid4())))
    again = await house.hold(slot, key=key)
    assert (refused.status, again.raw) == (409, refused.raw)
    assert len((await _listed(house))["data"]) == 1


async def test_confirm_keeps_the_slot_and_confirming_twice_changes_nothing(house: House) -> None:
    booking = await house.held()
    confirmed = await house.change(booking["id"], "CONFIRMED")
    assert (confirmed.status, confirmed.json["status"], confirmed.headers["ETag"]) == (200, "CONFIRMED", '"3"')
    again = await house.change(booking["id"], "CONFIRMED")
    assert (again.status, again.raw) == (200, confirmed.raw)
    assert "Idempotency-Replayed" not in again.headers


async def test_cancel_gives_the_slot_back_before_it_is_answered(house: House) -> None:
    before = await house.slots()
    booking = await house.held()
    told = await house.change(booking["id"], "CANCEL")
    assert (told.status, told.json["status"], told.json["cancelReason"]) == (200, "CANCEL", "customer")
    assert await house.slots() == before


async def test_delete_hides_the_booking_and_gives_the_slot_back(house: House) -> None:
    before = await house.slots()
    booking = await house.held()
    told = await call(house.session, "DELETE", f"/v1/bookings/{booking['id']}")
    assert (told.status, told.raw) == (204, b"")
    assert (await house.get(booking["id"])).status == 404
    assert await house.slots() == before
    assert (await call(house.session, "DELETE", f"/v1/bookings/{booking['id']}")).status == 404


async def test_delete_of_a_confirmed_booking_is_409(house: House) -> None:
    booking = await house.held()
    await house.change(booking["id"], "CONFIRMED")
    told = await call(house.session, "DELETE", f"/v1/bookings/{booking['id']}")
    assert (told.status, told.json["code"]) == (409, "CONFLICT")


async def test_extend_moves_the_end_of_the_hold(house: House) -> None:
    booking = await house.held()
    told = await call(house.session, "POST", f"/v1/bookings/{booking['id']}/extend")
    assert (told.status, told.json["version"]) == (200, 3)
    assert told.json["expiresAt"] > booking["expiresAt"]


async def test_extend_of_a_cancelled_booking_is_409(house: House) -> None:
    booking = await house.held()
    await house.change(booking["id"], "CANCEL")
    assert (await call(house.session, "POST", f"/v1/bookings/{booking['id']}/extend")).status == 409


async def test_commands_for_an_unknown_booking_are_404(house: House) -> None:
    for method, path, body in (
        ("PATCH", "", {"status": "CONFIRMED"}),
        ("PATCH", "", {"status": "CANCEL"}),
        ("DELETE", "", None),
        ("POST", "/extend", None),
    ):
        told = await call(house.session, method, f"/v1/bookings/{UNKNOWN}{path}", body)
        assert (told.status, told.json["code"]) == (404, "NOT_FOUND"), (method, path)


async def _listed(house: House, query: str = "") -> Any:
    told = await call(house.session, "GET", f"/v1/bookings?spaceIds={house.space}{query}")
    assert told.status == 200, told.raw
    return told.json


async def test_list_bookings_is_newest_first_a_page_at_a_time(house: House) -> None:
    made = [(await house.hold(slot)).json["id"] for slot in (await house.slots())[:3]]
    first, second = await _listed(house, "&limit=2"), await _listed(house, "&limit=2&page=2")
    assert [booking["id"] for page in (first, second) for booking in page["data"]] == made[::-1]
    assert first["total"] == 3
    assert first["meta"] == {
        "page": 1,
        "limit": 2,
        "totalItems": 3,
        "totalPages": 2,
        "hasNextPage": True,
        "hasPreviousPage": False,
    }


async def test_list_bookings_by_status_and_time(house: House) -> None:
    one, other = [(await house.hold(slot)).json for slot in (await house.slots())[:2]]
    await house.change(one["id"], "CANCEL")
    assert [booking["id"] for booking in (await _listed(house, "&status=CANCEL"))["data"]] == [one["id"]]
    both = await _listed(house, "&status=CANCEL,RESERVED_15_MIN")
    assert both["total"] == 2
    late = await _listed(house, f"&from={other['slot']['from']}")
    assert [booking["id"] for booking in late["data"]] == [other["id"]]


async def test_availability_of_a_space_is_the_same_as_its_slots(house: House) -> None:
    asked = f"productId={house.product}&to=2"
    of_space = await call(house.session, "GET", f"/v1/spaces/{house.space}/availability?{asked}")
    assert [{"from": slot["from"], "to": slot["to"]} for slot in of_space.json] == await house.slots(2)
    assert {"remaining": 1, "units": 1}.items() <= of_space.json[0].items()


async def test_slots_of_an_unknown_product_or_space_are_404_in_the_words_of_a_booking(house: House) -> None:
    slot = (await house.slots())[0]
    asked = {"productId": house.product, "spaceId": house.space}
    for field, issue in (("productId", "unknown_product"), ("spaceId", "unknown_space")):
        wrong = {**asked, field: UNKNOWN}
        path = f"/v1/bookings/slots?productId={wrong['productId']}&spaceId={wrong['spaceId']}"
        told, refused = await call(house.session, "GET", path), await house.hold(slot, **{field: UNKNOWN})
        assert (told.status, told.json["details"]) == (404, [{"field": field, "issue": issue}])
        assert (refused.status, refused.json["details"]) == (404, told.json["details"])
        assert refused.json["message"] == told.json["message"]
    elsewhere = await call(house.session, "GET", f"/v1/spaces/{UNKNOWN}/availability?productId={house.product}")
    assert elsewhere.json["details"] == [{"field": "spaceId", "issue": "unknown_space"}]
