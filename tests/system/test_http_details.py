"""Who books, which extras, another slot: PATCH over HTTP, each with what it promises."""

import uuid
from typing import Any

import pytest
from http_house import ADA, House, Told, call, made

SOMEBODY = str(uuid.uuid5(uuid.NAMESPACE_DNS, "somebody"))


async def extra(house: House, price: int = 500, **fields: Any) -> str:
    """A product that is sold beside a booking."""
    named = {"name": "Coffee", "reference": str(uuid.uuid4()), "price": price, "currency": "EUR"}
    return str((await made(house.session, "products", {**named, "category": "additional", **fields}))["id"])


def fields(told: Told) -> list[tuple[str, str]]:
    """What the refusal names."""
    return [(detail["field"], detail["issue"]) for detail in told.json["details"]]


async def test_details_are_kept_and_so_is_the_hold(house: House) -> None:
    booking = await house.held()
    told = await house.patch(booking["id"], {"email": "Grace@Example.org", "phone": "+33 4 91 00 00 00"})
    assert (told.status, told.headers["ETag"]) == (200, '"3"')
    assert (told.json["status"], told.json["expiresAt"]) == ("RESERVED_15_MIN", booking["expiresAt"])
    customer = told.json["customer"]
    assert (customer["email"], customer["phone"], customer["name"]) == ("Grace@example.org", "+33491000000", None)
    named = await house.patch(booking["id"], {"name": "Grace Hopper"})
    assert named.json["customer"] == {**customer, "name": "Grace Hopper"}
    assert (await house.get(booking["id"])).raw == named.raw


async def test_confirm_needs_e_mail_and_phone_and_names_each_that_is_missing(house: House) -> None:
    booking = await house.held()
    nothing = await house.patch(booking["id"], {"status": "CONFIRMED"})
    assert (nothing.status, nothing.json["code"]) == (422, "VALIDATION_FAILED")
    assert fields(nothing) == [("email", "is required"), ("phone", "is required")]
    half = await house.patch(booking["id"], {"status": "CONFIRMED", "email": ADA["email"]})
    assert fields(half) == [("phone", "is required")]
    assert (await house.get(booking["id"])).json == booking
    await house.patch(booking["id"], ADA)
    confirmed = await house.patch(booking["id"], {"status": "CONFIRMED"})
    assert (confirmed.status, confirmed.json["status"], confirmed.json["version"]) == (200, "CONFIRMED", 4)
    assert confirmed.json["customer"]["email"] == ADA["email"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"email": "ada"}, "email"),
        ({"email": "ada@"}, "email"),
        ({"email": ADA["email"], "phone": "12345"}, "phone"),
        ({"email": ADA["email"], "phone": "call me"}, "phone"),
        ({"phone": ADA["phone"]}, "email"),
    ],
)
async def test_details_that_are_none_are_422_and_name_the_field(
    house: House, wrong: dict[str, str], field: str
) -> None:
    booking = await house.held()
    told = await house.patch(booking["id"], wrong)
    assert (told.status, told.json["code"], [name for name, _ in fields(told)]) == (422, "VALIDATION_FAILED", [field])
    assert (await house.get(booking["id"])).json == booking


async def test_extras_are_added_at_their_price_and_keep_it(house: House) -> None:
    coffee, tea = await extra(house), await extra(house, 300)
    booking = await house.held()
    one = await house.patch(booking["id"], {"additionalProducts": [coffee]})
    assert one.json["additionalProducts"] == [{"id": coffee, "name": "Coffee", "price": 500}]
    assert (one.json["totalPrice"], one.json["expiresAt"]) == (3000, booking["expiresAt"])
    dearer = await call(house.session, "PATCH", f"/v1/products/{coffee}", {"price": 900})
    assert dearer.status == 200
    both = await house.patch(booking["id"], {"additionalProducts": [coffee, tea]})
    assert [each["price"] for each in both.json["additionalProducts"]] == [500, 300]
    assert both.json["totalPrice"] == 3300
    confirmed = await house.patch(booking["id"], {**ADA, "status": "CONFIRMED", "additionalProducts": [tea]})
    assert (confirmed.json["status"], confirmed.json["totalPrice"]) == ("CONFIRMED", 2800)
    late = await house.patch(booking["id"], {"additionalProducts": [coffee, tea]})
    assert (late.status, late.json["code"]) == (409, "CONFLICT")


async def test_confirm_brings_new_extras(house: House) -> None:
    coffee = await extra(house)
    booking = await house.held()
    told = await house.patch(booking["id"], {**ADA, "status": "CONFIRMED", "additionalProducts": [coffee]})
    assert (told.status, told.json["status"], told.json["version"]) == (200, "CONFIRMED", 3)
    assert (told.json["totalPrice"], told.json["additionalProducts"][0]["id"]) == (3000, coffee)


async def test_extras_that_are_none_are_422_and_each_is_named(house: House) -> None:
    coffee, dollars = await extra(house), await extra(house, currency="USD")
    unknown = str(uuid.uuid4())
    booking = await house.held()
    wanted = [coffee, unknown, house.product, dollars]
    told = await house.patch(booking["id"], {**ADA, "status": "CONFIRMED", "additionalProducts": wanted})
    assert (told.status, told.json["code"]) == (422, "VALIDATION_FAILED")
    assert fields(told) == [
        ("additionalProducts.1", "unknown_product"),
        ("additionalProducts.2", "not_additional"),
        ("additionalProducts.3", "other_currency"),
    ]
    assert (await house.get(booking["id"])).json == booking


async def test_booking_moves_within_its_space(house: House) -> None:
    first, second, *_ = slots = await house.slots()
    booking = (await house.hold(first)).json
    told = await house.patch(booking["id"], {"slot": second})
    assert (told.status, told.json["slot"], told.json["version"]) == (200, second, 3)
    assert (told.json["expiresAt"], told.json["totalPrice"]) == (booking["expiresAt"], booking["totalPrice"])
    assert await house.slots() == [slot for slot in slots if slot != second]
    await house.change(booking["id"], "CONFIRMED")
    back = await house.patch(booking["id"], {"slot": first, "spaceId": house.space})
    assert (back.status, back.json["status"], back.json["slot"]) == (200, "CONFIRMED", first)


async def test_booking_stays_where_it_is_when_the_other_slot_is_not_to_be_had(house: House) -> None:
    first, second, *_ = await house.slots()
    booking, rival = (await house.hold(first)).json, (await house.hold(second)).json
    taken = await house.patch(booking["id"], {"slot": second})
    assert (taken.status, taken.json["code"], fields(taken)) == (409, "SLOT_UNAVAILABLE", [("slot", "held")])
    odd = {name: moment.replace(":00:00Z", ":07:00Z") for name, moment in first.items()}
    off = await house.patch(booking["id"], {"slot": odd})
    assert (off.status, fields(off)) == (422, [("slot", "off_grid")])
    elsewhere = await house.patch(booking["id"], {"slot": second, "spaceId": str(uuid.uuid4())})
    assert (elsewhere.status, fields(elsewhere)) == (422, [("spaceId", "is another space")])
    assert (await house.get(booking["id"])).json == booking
    assert (await house.get(rival["id"])).json == rival


async def test_change_that_no_single_command_can_do_is_422(house: House) -> None:
    first, second, *_ = await house.slots()
    booking = (await house.hold(first)).json
    for body, field in (
        ({"slot": second, "email": ADA["email"]}, "email"),
        ({"slot": second, "status": "CONFIRMED"}, "status"),
        ({"status": "CANCEL", "name": "Ada"}, "name"),
        ({"spaceId": house.space}, "slot"),
    ):
        told = await house.patch(booking["id"], body)
        assert (told.status, [name for name, _ in fields(told)]) == (422, [field]), body
    assert (await house.get(booking["id"])).json == booking


async def test_change_of_nothing_is_200_and_no_new_version(house: House) -> None:
    booking = await house.held()
    told = await house.patch(booking["id"], {})
    assert (told.status, told.json) == (200, booking)


async def test_cancelled_and_deleted_bookings_do_not_change(house: House) -> None:
    first, second, *_ = await house.slots()
    booking = (await house.hold(first)).json
    await house.change(booking["id"], "CANCEL")
    for body in ({"slot": second}, ADA, {"additionalProducts": []}, {**ADA, "status": "CONFIRMED"}):
        told = await house.patch(booking["id"], body)
        assert (told.status, told.json["code"]) == (409, "CONFLICT"), body
    await call(house.session, "DELETE", f"/v1/bookings/{booking['id']}")
    assert (await house.patch(booking["id"], ADA)).status == 404


@pytest.mark.parametrize(
    "body",
    [
        {"organisationId": "rival"},
        {"totalPrice": 1},
        {"expiresAt": "2030-01-01T00:00:00Z"},
        {"id": SOMEBODY},
        {"version": 7},
        {"customer": {"id": SOMEBODY, "email": "x@example.org"}},
        {"status": "RESERVED_15_MIN"},
        {"status": "PAID"},
        {"email": None},
        {"additionalProducts": [{"id": SOMEBODY, "price": 1}]},
    ],
    ids=str,
)
async def test_body_sets_nothing_that_is_not_the_client_s_to_set(house: House, body: dict[str, Any]) -> None:
    booking = await house.held()
    told = await house.patch(booking["id"], body)
    assert (told.status, told.json["code"]) == (400, "VALIDATION_FAILED")
    assert (await house.get(booking["id"])).json == booking
    new = await house.hold((await house.slots())[0], **body)
    assert new.status == 400
