"""Why the rest of a range is not offered, as the gateway reads it from a real PostgreSQL."""

from datetime import datetime

import asyncpg
import pytest
from shop import DAY, HOUR, OPEN, ROOM, ask, take, tomorrow, written

from chassis.reads import BadQuery
from contracts.catalogue import OpeningHours
from contracts.examples import COFFEE, LIGHTHOUSE
from services.availability import catalogue_storage as storage


async def test_slots_are_explained_when_it_is_asked_for(house: asyncpg.Pool) -> None:
    day = await tomorrow(house)
    until = day + 2 * DAY
    await take(house, day, "HELD", until)
    await take(house, day + HOUR, "COMMITTED", day)
    asked = {**ROOM, "from": written(day), "to": written(day + 4 * HOUR)}
    told = await ask(house, "/slots", **asked, explain="true")
    assert told["slots"] == await ask(house, "/slots", **asked) == await ask(house, "/slots", **asked, explain="false")
    assert told["unavailable"] == [
        {"from": written(day), "to": written(day + HOUR), "reason": "held", "until": written(until)},
        {"from": written(day + HOUR), "to": written(day + 2 * HOUR), "reason": "booked", "until": None},
    ]
    assert told == await ask(house, f"/spaces/{LIGHTHOUSE.id}/availability", **asked, explain="true")
    with pytest.raises(BadQuery):
        await ask(house, "/slots", **asked, explain="yes")


async def test_the_past_is_explained_by_notice_and_what_is_too_far_by_the_horizon(house: asyncpg.Pool) -> None:
    now: datetime = await house.fetchval("SELECT clock_timestamp()")
    past = await ask(house, "/slots", **ROOM, **{"from": written(now - DAY), "to": "1"}, explain="true")
    assert {each["reason"] for each in past["unavailable"]} == {"lead_time"}
    assert (len(past["unavailable"]), past["slots"]) == (24, [])
    far = await ask(house, "/slots", **ROOM, **{"from": written(now + 91 * DAY), "to": "9"}, explain="true")
    assert {each["reason"] for each in far["unavailable"]} == {"horizon"}
    assert len(far["unavailable"]) == 9 * 24  # of two windows


async def test_a_closed_time_is_one_span_though_it_is_long(house: asyncpg.Pool) -> None:
    hours = (OpeningHours(day="monday", open="09:00", close="10:00"),)
    await house.execute(
        "UPDATE venues SET document = $1", storage.document(OPEN.model_copy(update={"opening_hours": hours}))
    )
    day = await tomorrow(house)
    told = await ask(house, "/slots", **ROOM, **{"from": written(day), "to": "21"}, explain="true")
    assert len(told["slots"]) == 3
    closed = [each for each in told["unavailable"] if each["reason"] == "closed"]
    assert [each["from"] for each in closed] == [written(day), *(slot["to"] for slot in told["slots"])]
    assert [each["to"] for each in closed] == [*(slot["from"] for slot in told["slots"]), written(day + 21 * DAY)]


async def test_a_product_that_is_not_sold_there_is_explained_by_that(house: asyncpg.Pool) -> None:
    told = await ask(house, "/slots", productId=COFFEE.id, spaceId=LIGHTHOUSE.id, explain="true")
    assert [each["reason"] for each in told["unavailable"]] == ["not_offered"]
    assert told["slots"] == []
