"""A key names one request, whatever it asks for, over HTTP and Kafka, and whichever gateway it comes through."""

import asyncio
import uuid
from typing import Any

import pytest
from gateways import free_port, gateway, until_ready
from http_house import House, call, crowded

from contracts.catalogue import VenueFields
from contracts.client import Client, CommandRefused


@pytest.fixture
def key() -> str:
    return str(uuid.uuid4())


async def test_a_key_of_the_catalogue_is_not_good_for_a_booking_nor_the_other_way(house: House, key: str) -> None:
    made = await call(house.session, "POST", "/v1/venues", {"name": "House"}, key)
    told = await house.hold((await house.slots())[0], key)
    assert (made.status, told.status, told.json["code"]) == (201, 422, "IDEMPOTENCY_KEY_REUSED")

    other = str(uuid.uuid4())
    held = await house.hold((await house.slots())[0], other)
    told = await call(house.session, "POST", "/v1/venues", {"name": "House"}, other)
    assert (held.status, told.status, told.json["code"]) == (201, 422, "IDEMPOTENCY_KEY_REUSED")
    # The first requests keep their answers.
    again = await call(house.session, "POST", "/v1/venues", {"name": "House"}, key)
    assert (again.raw, again.headers["Idempotency-Replayed"]) == (made.raw, "true")
    again = await house.hold(held.json["slot"], other)
    assert (again.raw, again.headers["Idempotency-Replayed"]) == (held.raw, "true")


async def test_a_key_of_one_entry_is_not_good_for_another(house: House, key: str) -> None:
    told = await call(house.session, "POST", "/v1/venues", {"name": "House"}, key)
    for method, path, body in (
        ("POST", "/v1/venues", {"name": "Another house"}),
        ("PATCH", f"/v1/venues/{told.json['id']}", {"name": "House"}),
        ("DELETE", f"/v1/venues/{told.json['id']}", None),
        ("PATCH", f"/v1/spaces/{house.space}", {"units": 3}),
        ("DELETE", f"/v1/products/{house.product}", None),
    ):
        refused = await call(house.session, method, path, body, key)
        assert (refused.status, refused.json["code"]) == (422, "IDEMPOTENCY_KEY_REUSED"), refused.raw


async def test_a_key_over_kafka_and_the_same_over_http_meet(platform: Any, house: House, key: str) -> None:
    # The client `demo` of the organisation `demo`, as the token says it.
    async with Client(platform.kafka, organisation="demo", name="demo") as holdfast:
        held = await house.hold((await house.slots())[0], key)
        with pytest.raises(CommandRefused, match="IDEMPOTENCY_KEY_REUSED"):
            await holdfast.put_venue(str(uuid.uuid4()), VenueFields(name="House"), create=True, key=key)
        again = await holdfast.create_booking(
            house.product, house.space, (await _booking(holdfast, house, key)).slot, key=key
        )
        assert again.id == held.json["id"]
        other = str(uuid.uuid4())
        await holdfast.put_venue(str(uuid.uuid4()), VenueFields(name="House"), create=True, key=other)
        told = await house.hold((await house.slots())[0], other)
        assert (told.status, told.json["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


async def _booking(holdfast: Client, house: House, key: str) -> Any:
    from contracts.booking import Booking
    from contracts.client import booking_id

    told = await house.get(booking_id(holdfast.command_id(key)))
    return Booking.model_validate_json(told.raw)


# Item 14.
async def test_100_equal_requests_at_once_make_one_venue_and_get_one_answer(house: House, key: str) -> None:
    name = f"House {key}"
    async with crowded(house) as crowd:
        told = await asyncio.gather(
            *(call(crowd.session, "POST", "/v1/venues", {"name": name}, key) for _ in range(100))
        )
    assert {(each.status, each.raw) for each in told} == {(201, told[0].raw)}
    venues = (await call(house.session, "GET", "/v1/venues?limit=100")).json["data"]
    assert sum(venue["name"] == name for venue in venues) == 1


# Item 14.
async def test_100_different_requests_at_once_under_one_key_have_one_winner(house: House, key: str) -> None:
    slot = (await house.slots())[0]
    async with crowded(house) as crowd:
        asked = [
            crowd.hold(slot, key)
            if number % 2
            else call(crowd.session, "POST", "/v1/venues", {"name": f"H{number}"}, key)
            for number in range(100)
        ]
        told = await asyncio.gather(*asked)
    statuses = {each.status for each in told}
    assert statuses == {201, 422}
    done = {each.raw for each in told if each.status == 201}
    assert len(done) == 1
    assert all(each.json["code"] == "IDEMPOTENCY_KEY_REUSED" for each in told if each.status == 422)


async def test_a_retry_through_another_gateway_gets_the_original_answer(platform: Any, house: House, key: str) -> None:
    slot = (await house.slots())[0]
    first = await house.hold(slot, key)
    venue = await call(house.session, "POST", "/v1/venues", {"name": "House"}, venue_key := str(uuid.uuid4()))
    environment = {name: value for name, value in platform.environment.items() if name.startswith("HOLDFAST_")}
    async with gateway(environment, free_port()) as other:
        await until_ready(other.session)
        # Its keys and its issuer are those of the platform: the token of the one is good at the other.
        headers = {**house.session.headers, "Idempotency-Key": key}
        body = {"productId": house.product, "spaceId": house.space, "slot": slot}
        async with other.session.post("/v1/bookings", json=body, headers=headers) as answer:
            assert (answer.status, await answer.read()) == (201, first.raw)
            assert answer.headers["Idempotency-Replayed"] == "true"
        headers["Idempotency-Key"] = venue_key
        async with other.session.post("/v1/venues", json={"name": "House"}, headers=headers) as answer:
            assert (answer.status, await answer.read()) == (201, venue.raw)


async def test_a_catalogue_command_whose_key_nobody_claims_is_503_and_done_later(
    platform: Any, house: House, key: str
) -> None:
    body = {"name": f"House {key}"}
    await platform.stop_process("booking-1")
    try:
        told = await call(house.session, "POST", "/v1/venues", body, key)
        assert (told.status, told.json["code"], told.headers["Retry-After"]) == (503, "SERVICE_UNAVAILABLE", "1")
    finally:
        await platform.start_process("booking-1")
    while (told := await call(house.session, "POST", "/v1/venues", body, key)).status in (202, 503):
        pass
    assert (told.status, told.json["name"]) == (201, body["name"])


async def test_a_read_that_is_known_is_304(house: House) -> None:
    booking = await house.held()
    path, tag = f"/v1/bookings/{booking['id']}", f'"{booking["version"]}"'
    async with house.session.get(path, headers={"If-None-Match": tag}) as answer:
        assert (answer.status, answer.headers["ETag"], await answer.read()) == (304, tag, b"")
    await house.change(booking["id"], "CONFIRMED")
    async with house.session.get(path, headers={"If-None-Match": tag}) as answer:
        assert (answer.status, answer.headers["ETag"]) == (200, f'"{booking["version"] + 1}"')
    async with house.session.head(path) as answer:
        assert (answer.status, answer.headers["ETag"]) == (200, f'"{booking["version"] + 1}"')
