"""What the provider remembers: one SQLite file. A call is one transaction, so a killed process leaves no half of one."""

import contextlib
import fcntl
import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  created INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS objects_by_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_by_payment ON objects (kind, json_extract(body, '$.payment_intent'), seq);
CREATE INDEX IF NOT EXISTS objects_by_status ON objects (kind, json_extract(body, '$.status'), seq);
CREATE TABLE IF NOT EXISTS deliveries (
  id INTEGER PRIMARY KEY,
  event TEXT NOT NULL REFERENCES objects (id),
  due_at REAL, -- none: never
  rank INTEGER NOT NULL, -- of those due at the same time, the smallest goes first
  attempts INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
  answer TEXT, -- the last one
  held_by INTEGER -- the fault that keeps it back
) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_by_turn ON deliveries (state, due_at, rank);
CREATE INDEX IF NOT EXISTS deliveries_by_event ON deliveries (event, state);
CREATE TABLE IF NOT EXISTS timers (
  id INTEGER PRIMARY KEY,
  due_at REAL NOT NULL,
  action TEXT NOT NULL,
  object TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS timers_by_turn ON timers (due_at);
CREATE TABLE IF NOT EXISTS keys (
  key TEXT PRIMARY KEY,
  route TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  request TEXT NOT NULL,
  status INTEGER NOT NULL,
  body TEXT NOT NULL,
  created_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS faults (
  id INTEGER PRIMARY KEY,
  fault TEXT NOT NULL,
  operation TEXT,
  remaining INTEGER, -- none: until it is cleared
  body TEXT NOT NULL
) STRICT;
"""


class InUse(Exception):
    """another sandbox uses this data folder"""


class Store:
    """The file. Its statements are short and local, so they run on the event loop, and nothing happens in between."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise InUse from error
        self.db = sqlite3.connect(folder / "sandbox.sqlite3", isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.executescript(SCHEMA)
        self.committed: list[Callable[[], None]] = []
        """Called after each transaction: who waits for something to do looks again."""

    def close(self) -> None:
        """Give the file back."""
        self.db.close()
        self._lock.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")
        for call in self.committed:
            call()

    def put(self, value: dict[str, Any]) -> int:
        """Keep an object, new or changed; its place in the order of creation."""
        row = self.db.execute(
            """INSERT INTO objects (id, kind, created, body) VALUES (?, ?, ?, ?)
               ON CONFLICT (id) DO UPDATE SET body = excluded.body
               RETURNING seq""",
            (value["id"], value["object"], value["created"], json.dumps(value)),
        ).fetchone()
        return int(row["seq"])

    def get(self, id_: str, kind: str | None = None) -> dict[str, Any] | None:
        """An object, if it is there and of that kind."""
        row = self.db.execute("SELECT kind, body FROM objects WHERE id = ?", (id_,)).fetchone()
        return json.loads(row["body"]) if row and kind in (None, row["kind"]) else None

    def seq(self, id_: str, kind: str) -> int | None:
        """The place of an object in the order of creation."""
        row = self.db.execute("SELECT seq FROM objects WHERE id = ? AND kind = ?", (id_, kind)).fetchone()
        return row["seq"] if row else None

    def all(self, kind: str) -> list[dict[str, Any]]:
        """All objects of a kind, oldest first."""
        rows = self.db.execute("SELECT body FROM objects WHERE kind = ? ORDER BY seq", (kind,))
        return [json.loads(row["body"]) for row in rows]

    def set_timer(self, due_at: float, action: str, object_: str) -> None:
        """Have something done to an object later, also after a restart."""
        self.db.execute("INSERT INTO timers (due_at, action, object) VALUES (?, ?, ?)", (due_at, action, object_))
