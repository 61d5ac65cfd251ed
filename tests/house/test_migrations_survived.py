"""Migrations that builds of the release before survive: the rule finds whatever breaks them, and ours keep it."""

import re
from pathlib import Path

import pytest

from chassis.migrations import RELEASE
from releases import frozen
from releases.survival import contracted, dangers, statements

BEFORE = frozen.all_of_them()[-1]
FILES = {path: (frozen.PROJECT / path).read_text() for path in frozen.now().migrations}

REFUSED = {
    "a column is dropped": ("ALTER TABLE bookings DROP COLUMN client", "breaks bookings"),
    "a column is dropped beside a harmless change": ("ALTER TABLE bookings ADD note text, DROP client", "breaks bookings"),
    "a column has another name": ("ALTER TABLE bookings RENAME client TO caller", "breaks bookings"),
    "a table has another name": ("ALTER TABLE bookings RENAME TO reservations", "breaks bookings"),
    "a column has another type": ("ALTER TABLE bookings ALTER COLUMN version TYPE bigint", "breaks bookings"),
    "a column must be filled": ("ALTER TABLE bookings ALTER client SET NOT NULL", "breaks bookings"),
    "a column may be empty": ("ALTER TABLE bookings ALTER status DROP NOT NULL", "breaks bookings"),
    "a new column must be filled": ("ALTER TABLE bookings ADD shop text NOT NULL", "breaks bookings: the release before"),
    "a new column is computed": ("ALTER TABLE bookings ADD d text GENERATED ALWAYS AS (status) STORED", "rewritten"),
    "a default is no constant": ("ALTER TABLE bookings ADD seen timestamptz DEFAULT clock_timestamp()", "rewritten"),
    "a new column is unique": ("ALTER TABLE bookings ADD number bigint UNIQUE", "may write what it refuses"),
    "a new rule": ("ALTER TABLE bookings ADD CONSTRAINT never CHECK (version < 9) NOT VALID", "breaks bookings"),
    "a table is dropped": ("DROP TABLE customers", "breaks builds"),
    "an index is dropped": ("DROP INDEX bookings_newest_first", "breaks builds"),
    "an index on a table with rows": ("CREATE INDEX x ON bookings (status)", "locks bookings"),
    "a unique index": ("CREATE UNIQUE INDEX x ON bookings (status)", "breaks bookings"),
    "a function is replaced": ("CREATE OR REPLACE FUNCTION must(b boolean) RETURNS boolean AS $$ SELECT $1; $$", "breaks"),
    "a trigger on a table in use": (
        "CREATE TRIGGER t AFTER INSERT ON bookings FOR EACH ROW EXECUTE FUNCTION wake()", "breaks bookings"
    ),
    "all rows are changed": ("UPDATE bookings SET status = 'PAID'", "locks bookings"),
    "rows are deleted": ("DELETE FROM customers", "locks customers"),
    "a table is emptied": ("TRUNCATE customers", "breaks builds"),
    "something nobody thought of": ("CLUSTER bookings", "the rule does not know it"),
}  # fmt: skip

ALLOWED = {
    "a table with all that belongs to it": "CREATE TABLE shops (id uuid PRIMARY KEY, n int NOT NULL);\n"
    "CREATE UNIQUE INDEX i ON shops (n);\nINSERT INTO shops VALUES ('x', 1);\nALTER TABLE shops DROP n;\n"
    "CREATE FUNCTION f() RETURNS trigger AS $$ BEGIN DROP TABLE x; END $$;\n"
    "CREATE TRIGGER t AFTER INSERT ON shops FOR EACH STATEMENT EXECUTE FUNCTION f();",
    "a column that may be missing": "ALTER TABLE bookings ADD COLUMN IF NOT EXISTS note text",
    "columns with constant defaults": "ALTER TABLE bookings ADD a int NOT NULL DEFAULT 1, ADD b text NOT NULL DEFAULT ''",
    "settings of a table": "ALTER TABLE bookings SET (fillfactor = 50)",
    "a remark that only speaks of it": "-- DROP TABLE bookings;\nALTER TABLE bookings ADD note text;",
}


@pytest.mark.parametrize(("sql", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_migration_that_the_release_before_would_not_survive_is_refused(sql: str, why: str) -> None:
    found = [str(each) for each in dangers(f"{sql};\n")]
    assert found
    assert any(why in each for each in found), found


@pytest.mark.parametrize("sql", ALLOWED.values(), ids=ALLOWED.keys())
def test_migration_that_only_adds_is_allowed(sql: str) -> None:
    assert dangers(sql) == []


def test_word_in_the_file_excuses_its_own_kind_of_danger_alone() -> None:
    drop, index = "ALTER TABLE bookings DROP client;", "CREATE INDEX x ON bookings (status);"
    contract, lock = "-- contract: not used since 0.2. Callers go by token.\n", "-- locks bookings: it is small.\n"
    assert dangers(contract + drop) == dangers(lock + index) == []
    assert dangers(lock + drop)
    assert dangers(contract + index)
    assert dangers("-- locks customers: it is small.\n" + index)
    assert dangers("-- contract: not used since 0.2.\n" + drop), "without a reason"


def test_statements_are_told_apart_from_the_bodies_of_functions() -> None:
    sql = "CREATE FUNCTION f() AS $$ BEGIN a; b; END $$; -- c;\nDROP TABLE d;"
    assert statements(sql) == ["CREATE FUNCTION f() AS $$ BEGIN a; b; END $$", "DROP TABLE d"]


@pytest.mark.parametrize("path", sorted(FILES.keys() - BEFORE.migrations.keys()) or [None])
def test_migration_since_the_release_before_is_one_that_its_builds_survive(path: str | None) -> None:
    if path is None:
        pytest.skip(f"no migration is newer than {BEFORE.name}")
    assert [str(each) for each in dangers(FILES[path])] == []
    since = contracted(FILES[path])
    assert since is None or frozen.number(since) <= BEFORE.number, f"builds of {BEFORE.name} still use it"


def test_build_knows_which_release_it_is() -> None:
    assert frozen.version() == RELEASE
    assert BEFORE.number <= frozen.number(RELEASE)


def test_every_release_is_named_by_its_file() -> None:
    names = {path.stem for path in frozen.HERE.glob("*.json")}
    assert {release.name for release in frozen.all_of_them()} == names
    assert all(re.fullmatch(r"\d+\.\d+", name) for name in names)
    assert Path(frozen.HERE / "0.1.json").exists()
