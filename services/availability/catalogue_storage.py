"""What the reads ask of the tables: one function a statement. What is archived is not there."""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

import asyncpg

from contracts.catalogue import Product, Space, Venue
from services.availability.slots import Occupied


class Shop(NamedTuple):
    """A product, a space and its venue, whether the one is sold in the other, and the database's time."""

    venue: Venue
    space: Space
    product: Product
    offered: bool
    now: datetime


def document(model: Venue | Space | Product) -> str:
    """A row's document: the model as JSON, without the relation between products and spaces."""
    return model.model_dump_json(exclude={"products", "spaces"})


# The same words always mean the same values, so a document is read once, and what is worked out from it is kept with it.
@lru_cache(maxsize=1024)
def venue_of(document: str) -> Venue:
    return Venue.model_validate_json(document)


@lru_cache(maxsize=4096)
def space_of(document: str) -> Space:
    return Space.model_validate_json(document)


@lru_cache(maxsize=4096)
def product_of(document: str) -> Product:
    return Product.model_validate_json(document)


_VENUES = """
SELECT document
FROM venues
WHERE organisation_id = $1 AND archived_at IS NULL
"""
_SPACES = """
SELECT s.document, ARRAY(
  SELECT o.product_id::text
  FROM offerings o
  JOIN products p ON p.organisation_id = o.organisation_id AND p.id = o.product_id AND p.archived_at IS NULL
  WHERE o.organisation_id = s.organisation_id AND o.space_id = s.id
  ORDER BY o.product_id) AS products
FROM spaces s
WHERE s.organisation_id = $1 AND s.archived_at IS NULL
"""
_PRODUCTS = """
SELECT p.document, ARRAY(
  SELECT o.space_id::text
  FROM offerings o
  JOIN spaces s ON s.organisation_id = o.organisation_id AND s.id = o.space_id AND s.archived_at IS NULL
  WHERE o.organisation_id = p.organisation_id AND o.product_id = p.id
  ORDER BY o.space_id) AS spaces
FROM products p
WHERE p.organisation_id = $1 AND p.archived_at IS NULL
"""
_ONE = "AND id = $2::uuid"
_NEWEST_FIRST = """
ORDER BY created_at DESC, id DESC
LIMIT $2
OFFSET $3
"""
_HOW_MANY = """
SELECT count(*)
FROM {0}
WHERE organisation_id = $1 AND archived_at IS NULL
"""
# What a list may be narrowed to: table, and parameter of the query -> condition on the value.
Filters = Mapping[str, str]
FILTERS: dict[str, dict[str, str]] = {
    "venues": {},
    "spaces": {
        "venueId": "venue_id = {0}::uuid",
        "productId": "id IN (SELECT space_id FROM offerings WHERE organisation_id = $1 AND product_id = {0}::uuid)",
    },
    "products": {
        "spaceId": "id IN (SELECT product_id FROM offerings WHERE organisation_id = $1 AND space_id = {0}::uuid)",
        "category": "document::json->>'category' = {0}",
        "reference": "reference = {0}",
    },
}


async def venue(database: asyncpg.Pool, organisation: str, id_: str) -> Venue | None:
    row = await database.fetchrow(_VENUES + _ONE, organisation, id_)
    return _venue(row) if row else None


async def space(database: asyncpg.Pool, organisation: str, id_: str) -> Space | None:
    row = await database.fetchrow(_SPACES + _ONE, organisation, id_)
    return _space(row) if row else None


async def product(database: asyncpg.Pool, organisation: str, id_: str) -> Product | None:
    row = await database.fetchrow(_PRODUCTS + _ONE, organisation, id_)
    return _product(row) if row else None


async def venues(database: asyncpg.Pool, organisation: str, limit: int, offset: int, filters: Filters) -> list[Venue]:
    sql, values = _narrowed(_VENUES, "venues", filters, 4)
    return [_venue(row) for row in await database.fetch(sql + _NEWEST_FIRST, organisation, limit, offset, *values)]


async def spaces(database: asyncpg.Pool, organisation: str, limit: int, offset: int, filters: Filters) -> list[Space]:
    sql, values = _narrowed(_SPACES, "spaces", filters, 4)
    return [_space(row) for row in await database.fetch(sql + _NEWEST_FIRST, organisation, limit, offset, *values)]


async def products(
    database: asyncpg.Pool, organisation: str, limit: int, offset: int, filters: Filters
) -> list[Product]:
    sql, values = _narrowed(_PRODUCTS, "products", filters, 4)
    return [_product(row) for row in await database.fetch(sql + _NEWEST_FIRST, organisation, limit, offset, *values)]


async def how_many(database: asyncpg.Pool, organisation: str, table: str, filters: Filters) -> int:
    sql, values = _narrowed(_HOW_MANY.format(table), table, filters, 2)
    return int(await database.fetchval(sql, organisation, *values))


def _narrowed(sql: str, table: str, filters: Filters, first: int) -> tuple[str, list[str]]:
    """The statement with a condition for each filter, its values from parameter `first` on."""
    conditions = [f"AND {FILTERS[table][name].format(f'${first + n}')}\n" for n, name in enumerate(filters)]
    return sql + "".join(conditions), list(filters.values())


async def shop(database: asyncpg.Pool, organisation: str, product_id: str, space_id: str) -> Shop | None:
    """What the slots of a product in a space depend on; None if one of them is not there."""
    sql = """
    SELECT v.document AS venue, s.document AS space, p.document AS product, o.space_id IS NOT NULL AS offered,
      clock_timestamp() AS now
    FROM spaces s
    JOIN venues v ON v.organisation_id = s.organisation_id AND v.id = s.venue_id
    JOIN products p ON p.organisation_id = s.organisation_id AND p.id = $2::uuid
    LEFT JOIN offerings o
      ON o.organisation_id = s.organisation_id AND o.product_id = p.id AND o.space_id = s.id
    WHERE s.organisation_id = $1 AND s.id = $3::uuid
      AND s.archived_at IS NULL AND v.archived_at IS NULL AND p.archived_at IS NULL
    """
    row = await database.fetchrow(sql, organisation, product_id, space_id)
    if row is None:
        return None
    return Shop(venue_of(row["venue"]), space_of(row["space"]), product_of(row["product"]), row["offered"], row["now"])


async def occupied(
    database: asyncpg.Pool, organisation: str, space_id: str, from_: datetime, to: datetime
) -> list[Occupied]:
    """The live slots of a space that overlap [from_, to) with their buffers."""
    sql = """
    SELECT unit, slot_from, slot_to, lower(during), upper(during), state = 'COMMITTED', expires_at, booking_id::text
    FROM slots
    WHERE space_id = $2::uuid AND during && tstzrange($3, $4) AND state IN ('HELD', 'COMMITTED')
      AND organisation_id = $1
    """
    return [Occupied(*row) for row in await database.fetch(sql, organisation, space_id, from_, to)]


def _venue(row: asyncpg.Record) -> Venue:
    return venue_of(row["document"])


def _space(row: asyncpg.Record) -> Space:
    return space_of(row["document"]).model_copy(update={"products": tuple(row["products"])})


def _product(row: asyncpg.Record) -> Product:
    return product_of(row["document"]).model_copy(update={"spaces": tuple(row["spaces"])})
