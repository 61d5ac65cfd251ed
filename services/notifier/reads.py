"""What the gateway may ask the notifier: subscriptions, what was delivered, and the feed of events."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args

import asyncpg
import orjson

from chassis import pages
from chassis.reads import BadQuery, Query, Read
from contracts.model import UUID_PATTERN
from contracts.notifier import DeliveryStatus
from services.notifier.state import State

_uuid = re.compile(UUID_PATTERN).fullmatch
_pattern = re.compile(r"\*|[a-z]{1,30}\.(\*|[a-z_]{1,40})").fullmatch
STATUSES = get_args(DeliveryStatus)
FEED_ROWS, MOST_FEED_ROWS = 100, 1000


async def subscription(query: Query) -> bytes | None:
    """The subscription; None when it is not this organisation's, or deleted."""
    if not _uuid(query.path["id"]):
        return None
    sql = "SELECT state FROM subscriptions WHERE organisation_id = $1 AND id = $2::uuid AND NOT deleted"
    state = await query.database.fetchval(sql, query.organisation, query.path["id"])
    return _shown(state) if state else None


async def subscriptions(query: Query) -> bytes:
    """A page of the subscriptions, newest first."""
    page = pages.asked(query.parameters)
    where = "FROM subscriptions WHERE organisation_id = $1 AND NOT deleted"
    total: int = await query.database.fetchval(f"SELECT count(*) {where}", query.organisation)
    sql = f"SELECT state {where} ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3"
    rows = await query.database.fetch(sql, query.organisation, page.limit, page.offset)
    return pages.answer(page, [_shown(row["state"]) for row in rows], total)


def _shown(state: str) -> bytes:
    shown = State.model_validate_json(state).subscription
    if shown.previous_secret_until and shown.previous_secret_until <= datetime.now(UTC):
        shown = shown.model_copy(update={"previous_secret_until": None})
    return shown.__pydantic_serializer__.to_json(shown)


_RESPONSE = {"status": None, "contentType": None, "bytes": 0}  # and what stands for what an older notifier wrote not
_ATTEMPT = ("number", "at", "seconds", "status", "error")
_DELIVERY = """
SELECT d.id::text, d.subscription_id::text, d.event_id::text, d.type, d.status, d.created_at, d.due_at, d.attempts, d.ended_at,
  d.tries
FROM deliveries d
"""


async def deliveries(query: Query) -> bytes | None:
    """A page of what was or is to be delivered to a subscription, newest first; None when it is not this organisation's."""
    if await subscription(query) is None:
        return None
    page, status = pages.asked(query.parameters), query.parameters.get("status")
    if status is not None and status not in STATUSES:
        raise BadQuery("status", f"must be one of {', '.join(STATUSES)}")
    where = """
    WHERE organisation_id = $1 AND subscription_id = $2::uuid AND created_at > '-infinity' AND ($3::text IS NULL OR status = $3)
    """
    arguments = (query.organisation, query.path["id"], status)
    total: int = await query.database.fetchval(f"SELECT count(*) FROM deliveries {where}", *arguments)  # noqa: S608 - constants
    sql = f"{_DELIVERY} {where} ORDER BY created_at DESC, id DESC LIMIT $4 OFFSET $5"
    rows = await query.database.fetch(sql, *arguments, page.limit, page.offset)
    return pages.answer(page, [orjson.dumps(_summary(row)) for row in rows], total)


async def delivery(query: Query) -> bytes | None:
    """The delivery with its request, its attempts and the last response; None when it is not this organisation's."""
    if not _uuid(query.path["id"]):
        return None
    sql = f"""
    SELECT d.*, s.url, e.body
    FROM ({_DELIVERY} WHERE organisation_id = $1 AND id = $2::uuid) d
    JOIN subscriptions s ON s.organisation_id = $1 AND s.id = d.subscription_id::uuid AND NOT s.deleted
    LEFT JOIN events e ON e.id = d.event_id::uuid
    """  # noqa: S608 - constants
    row = await query.database.fetchrow(sql, query.organisation, query.path["id"])
    if row is None:
        return None
    attempts = [orjson.loads(each) for each in row["tries"]]
    last = attempts[-1] if attempts and attempts[-1]["status"] else None
    body = {
        **_summary(row),
        "request": {
            "method": "POST",
            "url": row["url"],
            "headers": {"content-type": "application/json", "webhook-id": row["id"]},
            "body": row["body"] or "",
        },
        "response": {name: last.get(name, unknown) for name, unknown in _RESPONSE.items()} if last else None,
        "attempts": [{name: each[name] for name in _ATTEMPT} for each in attempts],
    }
    return orjson.dumps(body)


def _summary(row: asyncpg.Record) -> dict[str, Any]:
    last = orjson.loads(row["tries"][-1]) if row["tries"] else {}
    waiting = row["status"] == "waiting"
    return {
        "id": row["id"],
        "subscriptionId": row["subscription_id"],
        "eventId": row["event_id"],
        "eventType": row["type"],
        "status": row["status"],
        "attemptCount": len(row["tries"]) if waiting else row["attempts"],
        "lastStatus": last.get("status"),
        "lastError": last.get("error"),
        "createdAt": _time(row["created_at"]),
        "nextAttemptAt": _time(row["due_at"]) if waiting else None,
        "endedAt": _time(row["ended_at"]),
    }


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None


async def events(query: Query) -> bytes:
    """What happened after a cursor, the oldest first, in the bytes that subscribers get; and the cursor to go on with.

    Whoever follows it misses nothing: a number is only ever seen when all smaller ones are there.
    """
    after, limit, patterns = _asked(query.parameters)
    oldest = "SELECT position FROM events WHERE organisation_id = $1 AND position IS NOT NULL ORDER BY position LIMIT 1"
    last = "SELECT last FROM feeds WHERE organisation_id = $1"
    first, end = await query.database.fetchrow(f"SELECT ({oldest}), ({last})", query.organisation)
    if after > (end or 0):
        raise BadQuery("after", "is no cursor that was given to you")
    if after and (first or (end or 0) + 1) > after + 1:
        raise BadQuery("after", "is too old: some of what followed is not kept any more; begin without it")
    sql = """
    SELECT position, body
    FROM events
    WHERE organisation_id = $1 AND position IS NOT NULL AND position > $2
      AND ($3::text[] IS NULL OR type = ANY($3) OR split_part(type, '.', 1) || '.*' = ANY($3))
    ORDER BY position
    LIMIT $4
    """
    wanted = None if "*" in patterns or not patterns else patterns
    rows = await query.database.fetch(sql, query.organisation, after, wanted, limit + 1)
    more = len(rows) > limit
    shown = rows[:limit]
    # With nothing more of what was asked for, the next look need not begin before what was there when this one began.
    cursor = shown[-1]["position"] if more else max(after, end or 0, *(row["position"] for row in shown))
    bodies = ",".join(row["body"] for row in shown)
    return f'{{"data":[{bodies}],"cursor":"{cursor}","hasMore":{"true" if more else "false"}}}'.encode()


def _asked(parameters: Mapping[str, str]) -> tuple[int, int, list[str]]:
    after = parameters.get("after") or "0"
    if not re.fullmatch(r"[0-9]{1,18}", after):
        raise BadQuery("after", "is no cursor that was given to you")
    patterns = [each for each in (parameters.get("type") or "").split(",") if each]
    if not all(map(_pattern, patterns)):
        raise BadQuery("type", "must be a type of event or a pattern such as booking.*, or some, separated by commas")
    limit = parameters.get("limit", str(FEED_ROWS))
    if not re.fullmatch(r"[0-9]{1,4}", limit) or not 1 <= int(limit) <= MOST_FEED_ROWS:
        raise BadQuery("limit", f"must be a number from 1 to {MOST_FEED_ROWS}")
    return int(after), int(limit), patterns


READS: dict[str, Read] = {
    "/subscriptions/{id}": subscription,
    "/subscriptions": subscriptions,
    "/subscriptions/{id}/deliveries": deliveries,
    "/deliveries/{id}": delivery,
    "/events": events,
}
