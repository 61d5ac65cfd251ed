"""Reading the services' databases as an operator does: nothing can be changed, and rows come a thousand at a time."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
from asyncpg.exceptions import InterfaceError, PostgresError

ROWS = 1000
AWAY: tuple[type[BaseException], ...] = (OSError, TimeoutError, PostgresError, InterfaceError)
Connection = asyncpg.Connection


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """A session that reads only, in UTC."""
    settings = {"application_name": "holdfast operator", "default_transaction_read_only": "on", "timezone": "UTC"}
    connection = await asyncpg.connect(url, timeout=10, server_settings=settings)
    try:
        yield connection
    finally:
        await connection.close(timeout=5)


@contextlib.asynccontextmanager
async def snapshot(connection: Connection) -> AsyncIterator[None]:
    """All that is read inside is of one moment."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        yield


async def streamed(connection: Connection, sql: str, *arguments: Any) -> AsyncIterator[asyncpg.Record]:
    """The rows of a statement, inside `snapshot`, few in memory."""
    async for row in connection.cursor(sql, *arguments, prefetch=ROWS):
        yield row


async def has(connection: Connection, table: str) -> bool:
    """Whether this service has such a table."""
    return await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table) is True
