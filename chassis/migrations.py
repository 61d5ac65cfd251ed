"""Plain SQL files, applied once each, in order, by whoever starts first.

A migration is one that builds of the release before survive, so they may meet a database that is ahead of them: while a new
release rolls out, and when it is rolled back. One that takes away what older builds need says which release no longer does:
`-- contract: not used since 0.2. <why>` (the rules: `releases/survival.py`).
"""

import asyncio
import hashlib
import logging
import re
from pathlib import Path

import asyncpg

log = logging.getLogger(__name__)

RELEASE = "0.1"  # what this build is, or becomes
_LOCK = 0x486F6C6466617374  # "Holdfast"; one database per service, so there is nobody to clash with
_OWN = Path(__file__).parent / "schema"
# Of the chassis' other tables a service has those that it needs.
_EVERYWHERE = ("0000_inbox.sql", "0002_runs.sql")
_NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql").fullmatch
_CONTRACT = re.compile(r"^-- contract: not used since (\d+\.\d+)\.", re.MULTILINE)
_NEEDS = re.compile(r"^-- needs chassis/schema/(\S+)$", re.MULTILINE)


class DatabaseIsAhead(Exception):
    """The database has lost what this build needs, by a migration of a newer one: run the newer build."""


class MigrationChanged(Exception):
    """A migration was edited after it was applied: write a new one instead."""


async def migrate(url: str, folder: Path) -> list[str]:
    """Apply what is missing of the chassis' tables and of `folder`, each file in its own transaction; returns the names applied.

    A migration asks for more of the chassis with a line of its own: `-- needs chassis/schema/0001_calls.sql`. Several starters may call it at once. Raises DatabaseIsAhead or MigrationChanged.
    """
    theirs = {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.iterdir()) if _NAME(file.name)}
    needed = sorted(set(_EVERYWHERE).union(*map(_NEEDS.findall, theirs.values())))
    files = {name: (_OWN / name).read_text(encoding="utf-8") for name in needed} | theirs
    connection = await asyncpg.connect(url)
    try:
        # Polled: a session blocked inside pg_advisory_lock() keeps a snapshot that CREATE INDEX CONCURRENTLY waits for.
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            await asyncio.sleep(0.1)
        await connection.execute(
            """
            CREATE TABLE IF NOT EXISTS migrations (
              name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
            ALTER TABLE migrations ADD COLUMN IF NOT EXISTS unused_since text;
            """
        )
        rows = await connection.fetch("SELECT name, sha256, unused_since FROM migrations ORDER BY name")
        done = {row["name"]: row["sha256"] for row in rows}
        _survivable([row for row in rows if row["name"] not in files])
        digests = {name: hashlib.sha256(sql.encode()).hexdigest() for name, sql in files.items()}
        for name in done:
            if name in digests and done[name] != digests[name]:
                raise MigrationChanged(name)
        missing = [name for name in files if name not in done]
        for name in missing:
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = '5s'")  # rather fail than stand in everybody's way
                await connection.execute(files[name])
                unused = _CONTRACT.search(files[name])
                sql = "INSERT INTO migrations (name, sha256, unused_since) VALUES ($1, $2, $3)"
                await connection.execute(sql, name, digests[name], unused and unused[1])
        return missing
    finally:
        await connection.close()


def _survivable(unknown: list[asyncpg.Record]) -> None:
    """Raises DatabaseIsAhead if one of these takes away what this build uses."""
    mine = _number(RELEASE)
    if deadly := [row["name"] for row in unknown if row["unused_since"] and _number(row["unused_since"]) > mine]:
        raise DatabaseIsAhead(", ".join(deadly))
    if unknown:
        log.warning("the database is ahead, which this build survives: %s", ", ".join(row["name"] for row in unknown))


def _number(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.split(".")))
