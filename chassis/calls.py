"""Calls to the outside as data: what a decision asks for, how often it is tried, and the SQL of the `calls` table.

A decision writes a call in the one statement that writes everything else (`save`); a caller (`chassis.caller`) makes it
afterwards, at least once, always under the same idempotency key, and closes it when its outcome is told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import asyncpg

from chassis.inbox import PRUNE_ROWS
from chassis.messages import Incoming, Save, columns
from contracts.model import Message, Value


class Call(NamedTuple):
    """A call that a decision asks for. `id` is its idempotency key; `key` that of the record which tells its outcome.

    Calls to one `destination` wait for each other when there are many, those to others do not. `after` is in seconds.
    """

    id: str
    kind: str
    destination: str
    organisation: str
    correlation: str
    key: str
    request: str
    traceparent: bytes | None = None
    after: float = 0.0


def call(
    cause: Incoming,
    kind: str,
    destination: str,
    key: str,
    request: Value,
    *,
    id_: str | None = None,
    after: float = 0.0,
) -> Call:
    """The call that this message asks for, under the message's own id unless it has another."""
    return Call(
        id_ or cause.id,
        kind,
        destination,
        cause.organisation,
        cause.envelope.correlation,
        key,
        request.model_dump_json(),
        cause.envelope.traceparent,
        after,
    )


class Attempt(NamedTuple):
    """A call that is being made. `number` counts from 1, `note` is what the attempt before left."""

    id: str
    kind: str
    destination: str
    organisation: str
    correlation: str
    key: str
    request: str
    traceparent: bytes | None
    number: int
    created_at: datetime
    age: float  # seconds since it was asked for
    note: str | None


@dataclass(frozen=True)
class Done:
    """The call has its outcome. A message is told to the service's own commands, none means that nobody waits for it."""

    outcome: Message | None = None


@dataclass(frozen=True)
class Again:
    """The call is to be tried again, and why; not before `after` seconds, if the other side said so."""

    why: str
    after: float = 0.0
    note: str | None = None


@dataclass(frozen=True)
class Schedule:
    """When a call is tried again: `delays[n]` seconds after attempt n+1, up to `jitter` of it more.

    After the last one it is given up, or tried for ever at that pace. `seconds` is what one attempt may take. A `timer` goes
    nowhere: it is made at its moment also when a caller has no room for more calls.
    """

    delays: tuple[float, ...]
    for_ever: bool = False
    jitter: float = 0.2
    seconds: float = 20.0
    timer: bool = False

    def wait(self, number: int, chance: float, after: float = 0.0) -> float | None:
        """Seconds from the end of attempt `number` to the next; None: there is no next. `chance` is from 0 to 1."""
        if number > len(self.delays) and not self.for_ever:
            return None
        delay = self.delays[min(number, len(self.delays)) - 1]
        return max(delay * (1 + self.jitter * chance), after)


_ASK = """
INSERT INTO calls (id, kind, destination, organisation_id, correlation_id, key, request, traceparent, due_at)
SELECT u.id, u.kind, u.destination, u.organisation_id, u.correlation_id, u.key, u.request, u.traceparent,
  clock_timestamp() + make_interval(secs => u.after)
FROM unnest({0}::uuid[], {1}::text[], {2}::text[], {3}::text[], {4}::uuid[], {5}::text[], {6}::text[], {7}::bytea[],
    {8}::float8[])
  u(id, kind, destination, organisation_id, correlation_id, key, request, traceparent, after)
RETURNING 1
"""


def save(calls: Sequence[Call]) -> list[Save]:
    """The part of the write that asks for these calls."""
    return [Save("a_call_is_asked_for_once", _ASK, len(calls), columns(calls, 9))] if calls else []


# One statement, no transaction around it: the claim is the new `due_at`, and ends by itself if the caller dies. Of each
# destination as many as it has room for; those with the fewest under way come first. The list of destinations skips from one
# to the next, however many calls wait in between.
CLAIM = """
WITH RECURSIVE destinations AS (
  (SELECT destination FROM calls WHERE closed_at IS NULL ORDER BY destination LIMIT 1)
  UNION ALL
  SELECT (SELECT c.destination FROM calls c
    WHERE c.closed_at IS NULL AND c.destination > d.destination ORDER BY c.destination LIMIT 1)
  FROM destinations d
  WHERE d.destination IS NOT NULL),
free AS (
  SELECT d.destination, coalesce(busy.calls, 0) AS calls
  FROM destinations d
  LEFT JOIN unnest($1::text[], $2::int[]) busy(destination, calls) USING (destination)
  WHERE d.destination IS NOT NULL AND coalesce(busy.calls, 0) < $3::int),
due AS MATERIALIZED (
  SELECT c.id
  FROM free f, LATERAL (
    SELECT id, due_at
    FROM calls
    WHERE destination = f.destination AND closed_at IS NULL AND due_at <= statement_timestamp()
      AND kind = ANY($4::text[])
    ORDER BY due_at
    LIMIT $3::int - f.calls
    FOR UPDATE SKIP LOCKED) c
  ORDER BY f.calls + row_number() OVER (PARTITION BY f.destination ORDER BY c.due_at), c.due_at
  LIMIT $5::int)
UPDATE calls c
SET due_at = clock_timestamp() + make_interval(secs => $6::float8), attempts = c.attempts + 1
FROM due
WHERE c.id = due.id
RETURNING c.id::text, c.kind, c.destination, c.organisation_id, c.correlation_id::text, c.key, c.request, c.traceparent,
  c.attempts, c.created_at, extract(epoch FROM clock_timestamp() - c.created_at)::float8, c.note
"""

# Seconds until the next call is due, of those that are not yet; and how long the oldest one has been due.
WAITING = """
SELECT
  (SELECT extract(epoch FROM min(due_at) - clock_timestamp())::float8
    FROM calls WHERE closed_at IS NULL AND due_at > statement_timestamp()),
  (SELECT extract(epoch FROM clock_timestamp() - min(due_at))::float8
    FROM calls WHERE closed_at IS NULL AND due_at <= statement_timestamp())
"""

# Whoever was thought dead and comes back does not disturb the claim of who took its place.
PUT_OFF = """
UPDATE calls
SET due_at = clock_timestamp() + make_interval(secs => $3::float8), last_error = $4, note = coalesce($5, note)
WHERE id = $1 AND attempts = $2 AND closed_at IS NULL
"""

CLOSE = "UPDATE calls SET closed_at = clock_timestamp() WHERE id = $1 AND closed_at IS NULL"

# As long as the inbox knows the outcome: what is closed is there for whoever looks into it.
PRUNE = f"""
DELETE FROM calls
WHERE id IN (SELECT id FROM calls WHERE closed_at < statement_timestamp() - interval '8 days' LIMIT {PRUNE_ROWS})
"""  # noqa: S608 - a number of our own


def attempt(row: asyncpg.Record) -> Attempt:
    """A row of CLAIM."""
    return Attempt(*row)
