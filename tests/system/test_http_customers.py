"""Customers over HTTP: found by their address or made, by a request or by the booking that names them."""

import uuid
from typing import Any

from http_house import ADA, House, Told, call


def somebody() -> str:
    return f"{uuid.uuid4()}@example.org"


async def enter(house: House, body: dict[str, Any], key: str | None = None) -> Told:
    return await call(house.session, "POST", "/v1/customers", body, key)


async def listed(house: House, query: str) -> Any:
    told = await call(house.session, "GET", query)
    assert told.status == 200, told.raw
    return told.json


async def test_customer_is_made_once_and_found_again(house: House) -> None:
    email, key = somebody(), str(uuid.uuid4())
    made = await enter(house, {"email": email, "name": "Ada", "phone": "+33 4 91 00 00 00"}, key)
    assert made.status == 201
    assert made.json == {"id": made.json["id"], "email": email, "name": "Ada", "phone": "+33491000000"}
    assert made.headers["Location"] == f"/v1/customers/{made.json['id']}"
    again = await enter(house, {"email": email, "name": "Ada", "phone": "+33 4 91 00 00 00"}, key)
    assert (again.status, again.raw, again.headers["Idempotency-Replayed"]) == (201, made.raw, "true")
    found = await enter(house, {"email": email.upper(), "name": "Somebody else"})
    assert (found.status, found.json) == (200, made.json)
    got = await call(house.session, "GET", made.headers["Location"])
    assert (got.status, got.raw) == (200, made.raw)


async def test_customer_is_refused_when_the_address_is_none(house: House) -> None:
    told = await enter(house, {"email": "ada", "phone": "1"})
    assert (told.status, [detail["field"] for detail in told.json["details"]]) == (422, ["email", "phone"])
    assert (await enter(house, {"name": "Ada"})).status == 400


async def test_unknown_customer_is_404(house: House) -> None:
    assert (await call(house.session, "GET", f"/v1/customers/{uuid.uuid4()}")).status == 404


async def test_booking_enters_its_customer_and_is_found_by_them(house: House) -> None:
    email = somebody()
    one, other = [(await house.hold(slot)).json["id"] for slot in (await house.slots())[:2]]
    told = await house.patch(one, {**ADA, "email": email})
    customer = told.json["customer"]
    got = await call(house.session, "GET", f"/v1/customers/{customer['id']}")
    assert (got.status, got.json) == (200, customer)
    mine = await listed(house, f"/v1/bookings?customerId={customer['id']}")
    assert ([booking["id"] for booking in mine["data"]], mine["total"]) == ([one], 1)
    await house.patch(other, {"email": email, "name": "Countess"})
    both = await listed(house, f"/v1/bookings?customerId={customer['id']}&limit=1")
    assert ([booking["id"] for booking in both["data"]], both["meta"]["totalItems"]) == ([other], 2)
    renamed = await call(house.session, "GET", f"/v1/customers/{customer['id']}")
    assert renamed.json == {**customer, "name": "Countess"}


async def test_list_of_customers_is_newest_first_a_page_at_a_time(house: House) -> None:
    made = [(await enter(house, {"email": somebody()})).json for _ in range(3)]
    page = await listed(house, "/v1/customers?limit=2")
    assert page["data"] == made[:0:-1]
    assert (page["meta"]["page"], page["meta"]["limit"], page["meta"]["hasNextPage"]) == (1, 2, True)
    assert page["total"] == page["meta"]["totalItems"] >= 3
    one = await listed(house, f"/v1/customers?email={made[0]['email']}")
    assert (one["data"], one["total"]) == ([made[0]], 1)
    wrong = await call(house.session, "GET", "/v1/customers?email=nobody")
    assert (wrong.status, wrong.json["details"][0]["field"]) == (422, "email")


async def test_deleted_booking_says_nothing_of_its_customer_any_more(house: House, platform: Any) -> None:
    import asyncpg

    booking = await house.held()
    customer = (await house.patch(booking["id"], {**ADA, "email": (email := somebody())})).json["customer"]
    assert (await call(house.session, "DELETE", f"/v1/bookings/{booking['id']}")).status == 204
    assert (await listed(house, f"/v1/bookings?customerId={customer['id']}"))["total"] == 0
    connection = await asyncpg.connect(platform.dsn("booking"))
    row = await connection.fetchrow("SELECT hidden, state, customer_id FROM bookings WHERE id = $1", booking["id"])
    await connection.close()
    assert (row["hidden"], row["customer_id"]) == (True, None)
    assert email not in row["state"]
    assert ADA["phone"] not in row["state"]
