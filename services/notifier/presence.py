"""Which senders are there. Each holds a lock in the database for as long as its session lives, so the others see at once that one is
gone, killed or with its machine: nobody has to wait for the end of its claims."""

import logging
import time
import uuid

import asyncpg

from services.notifier import deliveries

log = logging.getLogger(__name__)

RETURN_SECONDS = (
    5.0  # after our own session was lost and is back: others lost theirs too, perhaps, and are about to be back
)

# The lock first: a name that can be read belongs to somebody who has it, or is gone.
_LOCK = "SELECT pg_advisory_lock(hashtextextended($1, 0))"
_ENTER = "INSERT INTO senders (name) VALUES ($1::uuid) ON CONFLICT (name) DO NOTHING"
_LEAVE = "DELETE FROM senders WHERE name = $1::uuid"
# True if we are not there ourselves: then nothing follows from the absence of others.
_ABSENT = "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))"
# The locks are ours until the transaction ends: two that look at the same moment do it once, and who comes back waits.
_GONE = "SELECT name::text FROM senders WHERE name <> $1::uuid AND pg_try_advisory_xact_lock(hashtextextended(name::text, 0))"
_FORGET = "DELETE FROM senders WHERE name = ANY($1::uuid[])"


class Presence:
    """This sender's name, and what it knows of the others."""

    def __init__(self) -> None:
        self.name = str(uuid.uuid4())
        self._entered = 0
        self._trust_from = 0.0

    async def enter(self, session: asyncpg.Connection) -> None:
        """Be there for as long as this session lives."""
        await session.execute(_LOCK, self.name)
        await session.execute(_ENTER, self.name)
        self._entered += 1
        if self._entered > 1:
            self._trust_from = time.monotonic() + RETURN_SECONDS

    async def leave(self, database: asyncpg.Pool) -> None:
        """Nothing is claimed any more."""
        await database.execute(_LEAVE, self.name)

    async def take_over(self, database: asyncpg.Pool) -> bool:
        """Give back what those who are gone had claimed; whether there were any."""
        if not self._entered or time.monotonic() < self._trust_from:
            return False
        async with database.acquire() as connection, connection.transaction():
            if await connection.fetchval(_ABSENT, self.name):
                return False
            gone = [name for (name,) in await connection.fetch(_GONE, self.name)]
            if gone:
                log.warning("%d senders ended without a word: what they had in hand is sent by others", len(gone))
                try:
                    async with connection.transaction():
                        await connection.execute(deliveries.TAKE_BACK, gone)
                except (
                    asyncpg.QueryCanceledError
                ):  # so much waits that it takes too long: their claims end by themselves
                    log.warning("what they had in hand is not found in time")
                await connection.execute(_FORGET, gone)
        return bool(gone)
