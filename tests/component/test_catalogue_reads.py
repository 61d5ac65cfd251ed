"""What availability answers to the gateway's reads, on a real PostgreSQL."""

from datetime import datetime

import asyncpg
import pytest
from shop import DAY, HOUR, OPEN, ROOM, ask, shown, take, tomorrow, written

from chassis.reads import BadQuery, NotThere
from contracts.examples import COFFEE, DESK_ONE_DAY, LIGHTHOUSE, NET_LOFT, ROOM_ONE_HOUR
from services.availability import catalogue_storage as storage
from services.availability import civil


async def test_one_is_shown_as_its_commands_answer_shows_it(house: asyncpg.Pool) -> None:
    assert await ask(house, f"/venues/{OPEN.id}") == shown(OPEN)
    assert await ask(house, f"/spaces/{LIGHTHOUSE.id}") == shown(LIGHTHOUSE)
    assert await ask(house, f"/products/{ROOM_ONE_HOUR.id}") == shown(ROOM_ONE_HOUR)


async def test_another_organisations_are_not_there(house: asyncpg.Pool) -> None:
    for path in (f"/venues/{OPEN.id}", f"/spaces/{LIGHTHOUSE.id}", f"/products/{COFFEE.id}"):
        assert await ask(house, path, organisation="other") is None
    with pytest.raises(NotThere, match="unknown_product"):
        await ask(house, "/slots", organisation="other", **ROOM)
    assert (await ask(house, "/spaces", organisation="other"))["total"] == 0


async def test_archived_ones_are_not_there_nor_in_the_relation(house: asyncpg.Pool) -> None:
    await house.execute("UPDATE products SET archived_at = now() WHERE id = $1", ROOM_ONE_HOUR.id)
    assert await ask(house, f"/products/{ROOM_ONE_HOUR.id}") is None
    assert (await ask(house, f"/spaces/{LIGHTHOUSE.id}"))["products"] == []
    assert (await ask(house, "/products"))["total"] == 2
    with pytest.raises(NotThere, match="unknown_product"):
        await ask(house, "/slots", **ROOM)
    await house.execute("UPDATE spaces SET archived_at = now() WHERE id = $1", NET_LOFT.id)
    assert (await ask(house, f"/products/{DESK_ONE_DAY.id}"))["spaces"] == []


async def test_lists_come_in_pages_newest_first(house: asyncpg.Pool) -> None:
    first = await ask(house, "/products", limit="2")
    assert first == {
        "data": [shown(COFFEE), shown(DESK_ONE_DAY)],
        "total": 3,
        "meta": {
            "page": 1, "limit": 2, "totalItems": 3, "totalPages": 2, "hasNextPage": True, "hasPreviousPage": False,
        },
    }  # fmt: skip
    second = await ask(house, "/products", limit="2", page="2")
    assert second["data"] == [shown(ROOM_ONE_HOUR)]
    assert (second["meta"]["hasNextPage"], second["meta"]["hasPreviousPage"]) == (False, True)
    assert (await ask(house, "/venues", page="9"))["data"] == []
    for page in ("0", "-1", "x", "1.5", "1000000000000"):
        with pytest.raises(BadQuery):
            await ask(house, "/venues", page=page)


async def test_lists_are_narrowed_and_counted_so(house: asyncpg.Pool) -> None:
    async def names(path: str, **filters: str) -> list[str]:
        answer = await ask(house, path, **filters)
        assert answer["total"] == len(answer["data"])
        return [each["name"] for each in answer["data"]]

    assert await names("/spaces", venueId=OPEN.id) == [NET_LOFT.name, LIGHTHOUSE.name]
    assert await names("/spaces", venueId=COFFEE.id) == []
    assert await names("/spaces", productId=ROOM_ONE_HOUR.id) == [LIGHTHOUSE.name]
    assert await names("/products", spaceId=NET_LOFT.id) == [DESK_ONE_DAY.name]
    assert await names("/products", category="additional") == [COFFEE.name]
    assert await names("/products", category="booking", reference="room-1h") == [ROOM_ONE_HOUR.name]
    assert await names("/products", reference="coffee'; --") == []
    with pytest.raises(BadQuery):
        await ask(house, "/spaces", venueId="x")


async def test_pages_of_equal_age_have_each_entry_once(house: asyncpg.Pool) -> None:
    await house.execute("UPDATE products SET created_at = now()")
    pages = [await ask(house, "/products", limit="1", page=str(n)) for n in (1, 2, 3)]
    ids = [page["data"][0]["id"] for page in pages]
    assert ids == sorted({ROOM_ONE_HOUR.id, DESK_ONE_DAY.id, COFFEE.id}, reverse=True)


async def test_slots_leave_out_what_is_held_or_booked_and_show_an_overdue_hold_again(house: asyncpg.Pool) -> None:
    day = await tomorrow(house)
    await take(house, day, "HELD", day)
    await take(house, day + HOUR, "COMMITTED", day)
    await take(house, day + 2 * HOUR, "HELD", day - 400 * DAY)
    await take(house, day + 3 * HOUR, "RELEASED", day)
    found = await ask(house, "/slots", **ROOM, **{"from": written(day), "to": written(day + 5 * HOUR)})
    assert found == [
        {"from": written(day + n * HOUR), "to": written(day + (n + 1) * HOUR), "remaining": 1, "units": 1}
        for n in (2, 3, 4)
    ]


async def test_slots_begin_now_and_reach_seven_days_by_default(house: asyncpg.Pool) -> None:
    found = await ask(house, "/slots", **ROOM)
    assert len(found) == 7 * 24
    now = await house.fetchval("SELECT clock_timestamp()")
    assert now < datetime.fromisoformat(found[0]["from"]) <= now + HOUR
    assert found == await ask(house, f"/spaces/{LIGHTHOUSE.id}/availability", productId=ROOM_ONE_HOUR.id)
    past = {"from": written(now - DAY), "to": "8"}
    assert await ask(house, "/slots", **ROOM, **past) == found


async def test_slots_of_many_windows_are_in_order_and_none_is_missing(house: asyncpg.Pool) -> None:
    day = await tomorrow(house)
    found = await ask(house, "/slots", **ROOM, **{"from": written(day), "to": "60"})
    assert [each["from"] for each in found] == [written(day + n * HOUR) for n in range(60 * 24)]


async def test_a_date_includes_all_of_its_day_where_the_house_is(house: asyncpg.Pool) -> None:
    await house.execute(
        "UPDATE venues SET document = $1", storage.document(OPEN.model_copy(update={"timezone": "Pacific/Auckland"}))
    )
    day = (await tomorrow(house)).date() + DAY
    found = await ask(house, "/slots", **ROOM, **{"from": str(day), "to": str(day)})
    begins = [datetime.fromisoformat(each["from"]) for each in found]
    assert 23 <= len(begins) <= 25
    assert {begin.astimezone(civil.rules_of("Pacific/Auckland")).date() for begin in begins} == {day}


async def test_nothing_is_offered_where_the_product_is_not_sold_or_is_an_extra(house: asyncpg.Pool) -> None:
    assert await ask(house, "/slots", productId=ROOM_ONE_HOUR.id, spaceId=NET_LOFT.id) == []
    assert await ask(house, "/slots", productId=COFFEE.id, spaceId=LIGHTHOUSE.id) == []


@pytest.mark.parametrize(
    ("field", "parameters"),
    [
        ("productId", {"productId": "nonsense"}),
        ("productId", {"productId": ROOM_ONE_HOUR.id.upper()}),
        ("spaceId", {"spaceId": ""}),
        ("from", {"from": "yesterday"}),
        ("from", {"from": "2027-01-11T09:00:00"}),
        ("from", {"from": "0001-01-01T00:00:00+14:00"}),
        ("from", {"from": "9999-12-31"}),
        ("to", {"to": "0"}),
        ("to", {"to": "-1"}),
        ("to", {"to": "93"}),
        ("to", {"to": "9" * 400}),
        ("to", {"to": "2027-02-30"}),
        ("to", {"to": "2026-01-01T00:00:00Z"}),
        ("to", {"to": "2199-01-01"}),
    ],
)
async def test_nonsense_is_refused_by_the_parameter_that_says_it(
    house: asyncpg.Pool, field: str, parameters: dict[str, str]
) -> None:
    with pytest.raises(BadQuery) as refused:
        await ask(house, "/slots", **{**ROOM, **parameters})
    assert refused.value.args[0] == field


async def test_what_is_no_id_is_not_there(house: asyncpg.Pool) -> None:
    for path in ("/venues/x", "/spaces/x", "/products/x"):
        assert await ask(house, path) is None
    assert await ask(house, "/spaces/x/availability", productId=ROOM_ONE_HOUR.id) is None
