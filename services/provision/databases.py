"""The services' databases, their tables, and a role for each that may touch its own rows and nothing else."""

import urllib.parse
from pathlib import Path

import asyncpg

from chassis import migrations

SERVICES = Path(__file__).parent.parent
DATABASES = ("availability", "booking", "payment", "notifier")


def at(url: str, database: str) -> str:
    """The address of another database of the same server."""
    return urllib.parse.urlsplit(url)._replace(path=f"/{database}").geturl()


async def prepare(url: str) -> list[str]:
    """Have every database with its tables; the migrations that were applied. Raises what `migrate` raises."""
    connection = await asyncpg.connect(url)
    try:
        there = {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
        for name in DATABASES:
            if name not in there:
                await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    return [
        f"{name}/{applied}"
        for name in DATABASES
        for applied in await migrations.migrate(at(url, name), SERVICES / name / "migrations")
    ]


async def role(url: str, service: str, password: str) -> None:
    """Have a role of the service's name that reads and writes the rows of its own database, and can do nothing else."""
    connection = await asyncpg.connect(at(url, service))
    try:
        exists = await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", service)
        verb = "ALTER" if exists else "CREATE"
        # The server quotes: these statements take no parameters.
        await connection.execute(
            await connection.fetchval(
                "SELECT format('%s ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD %L', $1::text, $2::text, $3::text)",
                *(verb, service, password),
            )
        )
        for statement in _RIGHTS:
            await connection.execute(statement.replace("SERVICE", f'"{service}"'))
    finally:
        await connection.close()


_RIGHTS = (
    "REVOKE ALL ON DATABASE SERVICE FROM PUBLIC",
    "GRANT CONNECT ON DATABASE SERVICE TO SERVICE",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    "GRANT USAGE ON SCHEMA public TO SERVICE",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO SERVICE",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO SERVICE",
    "REVOKE INSERT, UPDATE, DELETE ON migrations FROM SERVICE",
)
