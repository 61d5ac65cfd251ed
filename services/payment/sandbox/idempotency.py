"""Idempotency keys as Stripe keeps them: the first answer of a key is its answer, also when it was a 500."""

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

from services.payment.sandbox import errors
from services.payment.sandbox.errors import Refused
from services.payment.sandbox.store import Store

LONGEST = 255


@dataclass(frozen=True)
class Asked:
    """One request, as far as its key is concerned."""

    id: str
    key: str | None
    route: str
    fingerprint: str


@dataclass(frozen=True)
class Answer:
    """What is sent back; `first` is the request that was answered so for the first time."""

    status: int
    body: dict[str, Any]
    first: str | None = None


def asked(id_: str, key: str | None, route: str, parameters: dict[str, Any]) -> Asked:
    """The request under its key; raises Refused for a key that is none."""
    if key is not None and not 0 < len(key) <= LONGEST:
        raise Refused(f"Idempotency keys are at most {LONGEST} characters long and not empty.")
    written = json.dumps(parameters, sort_keys=True)
    return Asked(id_, key, route, hashlib.sha256(f"{route} {written}".encode()).hexdigest())


class Keys:
    """The keys of an account. Those under way are forgotten when the process ends: what they asked for was not done."""

    def __init__(self, store: Store, kept: float) -> None:
        self._store, self._kept = store, kept
        self._under_way: dict[str, Asked] = {}

    def begin(self, asked: Asked) -> Answer | None:
        """The stored answer, if there is one; else the key is taken until `end`. Raises Refused where it stands for
        another request, or for one that is not answered yet."""
        if asked.key is None:
            return None
        other = self._under_way.get(asked.key)
        if other is not None:
            _insist(asked.key, asked, other.route, other.fingerprint)
            raise errors.key_in_use(asked.key)
        self._store.db.execute(
            "DELETE FROM keys WHERE key = ? AND created_at < ?", (asked.key, time.time() - self._kept)
        )
        row = self._store.db.execute("SELECT * FROM keys WHERE key = ?", (asked.key,)).fetchone()
        if row is not None:
            _insist(asked.key, asked, row["route"], row["fingerprint"])
            return Answer(row["status"], json.loads(row["body"]), row["request"])
        self._under_way[asked.key] = asked
        return None

    def keep(self, asked: Asked, answer: Answer) -> None:
        """Store the answer of a key, within the transaction of its effect."""
        if asked.key is not None:
            self._store.db.execute(
                "INSERT INTO keys (key, route, fingerprint, request, status, body, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    asked.key,
                    asked.route,
                    asked.fingerprint,
                    asked.id,
                    answer.status,
                    json.dumps(answer.body),
                    time.time(),
                ),
            )

    def end(self, asked: Asked) -> None:
        """The request is answered, or was given up."""
        if asked.key is not None:
            self._under_way.pop(asked.key, None)


def _insist(key: str, asked: Asked, route: str, fingerprint: str) -> None:
    if fingerprint != asked.fingerprint:
        raise errors.key_reused(key, route == asked.route)
