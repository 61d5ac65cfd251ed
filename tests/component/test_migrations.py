"""Migrations on a real PostgreSQL: once each, in order, whoever starts first; nothing half done."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from chassis.migrations import RELEASE, DatabaseIsAhead, MigrationChanged, migrate
from embedded.platform import Infrastructure

OWN = ["0000_inbox.sql", "0002_runs.sql"]
FIRST = "CREATE TABLE rooms (name text PRIMARY KEY);\nINSERT INTO rooms VALUES ('Lighthouse room');\n"
SECOND = "ALTER TABLE rooms ADD units int NOT NULL DEFAULT 1;\n"
# Fails at its end, after it has done all it can.
FAILS = "CREATE TABLE desks (name text);\nDELETE FROM rooms;\nINSERT INTO rooms VALUES ('Net loft', 1 / 0);\n"


@pytest.fixture
async def url(infra: Infrastructure) -> AsyncIterator[str]:
    """An empty database."""
    name = f"migrations_{uuid.uuid4().hex}"
    yield await infra.create_database(name)
    await infra.drop_database(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The migrations of a service, two so far."""
    write(tmp_path, "0001_rooms", FIRST)
    write(tmp_path, "0002_units", SECOND)
    return tmp_path


def write(folder: Path, name: str, sql: str) -> None:
    (folder / f"{name}.sql").write_text(sql)


async def rows(url: str, sql: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row.values()) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


async def applied(url: str) -> list[object]:
    return [name for (name,) in await rows(url, "SELECT name FROM migrations ORDER BY applied_at, name")]


async def tables(url: str) -> set[object]:
    return {name for (name,) in await rows(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}


async def test_migrate_applies_the_chassis_tables_and_then_the_services_own_in_order(url: str, folder: Path) -> None:
    assert await migrate(url, folder) == [*OWN, "0001_rooms.sql", "0002_units.sql"]
    assert await rows(url, "SELECT * FROM rooms") == [("Lighthouse room", 1)]
    assert {"inbox", "progress", "rooms"} <= await tables(url)
    assert await applied(url) == [*OWN, "0001_rooms.sql", "0002_units.sql"]


async def test_migrate_applies_of_the_chassis_what_a_migration_needs(url: str, folder: Path) -> None:
    assert "calls" not in await tables(url)
    await migrate(url, folder)
    assert "calls" not in await tables(url)
    write(folder, "0003_calls", "-- needs chassis/schema/0001_calls.sql\nCREATE TABLE letters (call_id uuid);\n")
    assert await migrate(url, folder) == ["0001_calls.sql", "0003_calls.sql"]
    assert {"calls", "letters"} <= await tables(url)
    assert await migrate(url, folder) == []


async def test_migrate_applies_nothing_when_all_is_done(url: str, folder: Path) -> None:
    await migrate(url, folder)
    assert await migrate(url, folder) == []
    assert await rows(url, "SELECT * FROM rooms") == [("Lighthouse room", 1)]


async def test_migrate_applies_what_a_newer_build_adds(url: str, folder: Path) -> None:
    await migrate(url, folder)
    write(folder, "0003_desks", "CREATE TABLE desks (name text);\n")
    assert await migrate(url, folder) == ["0003_desks.sql"]


async def test_migrate_applies_each_file_once_when_three_start_together(url: str, folder: Path) -> None:
    # Long enough for each to meet the others at work.
    write(folder, "0003_slow", "SELECT pg_sleep(0.3);\nINSERT INTO rooms VALUES ('Net loft');\n")
    reports = await asyncio.gather(*(migrate(url, folder) for _ in range(3)))
    assert sorted(map(len, reports)) == [0, 0, len(OWN) + 3]
    assert await rows(url, "SELECT name FROM rooms ORDER BY name") == [("Lighthouse room",), ("Net loft",)]
    assert len(await applied(url)) == len(OWN) + 3


async def test_migrate_waits_for_a_starter_at_work_and_goes_on_when_it_dies(url: str, folder: Path) -> None:
    write(folder, "0003_slow", "SELECT pg_sleep(600);\n")
    first = asyncio.create_task(migrate(url, folder))
    async with asyncio.timeout(20):
        while not await rows(
            url, "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        ):
            pass
    write(folder, "0003_slow", "INSERT INTO rooms VALUES ('Net loft');\n")
    second = asyncio.create_task(migrate(url, folder))
    await rows(url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await first
    assert await second == ["0003_slow.sql"]
    assert await rows(url, "SELECT name FROM rooms ORDER BY name") == [("Lighthouse room",), ("Net loft",)]


async def test_migrate_refuses_a_file_that_was_edited_after_it_was_applied(url: str, folder: Path) -> None:
    await migrate(url, folder)
    write(folder, "0001_rooms", FIRST + "-- a remark\n")
    write(folder, "0003_desks", "CREATE TABLE desks (name text);\n")
    with pytest.raises(MigrationChanged, match=r"^0001_rooms\.sql$"):
        await migrate(url, folder)
    assert "desks" not in await tables(url)


async def test_migrate_survives_a_database_that_a_newer_release_has_expanded(url: str, folder: Path) -> None:
    write(folder, "0003_desks", "CREATE TABLE desks (name text);\n")
    await migrate(url, folder)
    (folder / "0003_desks.sql").unlink()
    assert await migrate(url, folder) == []
    assert await applied(url) == [*OWN, "0001_rooms.sql", "0002_units.sql", "0003_desks.sql"]


async def test_migrate_refuses_a_database_from_which_a_newer_release_took_what_this_one_needs(
    url: str, folder: Path
) -> None:
    write(
        folder,
        "0003_units",
        "-- contract: not used since 99.0. Nobody asks for units.\nALTER TABLE rooms DROP units;\n",
    )
    write(folder, "0004_desks", "CREATE TABLE desks (name text);\n")
    await migrate(url, folder)
    (folder / "0003_units.sql").unlink()
    (folder / "0004_desks.sql").unlink()
    with pytest.raises(DatabaseIsAhead, match=r"^0003_units\.sql$"):
        await migrate(url, folder)


async def test_migrate_survives_that_a_newer_release_took_what_this_one_no_longer_uses(url: str, folder: Path) -> None:
    said = f"-- contract: not used since {RELEASE}. Nobody asks for units.\n"
    write(folder, "0003_units", f"{said}ALTER TABLE rooms DROP units;\n")
    await migrate(url, folder)
    (folder / "0003_units.sql").unlink()
    assert await migrate(url, folder) == []


async def test_migrate_takes_over_a_database_whose_list_of_migrations_says_nothing_of_releases(
    url: str, folder: Path
) -> None:
    await migrate(url, folder)
    await rows(url, "ALTER TABLE migrations DROP unused_since")
    write(folder, "0003_desks", "CREATE TABLE desks (name text);\n")
    assert await migrate(url, folder) == ["0003_desks.sql"]


async def test_migrate_leaves_nothing_of_a_file_that_fails(url: str, folder: Path) -> None:
    await migrate(url, folder)
    before = await tables(url)
    write(folder, "0003_fails", FAILS)
    write(folder, "0004_never", "CREATE TABLE never (name text);\n")
    with pytest.raises(asyncpg.PostgresError):
        await migrate(url, folder)
    assert await tables(url) == before
    assert await rows(url, "SELECT * FROM rooms") == [("Lighthouse room", 1)]
    assert await applied(url) == [*OWN, "0001_rooms.sql", "0002_units.sql"]


async def test_migrate_goes_on_from_the_file_that_failed_when_it_is_mended(url: str, folder: Path) -> None:
    write(folder, "0003_fails", FAILS)
    with pytest.raises(asyncpg.PostgresError):
        await migrate(url, folder)
    write(folder, "0003_fails", "CREATE TABLE desks (name text);\n")
    assert await migrate(url, folder) == ["0003_fails.sql"]


async def test_migrate_reads_no_other_files(url: str, folder: Path) -> None:
    (folder / "README.md").write_text("SELECT 1 / 0;")
    (folder / "0003_draft.sql.orig").write_text("SELECT 1 / 0;")
    assert await migrate(url, folder) == [*OWN, "0001_rooms.sql", "0002_units.sql"]


@pytest.mark.parametrize("service", ["availability", "booking"])
async def test_migrations_of_a_service_apply_to_an_empty_database(url: str, service: str) -> None:
    folder = Path(__file__).parents[2] / "services" / service / "migrations"
    assert await migrate(url, folder) == [*OWN, *sorted(file.name for file in folder.iterdir())]
    assert await migrate(url, folder) == []
