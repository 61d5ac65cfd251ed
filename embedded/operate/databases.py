"""The services' databases as an operator reads them: nothing can be changed, and rows come a thousand at a time. A repair may write."""

import contextlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import asyncpg
from asyncpg.exceptions import InterfaceError, PostgresError

from contracts.envelope import stamp

ROWS = 1000
AWAY: tuple[type[BaseException], ...] = (OSError, TimeoutError, PostgresError, InterfaceError)
Connection = asyncpg.Connection


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[Connection]:
    """A session that reads only, in UTC."""
    async with _session(url, {"default_transaction_read_only": "on"}) as connection:
        yield connection


@contextlib.asynccontextmanager
async def changing(url: str) -> AsyncIterator[Connection]:
    """A session that may write: for the few commands that repair, and never while the service is at work."""
    async with _session(url, {"lock_timeout": "2s"}) as connection:
        yield connection


@contextlib.asynccontextmanager
async def _session(url: str, more: dict[str, str]) -> AsyncIterator[Connection]:
    settings = {"application_name": "holdfast operator", "timezone": "UTC", **more}
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


def written(moment: datetime | None) -> str | None:
    """A column's time as messages have it."""
    return stamp(moment).decode() if moment else None


async def has(connection: Connection, table: str) -> bool:
    """Whether this service has such a table."""
    return await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", table) is True
