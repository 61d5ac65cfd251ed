"""`If-Match` over HTTP: a change counts for the version that was read, or has no effect."""

import uuid
from typing import Any

import pytest
from http_house import ADA, House, Told, call

CHANGES: dict[str, tuple[str, str, Any]] = {
    "details": ("PATCH", "", {"email": "grace@example.org"}),
    "extras": ("PATCH", "", {"additionalProducts": []}),
    "confirm": ("PATCH", "", {**ADA, "status": "CONFIRMED"}),
    "cancel": ("PATCH", "", {"status": "CANCEL"}),
    "move": ("PATCH", "", {"slot": None}),
    "extend": ("POST", "/extend", None),
    "delete": ("DELETE", "", None),
}


async def ask(house: House, booking: str, change: str, condition: str, key: str | None = None) -> Told:
    """The change, under this condition; a move goes to the first slot on sale."""
    method, path, body = CHANGES[change]
    if change == "move":
        body = {"slot": (await house.slots())[0]}
    headers = {"If-Match": condition} | ({"Idempotency-Key": key} if key else {})
    async with house.session.request(method, f"/v1/bookings/{booking}{path}", json=body, headers=headers) as answer:
        raw = await answer.read()
        return Told(answer.status, answer.headers, raw, await answer.json() if raw else None)


async def changed_since(house: House) -> tuple[dict[str, Any], str, str]:
    """A booking that was changed after it was read; its first ETag and the one it has now."""
    booking = await house.held()
    read = (await house.get(booking["id"])).headers["ETag"]
    told = await house.patch(booking["id"], {"email": ADA["email"]})
    return told.json, read, told.headers["ETag"]


@pytest.mark.parametrize("change", CHANGES)
async def test_change_of_a_version_that_is_gone_is_412_and_has_no_effect(house: House, change: str) -> None:
    booking, stale, current = await changed_since(house)
    on_sale = await house.slots()
    told = await ask(house, booking["id"], change, stale)
    assert (told.status, told.json["code"]) == (412, "PRECONDITION_FAILED")
    assert told.json["details"] == [{"field": "If-Match", "issue": f"the version is {booking['version']}"}]
    read = await house.get(booking["id"])
    assert (read.json, read.headers["ETag"]) == (booking, current)
    assert await house.slots() == on_sale


@pytest.mark.parametrize("change", CHANGES)
async def test_change_of_a_version_that_does_not_exist_yet_is_412(house: House, change: str) -> None:
    booking, _, _ = await changed_since(house)
    told = await ask(house, booking["id"], change, f'"{booking["version"] + 1}"')
    assert (told.status, told.json["code"]) == (412, "PRECONDITION_FAILED")
    assert (await house.get(booking["id"])).json == booking


@pytest.mark.parametrize("any_version", [False, True], ids=["its version", "any version"])
@pytest.mark.parametrize("change", CHANGES)
async def test_change_of_the_version_that_was_read_is_done(house: House, change: str, any_version: bool) -> None:
    booking, _, current = await changed_since(house)
    told = await ask(house, booking["id"], change, "*" if any_version else current)
    if change == "delete":
        assert told.status == 204
        assert (await house.get(booking["id"])).status == 404
        return
    version = booking["version"] + (change != "extras")  # none before, none now: nothing has changed
    assert (told.status, told.json["version"], told.headers["ETag"]) == (200, version, f'"{version}"')
    assert (await house.get(booking["id"])).json == told.json


async def test_tags_lead_from_answer_to_answer_through_a_booking_s_life(house: House) -> None:
    slot = (await house.slots())[0]
    held = await house.hold(slot)
    tag, booking = held.headers["ETag"], held.json["id"]
    for change in ("extend", "details", "move", "confirm", "cancel"):
        told = await ask(house, booking, change, tag)
        assert (told.status, told.headers["ETag"] != tag) == (200, True), (change, told.raw)
        tag = told.headers["ETag"]
    assert (await house.get(booking)).headers["ETag"] == tag
    assert (await ask(house, booking, "delete", tag)).status == 204


async def test_refusal_is_the_key_s_answer_even_when_the_condition_would_hold_now(house: House) -> None:
    booking, _, _ = await changed_since(house)
    key, ahead = str(uuid.uuid4()), f'"{booking["version"] + 1}"'
    refused = await ask(house, booking["id"], "details", ahead, key)
    assert refused.status == 412
    await house.patch(booking["id"], {"name": "Ada"})
    again = await ask(house, booking["id"], "details", ahead, key)
    assert (again.status, again.raw, again.headers["Idempotency-Replayed"]) == (412, refused.raw, "true")


async def test_same_key_under_another_condition_is_another_request(house: House) -> None:
    booking, stale, current = await changed_since(house)
    key = str(uuid.uuid4())
    done = await ask(house, booking["id"], "details", current, key)
    other = await ask(house, booking["id"], "details", stale, key)
    assert (done.status, other.status, other.json["code"]) == (200, 422, "IDEMPOTENCY_KEY_REUSED")


async def test_condition_on_a_booking_that_is_not_there_is_404(house: House) -> None:
    for condition in ('"1"', "*"):
        told = await ask(house, str(uuid.uuid4()), "details", condition)
        assert (told.status, told.json["code"]) == (404, "NOT_FOUND")


async def test_condition_on_what_has_no_version_is_400_and_nothing_is_made(house: House) -> None:
    name = f"House {uuid.uuid4()}"
    async with house.session.post("/v1/venues", json={"name": name}, headers={"If-Match": '"1"'}) as answer:
        assert (answer.status, (await answer.json())["details"][0]["field"]) == (400, "If-Match")
    venues = (await call(house.session, "GET", "/v1/venues?limit=100")).json["data"]
    assert name not in [venue["name"] for venue in venues]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("kind", "change"), [("venues", {"type": "office"}), ("spaces", {"units": 2}), ("products", {"price": 1})]
)
async def test_change_of_a_catalogue_entry_counts_for_the_version_that_is_named(
    house: House, kind: str, change: dict[str, Any], method: str
) -> None:
    name = f"Entry {uuid.uuid4()}"
    more: dict[str, Any] = {
        "venues": {},
        "spaces": {"venueId": house.venue},
        "products": {"reference": name, "price": 2, "currency": "EUR"},
    }
    path = f"/v1/{kind}/{(await call(house.session, 'POST', f'/v1/{kind}', {'name': name, **more[kind]})).json['id']}"
    before = (await call(house.session, "GET", path)).json
    for condition, status in (('"2"', 412), ('"1"', 200 if method == "PATCH" else 204)):
        body = change if method == "PATCH" else None
        async with house.session.request(method, path, json=body, headers={"If-Match": condition}) as answer:
            assert answer.status == status
        if status == 412:
            assert (await call(house.session, "GET", path)).json == before
