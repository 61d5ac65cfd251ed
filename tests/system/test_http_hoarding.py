"""Who hoards slots is stopped: by the number held at a time, and by how long one may be held in all."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from http_house import House, call, crowded, opened

from embedded.platform import running

MOST = 5
SETTINGS = {"HOLDFAST_BOOKING_HELD_SLOTS": str(MOST), "HOLDFAST_AVAILABILITY_HOLD_CAP": "PT15M"}


@pytest.fixture(scope="module")
async def strict() -> AsyncIterator[str]:
    """A platform on which little is held, and not for long."""
    async with running(fast_sessions=True, settings=SETTINGS) as platform:
        yield platform.url


async def test_slots_beyond_the_cap_are_429_until_one_is_let_go_and_holds_are_not_renewed_for_ever(strict: str) -> None:
    async with opened(strict) as house:
        slots = await house.slots(7)
        async with crowded(house) as crowd:
            told = await asyncio.gather(*(crowd.hold(slot) for slot in slots[:100]))
        held = [each.json for each in told if each.status == 201]
        refused = [each for each in told if each.status == 429]
        assert (len(held), len(refused)) == (MOST, 100 - MOST)
        assert {each.json["code"] for each in refused} == {"RATE_LIMITED"}
        assert {each.headers["Retry-After"] for each in refused} == {"1"}
        assert refused[0].json["details"] == [{"field": "slot", "issue": "too_many_held"}]
        await _renewed(house, held[0]["id"])
        assert (await house.change(held[1]["id"], "CANCEL")).status == 200
        assert (await house.change(held[2]["id"], "CONFIRMED")).status == 200
        after = [(await house.hold(slot)).status for slot in slots[100:103]]
        assert after == [201, 201, 429]


async def _renewed(house: House, booking: str) -> None:
    told = await call(house.session, "POST", f"/v1/bookings/{booking}/extend")
    assert (told.status, told.json["code"]) == (409, "CONFLICT")
