"""Harbour House, open around the clock, in a database of its own, and what availability's reads answer of it."""

import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from chassis import database as databases
from chassis import migrations
from chassis.reads import Query
from contracts.catalogue import OpeningHours, Product, Space, Venue
from contracts.examples import COFFEE, DESK_ONE_DAY, HARBOUR_HOUSE, LIGHTHOUSE, NET_LOFT, ROOM_ONE_HOUR
from embedded.infrastructure import Infrastructure
from services.availability import catalogue_storage as storage
from services.availability import reads

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


@contextlib.asynccontextmanager
async def empty(infra: Infrastructure) -> AsyncIterator[asyncpg.Pool]:
    """A database of availability with nothing in it."""
    name = f"availability_{uuid.uuid4().hex[:8]}"
    address = await infra.create_database(name)
    await migrations.migrate(address, MIGRATIONS)
    opened = await databases.connect(address, 4, "test")
    yield opened
    await opened.close()
    await infra.drop_database(name)


@pytest.fixture(scope="module")
async def pool(infra: Infrastructure) -> AsyncIterator[asyncpg.Pool]:
    async with empty(infra) as opened:
        yield opened


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
