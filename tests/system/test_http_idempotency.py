"""One key, one effect, one answer, whoever repeats it and how often."""

import asyncio
import uuid

import pytest
from http_house import House, call, crowded


@pytest.fixture
def key() -> str:
    return str(uuid.uuid4())


async def test_a_repeated_create_is_answered_with_the_same_bytes_and_says_so(house: House, key: str) -> None:
    slot = (await house.slots())[0]
    first, again = await house.hold(slot, key), await house.hold(slot, f'"{key}"')
    assert (again.status, again.raw) == (first.status, first.raw) == (201, first.raw)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["X-Correlation-Id"] == first.headers["X-Correlation-Id"]
    assert again.headers["Location"] == first.headers["Location"]


async def test_a_repeat_says_what_was_true_then(house: House, key: str) -> None:
    slot = (await house.slots())[0]
    first = await house.hold(slot, key)
    await house.change(first.json["id"], "CANCEL")
    again = await house.hold(slot, key)
    assert (again.raw, again.json["status"]) == (first.raw, "RESERVED_15_MIN")


async def test_another_body_or_operation_under_the_same_key_is_422(house: House, key: str) -> None:
    one, other = (await house.slots())[:2]
    booking = (await house.hold(one, key)).json
    for told in (
        await house.hold(other, key),
        await house.change(booking["id"], "CONFIRMED", key),
        await call(house.session, "DELETE", f"/v1/bookings/{booking['id']}", key=key),
        await call(house.session, "POST", f"/v1/bookings/{booking['id']}/extend", key=key),
    ):
        assert (told.status, told.json["code"]) == (422, "IDEMPOTENCY_KEY_REUSED"), told.raw
    assert (await house.get(booking["id"])).json == booking


async def test_100_equal_requests_at_once_have_one_effect_and_one_answer(house: House, key: str) -> None:
    before = await house.slots()
    async with crowded(house) as crowd:
        told = await asyncio.gather(*(crowd.hold(before[0], key) for _ in range(100)))
    assert {(each.status, each.raw) for each in told} == {(201, told[0].raw)}
    assert await house.slots() == before[1:]


async def test_100_customers_for_one_slot_have_one_winner(house: House) -> None:
    slot = (await house.slots())[0]
    async with crowded(house) as crowd:
        told = await asyncio.gather(*(crowd.hold(slot) for _ in range(100)))
    assert sorted(each.status for each in told) == [201] + [409] * 99


async def test_a_refusal_is_repeated_as_it_was(house: House, key: str) -> None:
    slot = (await house.slots())[0]
    booking = (await house.hold(slot)).json
    first = await house.hold(slot, key)
    await house.change(booking["id"], "CANCEL")
    again = await house.hold(slot, key)
    assert (first.status, again.raw, again.headers["Idempotency-Replayed"]) == (409, first.raw, "true")


async def test_without_a_key_the_drawn_one_repeats_the_request(house: House) -> None:
    slot = (await house.slots())[0]
    first = await house.hold(slot)
    again = await house.hold(slot, first.headers["Idempotency-Key"])
    assert (again.raw, again.headers["Idempotency-Replayed"]) == (first.raw, "true")


async def test_a_repeated_delete_is_204_again(house: House, key: str) -> None:
    booking = await house.held()
    path = f"/v1/bookings/{booking['id']}"
    first = await call(house.session, "DELETE", path, key=key)
    again = await call(house.session, "DELETE", path, key=key)
    assert (first.status, again.status, again.headers["Idempotency-Replayed"]) == (204, 204, "true")
