"""The sender's SQL: what is due is claimed in batches, what came of it is written in batches."""

import json
from datetime import datetime, timedelta
from typing import NamedTuple

import asyncpg

from chassis.inbox import PRUNE_ROWS
from services.notifier import erasing
from services.notifier.sending import Sent

LONGEST_CONTENT_TYPE = 100


class Claimed(NamedTuple):
    """A delivery that this sender is to make. `number` counts its attempts from 1, `began` are those of schedules before."""

    id: str
    subscription: str
    organisation: str
    number: int
    began: int
    url: str
    secrets: tuple[str, ...]  # sealed
    version: int  # of the subscription
    event: str
    type: str
    age: float  # seconds since it was asked for
    body: str
    traceparent: bytes | None  # of the decision that told the event


# One statement, no transaction around it. The claim is `claimed_until`, and ends by itself if the sender dies. Of each
# receiver as many as it has room for; those with the fewest come first. The list of receivers skips from one to the next,
# however many deliveries wait in between.
_DESTINATIONS = """
WITH RECURSIVE destinations AS (
  (SELECT subscription_id FROM deliveries WHERE status = 'waiting' ORDER BY subscription_id LIMIT 1)
  UNION ALL
  SELECT (SELECT d.subscription_id FROM deliveries d
    WHERE d.status = 'waiting' AND d.subscription_id > n.subscription_id ORDER BY d.subscription_id LIMIT 1)
  FROM destinations n
  WHERE n.subscription_id IS NOT NULL)"""
CLAIM = f"""{_DESTINATIONS},
free AS (
  SELECT s.id, s.organisation_id, coalesce(busy.room, $3::int) AS room
  FROM destinations n
  JOIN LATERAL (SELECT organisation_id FROM deliveries d
    WHERE d.status = 'waiting' AND d.subscription_id = n.subscription_id LIMIT 1) one ON true
  JOIN LATERAL (SELECT s.id, s.organisation_id FROM subscriptions s
    WHERE s.organisation_id = one.organisation_id AND s.id = n.subscription_id AND s.enabled LIMIT 1) s ON true
  LEFT JOIN unnest($1::uuid[], $2::int[]) busy(id, room) ON busy.id = s.id
  WHERE coalesce(busy.room, $3::int) > 0),
due AS MATERIALIZED (
  SELECT c.id
  FROM free f, LATERAL (
    SELECT d.id, d.due_at
    FROM deliveries d
    WHERE d.subscription_id = f.id AND d.status = 'waiting' AND d.due_at <= statement_timestamp()
      AND (d.claimed_until IS NULL OR d.claimed_until <= statement_timestamp())
    ORDER BY d.due_at
    LIMIT f.room
    FOR UPDATE SKIP LOCKED) c
  ORDER BY row_number() OVER (PARTITION BY f.id ORDER BY c.due_at), c.due_at
  LIMIT $4::int)
UPDATE deliveries d
SET claimed_until = clock_timestamp() + make_interval(secs => $5::float8), claimed_by = $6, attempts = d.attempts + 1
FROM due, subscriptions s, events e
WHERE d.id = due.id AND s.organisation_id = d.organisation_id AND s.id = d.subscription_id AND e.id = d.event_id
RETURNING d.id::text, d.subscription_id::text, d.organisation_id, d.attempts, d.began, s.url,
  ARRAY(SELECT t.secret FROM unnest(s.secrets, s.secrets_until) t(secret, until) WHERE t.until > statement_timestamp()),
  s.version, d.event_id::text, d.type, extract(epoch FROM clock_timestamp() - d.created_at)::float8, e.body,
  e.traceparent
"""  # noqa: S608 - SQL of our own

VERSION = "SELECT version FROM subscriptions WHERE organisation_id = $1 AND id = $2::uuid"

# What senders had in hand that are gone. It is among the oldest that are due to each receiver: what waits behind is not looked at.
TAKE_BACK = f"""{_DESTINATIONS}
UPDATE deliveries d
SET claimed_until = NULL
FROM destinations n
JOIN LATERAL (SELECT o.id, o.claimed_by
  FROM (SELECT id, claimed_by, claimed_until FROM deliveries
    WHERE subscription_id = n.subscription_id AND status = 'waiting' AND due_at <= statement_timestamp()
    ORDER BY due_at
    LIMIT 2000) o
  WHERE o.claimed_until > statement_timestamp()) o ON true
WHERE d.id = o.id AND o.claimed_by = ANY($1::text[]) AND d.claimed_by = o.claimed_by AND d.status = 'waiting'
"""  # noqa: S608 - SQL of our own

# Seconds until the next delivery is due that is not yet, and how long the oldest one has been due.
WAITING = f"""{_DESTINATIONS}
SELECT extract(epoch FROM min(later.due_at) - clock_timestamp())::float8,
  extract(epoch FROM clock_timestamp() - min(earlier.due_at) FILTER (WHERE s.enabled))::float8
FROM destinations n
LEFT JOIN LATERAL (SELECT due_at FROM deliveries d
  WHERE d.subscription_id = n.subscription_id AND d.status = 'waiting' AND d.due_at > statement_timestamp()
  ORDER BY due_at LIMIT 1) later ON true
LEFT JOIN LATERAL (SELECT due_at, organisation_id FROM deliveries d
  WHERE d.subscription_id = n.subscription_id AND d.status = 'waiting' AND d.due_at <= statement_timestamp()
  ORDER BY due_at LIMIT 1) earlier ON true
LEFT JOIN LATERAL (SELECT s.enabled FROM subscriptions s
  WHERE s.organisation_id = earlier.organisation_id AND s.id = n.subscription_id LIMIT 1) s ON true
"""  # noqa: S608 - SQL of our own

DISABLED = "SELECT count(*) FROM subscriptions WHERE NOT enabled AND NOT deleted"


class Outcome(NamedTuple):
    """What came of an attempt. `after` are seconds to the next one; None: there is none. `given_back`: it was not made."""

    claimed: Claimed
    good: bool
    after: float | None = None
    tried: str | None = None  # JSON
    given_back: bool = False

    @property
    def status(self) -> str:
        """What the delivery is now."""
        if self.good:
            return "delivered"
        return "waiting" if self.given_back or self.after is not None else "exhausted"


def tried(at: datetime, number: int, sent: Sent) -> str:
    """An attempt, as the delivery log shows it: nothing of what the answer's body says (W6)."""
    kind = next((value for name, value in sent.headers.items() if name.lower() == "content-type"), None)
    return json.dumps(
        {
            "number": number,
            "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "seconds": round(sent.seconds, 3),
            "status": sent.status,
            "error": sent.error,
            "contentType": kind[:LONGEST_CONTENT_TYPE] if kind else None,
            "bytes": sent.read,
        }
    )


# That it waits is said by `ended_at`: a plan made while the table is empty (decision 0016) would else go through all that waits.
# Whoever was thought dead and comes back does not disturb the claim of who took its place. The sender that finds a receiver
# failing for so long gets its subscription back: to have it disabled is a decision, and made elsewhere.
SETTLE = """
WITH u AS (
  SELECT *
  FROM unnest($1::uuid[], $2::int[], $3::text[], $4::uuid[], $5::text[], $6::bool[], $7::float8[], $8::text[], $9::bool[])
    u(id, number, status, subscription_id, organisation_id, good, after, tried, given_back)),
settled AS (
  UPDATE deliveries d
  SET status = u.status, claimed_until = NULL,
    due_at = CASE WHEN u.after IS NULL THEN d.due_at ELSE clock_timestamp() + make_interval(secs => u.after) END,
    ended_at = CASE WHEN u.status = 'waiting' THEN NULL ELSE clock_timestamp() END,
    attempts = CASE WHEN u.given_back THEN d.attempts - 1 ELSE d.attempts END,
    tries = CASE WHEN u.tried IS NULL THEN d.tries
      ELSE (d.tries || u.tried)[greatest(1, cardinality(d.tries) - 18):cardinality(d.tries) + 1] END
  FROM u
  WHERE d.id = u.id AND d.attempts = u.number AND d.ended_at IS NULL),
seen AS (
  SELECT organisation_id, subscription_id, bool_or(good) AS good
  FROM u
  WHERE NOT given_back
  GROUP BY organisation_id, subscription_id),
health AS (
  UPDATE subscriptions s
  SET failing_since = CASE WHEN seen.good THEN NULL ELSE clock_timestamp() END
  FROM seen
  WHERE s.organisation_id = seen.organisation_id AND s.id = seen.subscription_id AND seen.good = (s.failing_since IS NOT NULL))
SELECT s.organisation_id, s.id::text, s.version
FROM seen
JOIN LATERAL (SELECT s.organisation_id, s.id, s.version, s.enabled, s.failing_since FROM subscriptions s
  WHERE s.organisation_id = seen.organisation_id AND s.id = seen.subscription_id LIMIT 1) s ON true
WHERE NOT seen.good AND s.enabled AND s.failing_since < clock_timestamp() - make_interval(secs => $10::float8)
"""

# The oldest of any organisation: who has many replays waits for their own, and for nobody else's.
REPLAY = """
SELECT r.id::text, r.organisation_id, r.subscription_id::text, r.from_at, r.to_at, r.reached, s.events
FROM replays r
LEFT JOIN subscriptions s ON s.organisation_id = r.organisation_id AND s.id = r.subscription_id AND NOT s.deleted
WHERE r.id = (
  SELECT o.id
  FROM (SELECT DISTINCT ON (organisation_id) id FROM replays WHERE ended_at IS NULL ORDER BY organisation_id, created_at) o
  ORDER BY random()
  LIMIT 1)
"""
REPLAY_PAGE = 500
# The last position before which nothing can be of the period: events are stored in the order of their numbers, and none comes from
# more than five minutes ahead (R15). Halving, so that a long feed costs twenty looks.
REPLAY_FROM = """
WITH RECURSIVE halves(low, high) AS (
  SELECT (SELECT position - 1 FROM events WHERE organisation_id = $1 AND position IS NOT NULL ORDER BY position LIMIT 1),
    (SELECT last FROM feeds WHERE organisation_id = $1)
  UNION ALL
  SELECT CASE WHEN e.stored_at < $2 THEN e.position ELSE low END, CASE WHEN e.stored_at < $2 THEN high ELSE middle - 1 END
  FROM (SELECT low, high, (low + high + 1) / 2 AS middle FROM halves WHERE low < high) h
  LEFT JOIN LATERAL (SELECT position, stored_at FROM events
    WHERE organisation_id = $1 AND position IS NOT NULL AND position >= h.middle
    ORDER BY position LIMIT 1) e ON true)
SELECT coalesce(min(low), 0) FROM halves WHERE low >= high
"""
PAGE = f"""
SELECT id::text, type, position, created_at, stored_at
FROM events
WHERE organisation_id = $1 AND position IS NOT NULL AND position > $2
ORDER BY position
LIMIT {REPLAY_PAGE}
"""  # noqa: S608 - a number of our own
# What was delivered is delivered again under the same id; what waits anyway is left as it is. A new delivery is as old as its
# event: it is deleted before the event is, for without the event it could not be made, and would be in the way of others.
REPLAY_ON = """
WITH moved AS (
  UPDATE replays
  SET reached = $2, ended_at = CASE WHEN $3 THEN clock_timestamp() END
  WHERE id = $1 AND reached = $4 AND ended_at IS NULL
  RETURNING organisation_id, subscription_id)
INSERT INTO deliveries AS d (id, organisation_id, subscription_id, event_id, type, created_at)
SELECT u.id, m.organisation_id, m.subscription_id, u.event_id, u.type, u.stored_at
FROM moved m, unnest($5::uuid[], $6::uuid[], $7::text[], $8::timestamptz[]) u(id, event_id, type, stored_at)
ON CONFLICT (id) DO UPDATE
SET status = 'waiting', ended_at = NULL, due_at = clock_timestamp(), began = d.attempts
WHERE d.status <> 'waiting'
"""


# What waits for a subscription that is deleted is for nobody: whoever looks for what is due would go past it for days.
FORGET = f"""
DELETE FROM deliveries
WHERE ctid = ANY(ARRAY(
  SELECT d.ctid
  FROM subscriptions s
  JOIN LATERAL (SELECT d.ctid FROM deliveries d
    WHERE d.subscription_id = s.id AND d.organisation_id = s.organisation_id AND d.status = 'waiting'
    LIMIT {PRUNE_ROWS} FOR UPDATE SKIP LOCKED) d ON true
  WHERE NOT s.enabled AND s.deleted AND s.updated_at > statement_timestamp() - interval '1 hour'
  LIMIT {PRUNE_ROWS}))
"""  # noqa: S608 - a number of our own


def prunes(kept: timedelta) -> tuple[str, ...]:
    """What is old enough goes, a thousand rows at a time; what somebody holds at the moment goes the next time."""
    seconds = round(kept.total_seconds())

    def prune(table: str, column: str, condition: str = "", after: int = seconds) -> str:
        return f"""
DELETE FROM {table}
WHERE ctid = ANY(ARRAY(
  SELECT ctid FROM {table} WHERE {column} < statement_timestamp() - interval '{after} seconds' {condition}
  LIMIT {PRUNE_ROWS} FOR UPDATE SKIP LOCKED))
"""  # noqa: S608 - names and numbers of our own

    return (
        FORGET,
        prune("deliveries", "created_at"),
        # An event outlives its deliveries: one that is retried at the last moment still has its body.
        prune("events", "stored_at", f"- interval '{seconds // 8} seconds'"),
        prune("replays", "created_at"),
        prune("subscriptions", "updated_at", "AND NOT enabled AND deleted"),
        prune("erased", "erased_at", after=round(erasing.REMEMBERED.total_seconds())),
    )


def claimed(row: asyncpg.Record) -> Claimed:
    """A row of CLAIM."""
    return Claimed._make(tuple(each) if isinstance(each, list) else each for each in row)
