"""What may happen between a decider and its database."""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg


class Trouble:
    """Stands between a decider and its database; `before` is awaited with each statement before it is sent."""

    def __init__(self, before: Callable[[str], Awaitable[None]]) -> None:
        self.before = before

    def between(self, pool: asyncpg.Pool) -> "Trouble":
        self._pool = pool
        return self

    async def fetch(self, sql: str, *arguments: Any) -> Any:
        await self.before(sql)
        return await self._pool.fetch(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> Any:
        await self.before(sql)
        return await self._pool.execute(sql, *arguments)
