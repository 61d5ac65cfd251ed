"""A place to compare much with little memory: what streams by is put into a database in a temporary file, then asked."""

import contextlib
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

AT_ONCE = 5000

_TABLES = """
CREATE TABLE slots (key TEXT PRIMARY KEY, state TEXT, space TEXT, at REAL) WITHOUT ROWID;
CREATE TABLE bookings (key TEXT PRIMARY KEY, status TEXT, version INT, listed INT, created REAL, space TEXT, at REAL,
  asking INT, price INT, currency TEXT) WITHOUT ROWID;
CREATE TABLE events (key TEXT, version INT, id BLOB, place INT, PRIMARY KEY (key, version, id)) WITHOUT ROWID;
CREATE TABLE expected (topic TEXT, id BLOB, service TEXT, cause BLOB, PRIMARY KEY (topic, id)) WITHOUT ROWID;
CREATE TABLE sent (topic TEXT, id BLOB, PRIMARY KEY (topic, id)) WITHOUT ROWID;
CREATE TABLE remembered (service TEXT, id BLOB, PRIMARY KEY (service, id)) WITHOUT ROWID;
CREATE TABLE paid (key TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE causes (id BLOB PRIMARY KEY, cause BLOB) WITHOUT ROWID;
CREATE TABLE heads (id BLOB PRIMARY KEY, organisation TEXT, correlation TEXT) WITHOUT ROWID;
CREATE TABLE owners (key TEXT PRIMARY KEY, organisation TEXT) WITHOUT ROWID;
CREATE TABLE handled (service TEXT, id BLOB, dead BLOB, place TEXT);
"""


class Scratch:
    """Tables of a comparison. Rows are gathered and written a few thousand at a time."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._waiting: dict[str, list[Sequence[Any]]] = {}

    def put(self, table: str, row: Sequence[Any]) -> None:
        """A row of this table; one with the same key is kept as it is."""
        waiting = self._waiting.setdefault(table, [])
        waiting.append(row)
        if len(waiting) >= AT_ONCE:
            self._write(table)

    def ask(self, sql: str, *arguments: Any) -> Iterator[tuple[Any, ...]]:
        """The answer to a question about all that was put."""
        for table in list(self._waiting):
            self._write(table)
        yield from self._database.execute(sql, arguments)

    def _write(self, table: str) -> None:
        rows = self._waiting.pop(table, [])
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            self._database.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)  # noqa: S608 - a name of ours


@contextlib.contextmanager
def opened() -> Iterator[Scratch]:
    """An empty one, which is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="holdfast-verify-") as folder:
        database = sqlite3.connect(f"{folder}/scratch", isolation_level=None)
        try:
            database.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_TABLES}")
            yield Scratch(database)
        finally:
            database.close()


def blob(uuid: str) -> bytes:
    """An id in half of the room."""
    return bytes.fromhex(uuid.replace("-", ""))


def text(uuid: bytes) -> str:
    """The id again."""
    written = uuid.hex()
    return f"{written[:8]}-{written[8:12]}-{written[12:16]}-{written[16:20]}-{written[20:]}"
