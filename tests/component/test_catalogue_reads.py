"""What availability answers to the gateway's reads, on a real PostgreSQL."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chassis import database as databases
from chassis import migrations
from chassis.reads import BadQuery, Query
from contracts.catalogue import OpeningHours, Product, Space, Venue
from contracts.examples import COFFEE, DESK_ONE_DAY, HARBOUR_HOUSE, LIGHTHOUSE, NET_LOFT, ROOM_ONE_HOUR
from embedded import folder, postgres
from embedded.supervisor import Supervisor
from services.availability import catalogue_storage as storage
from services.availability import civil, reads

MIGRATIONS = Path(reads.__file__).parent / "migrations"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
OPEN = HARBOUR_HOUSE.model_copy(
    update={
        "timezone": "UTC",
        "closures": (),
        "opening_hours": tuple(OpeningHours(day=day, open="00:00", close="24:00") for day in DAYS),
    }
)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture(scope="module")
async def pool(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[asyncpg.Pool]:
    path = tmp_path_factory.mktemp("p")
    for parent in (
        path,
        path.parent,
        path.parent.parent,
    ):  # pytest closes them, and root's Postgres runs as somebody else
        parent.chmod(0o711)
    with folder.opened(path / "data") as data:
        await postgres.prepare(data)
        supervisor = Supervisor(lambda: None, lambda _: None)
        try:
            await supervisor.start([postgres.program(data)])
            address = await postgres.create_database(data.runtime / "pg", "availability")
            await migrations.migrate(address, MIGRATIONS)
            opened = await databases.connect(address, 4, "test")
            yield opened
            await opened.close()
        finally:
            await supervisor.stop_all()


@pytest.fixture
async def house(pool: asyncpg.Pool) -> asyncpg.Pool:
    """Harbour House, open around the clock, and nothing booked in it."""
    await pool.execute("TRUNCATE slots, offerings, products, spaces, venues")
    for venue in (OPEN,):
        await put_venue(pool, venue)
    for space in (LIGHTHOUSE, NET_LOFT):
        await put_space(pool, space)
    for product in (ROOM_ONE_HOUR, DESK_ONE_DAY, COFFEE):
        await put_product(pool, product)
    return pool


async def put_venue(pool: asyncpg.Pool, venue: Venue, organisation: str = "demo") -> None:
    sql = "INSERT INTO venues (organisation_id, id, document) VALUES ($1, $2, $3)"
    await pool.execute(sql, organisation, venue.id, storage.document(venue))


async def put_space(pool: asyncpg.Pool, space: Space, organisation: str = "demo") -> None:
    sql = "INSERT INTO spaces (organisation_id, id, venue_id, document) VALUES ($1, $2, $3, $4)"
    await pool.execute(sql, organisation, space.id, space.venue_id, storage.document(space))


async def put_product(pool: asyncpg.Pool, product: Product) -> None:
    sql = """
    INSERT INTO products (organisation_id, id, reference, buffer_before, buffer_after, document)
    VALUES ('demo', $1, $2, $3, $4, $5)
    """
    lengths = product.buffer_before, product.buffer_after
    await pool.execute(sql, product.id, product.reference, *lengths, storage.document(product))
    for space_id in product.spaces:
        await pool.execute("INSERT INTO offerings VALUES ('demo', $1, $2)", product.id, space_id)


async def take(pool: asyncpg.Pool, from_: datetime, state: str, expires_at: datetime, unit: int = 1) -> None:
    sql = """
    INSERT INTO slots (organisation_id, booking_id, space_id, product_id, unit, slot_from, slot_to, during, state,
      held_at, hold_seconds, expires_at, revision)
    VALUES ('demo', gen_random_uuid(), $1, $2, $3, $4, $5, tstzrange($4, $5), $6, clock_timestamp(), 900, $7, 1)
    """
    await pool.execute(sql, LIGHTHOUSE.id, ROOM_ONE_HOUR.id, unit, from_, from_ + HOUR, state, expires_at)


async def ask(pool: asyncpg.Pool, path: str, organisation: str = "demo", **parameters: str) -> Any:
    """The answer of the read that is served at the path, or None."""
    served = reads.reads()
    pattern = path
    if path not in served:
        _, kind, id_, *rest = path.split("/")
        pattern = "/".join(["", kind, "{id}", *rest])
        body = await served[pattern](Query(organisation, pool, {"id": id_}, parameters))
    else:
        body = await served[path](Query(organisation, pool, {}, parameters))
    return None if body is None else json.loads(body)


def shown(model: Venue | Space | Product) -> Any:
    return json.loads(model.model_dump_json())


ROOM = {"productId": ROOM_ONE_HOUR.id, "spaceId": LIGHTHOUSE.id}


async def tomorrow(pool: asyncpg.Pool) -> datetime:
    today: datetime = await pool.fetchval("SELECT date_trunc('day', clock_timestamp())")
    return today + DAY


def written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


async def test_one_is_shown_as_its_commands_answer_shows_it(house: asyncpg.Pool) -> None:
    assert await ask(house, f"/venues/{OPEN.id}") == shown(OPEN)
    assert await ask(house, f"/spaces/{LIGHTHOUSE.id}") == shown(LIGHTHOUSE)
    assert await ask(house, f"/products/{ROOM_ONE_HOUR.id}") == shown(ROOM_ONE_HOUR)


async def test_another_organisations_are_not_there(house: asyncpg.Pool) -> None:
    for path in (f"/venues/{OPEN.id}", f"/spaces/{LIGHTHOUSE.id}", f"/products/{COFFEE.id}"):
        assert await ask(house, path, organisation="other") is None
    assert await ask(house, "/slots", organisation="other", **ROOM) is None
    assert (await ask(house, "/spaces", organisation="other"))["total"] == 0


async def test_archived_ones_are_not_there_nor_in_the_relation(house: asyncpg.Pool) -> None:
    await house.execute("UPDATE products SET archived_at = now() WHERE id = $1", ROOM_ONE_HOUR.id)
    assert await ask(house, f"/products/{ROOM_ONE_HOUR.id}") is None
    assert (await ask(house, f"/spaces/{LIGHTHOUSE.id}"))["products"] == []
    assert (await ask(house, "/products"))["total"] == 2
    assert await ask(house, "/slots", **ROOM) is None
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
