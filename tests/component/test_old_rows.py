"""What is old enough is found by an index, however much is younger."""

from typing import Any

import asyncpg
from bus import Bus

from chassis import inbox
from services.booking import storage


async def plan(pool: asyncpg.Pool, statement: str) -> str:
    async with pool.acquire() as connection:
        rows: list[Any] = await connection.fetch(f"EXPLAIN {statement}")
    return "\n".join(row[0] for row in rows)


async def test_old_messages_are_found_by_their_age(bus: Bus) -> None:
    assert "inbox_by_age" in await plan(bus.pools["booking"], inbox.PRUNE)


async def test_old_refused_bookings_are_found_by_their_age(bus: Bus) -> None:
    assert "refused_bookings_by_age" in await plan(bus.pools["booking"], storage.PRUNE_REFUSED)
