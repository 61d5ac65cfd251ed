"""What builds of the release before do in a service's database works after this release's migrations, on real PostgreSQL."""

import contextlib
import hashlib
import shutil
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from chassis.migrations import migrate
from embedded.infrastructure import Infrastructure
from releases import frozen
from releases.survival import contracted, dangers
from releases.tables import Tables, narrowed, seen

BEFORE = frozen.all_of_them()[-1]
SERVICES = ("availability", "booking", "notifier", "payment")
ROOMS = """
CREATE TABLE rooms (name text PRIMARY KEY, units int NOT NULL DEFAULT 1, note text, CONSTRAINT units_are_some CHECK (units > 0));
CREATE INDEX rooms_by_units ON rooms (units);
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS $$ SELECT 2 * n $$;
"""


@contextlib.asynccontextmanager
async def migrated(infra: Infrastructure, folder: Path) -> AsyncIterator[asyncpg.Connection]:
    name = f"tables_{uuid.uuid4().hex}"
    url = await infra.create_database(name)
    await migrate(url, folder)
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()
    await infra.drop_database(name)


def chosen(service: str, into: Path, *, before: bool) -> Path:
    """The migrations of a service: of the release before, as they were then; or all that its builds have to survive."""
    into.mkdir()
    for path in sorted((frozen.PROJECT / "services" / service / "migrations").glob("*.sql")):
        name = path.relative_to(frozen.PROJECT).as_posix()
        if before and name in BEFORE.migrations:
            assert hashlib.sha256(path.read_bytes()).hexdigest() == BEFORE.migrations[name], f"{name} was edited"
        if name in BEFORE.migrations or (not before and contracted(path.read_text()) is None):
            shutil.copy(path, into)
    return into


@pytest.mark.parametrize("service", SERVICES)
async def test_tables_of_the_release_before_are_only_added_to(
    infra: Infrastructure, tmp_path: Path, service: str
) -> None:
    async with migrated(infra, chosen(service, tmp_path / "before", before=True)) as connection:
        old = await seen(connection)
    async with migrated(infra, chosen(service, tmp_path / "now", before=False)) as connection:
        new = await seen(connection)
    assert {"inbox", "progress"} <= {table for table, _ in old.columns}
    assert narrowed(old, new) == []


CHANGES = {
    "a column goes": ("ALTER TABLE rooms DROP note", "rooms.note is gone"),
    "a column is renamed": ("ALTER TABLE rooms RENAME note TO remark", "rooms.note is gone"),
    "a type changes": ("ALTER TABLE rooms ALTER units TYPE bigint", "rooms.units was integer NOT NULL 1 and is bigint"),
    "a column must be filled": ("ALTER TABLE rooms ALTER note SET NOT NULL", "rooms.note was text and is text NOT NULL"),
    "a column may be empty": ("ALTER TABLE rooms ALTER units DROP NOT NULL", "rooms.units was integer NOT NULL 1"),
    "a default goes": ("ALTER TABLE rooms ALTER units DROP DEFAULT", "rooms.units was integer NOT NULL 1"),
    "a new column must be filled": ("ALTER TABLE rooms ADD floor int NOT NULL", "rooms.floor must be filled"),
    "a rule is new": ("ALTER TABLE rooms ADD CONSTRAINT few CHECK (units < 9)", "rooms: few is new: CHECK"),
    "a rule goes": ("ALTER TABLE rooms DROP CONSTRAINT units_are_some", "rooms: units_are_some was CHECK"),
    "an index that refuses": ("CREATE UNIQUE INDEX notes ON rooms (note)", "rooms: notes is new: CREATE UNIQUE INDEX"),
    "an index goes": ("DROP INDEX rooms_by_units", "rooms: rooms_by_units was CREATE INDEX"),
    "a table goes": ("DROP TABLE rooms", "rooms.name is gone"),
    "a function is another": (
        "CREATE OR REPLACE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS $$ SELECT n $$", "twice(integer) is another"
    ),
    "a trigger acts on what is written": (
        "CREATE TRIGGER t BEFORE UPDATE ON rooms FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "rooms: t is new: CREATE TRIGGER",
    ),
}  # fmt: skip


async def changed(infra: Infrastructure, folder: Path, sql: str) -> tuple[Tables, Tables]:
    (folder / "0001_rooms.sql").write_text(ROOMS)
    async with migrated(infra, folder) as connection:
        old = await seen(connection)
        await connection.execute(sql)
        return old, await seen(connection)


@pytest.mark.parametrize(("sql", "why"), CHANGES.values(), ids=CHANGES.keys())
async def test_table_that_is_narrowed_is_found_by_its_look_and_by_the_rule(
    infra: Infrastructure, tmp_path: Path, sql: str, why: str
) -> None:
    found = narrowed(*await changed(infra, tmp_path, sql))
    assert any(each.startswith(why) for each in found), found
    assert dangers(sql), "the rule of migrations would let it pass"


async def test_table_that_is_only_added_to_is_as_it_was(infra: Infrastructure, tmp_path: Path) -> None:
    sql = """
    ALTER TABLE rooms ADD floor int, ADD colour text NOT NULL DEFAULT 'white';
    CREATE INDEX rooms_by_floor ON rooms (floor);
    CREATE TABLE desks (name text PRIMARY KEY CHECK (name > ''), room text NOT NULL);
    """
    old, new = await changed(infra, tmp_path, sql)
    assert old != new
    assert narrowed(old, new) == []
