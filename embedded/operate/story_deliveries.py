"""The last chapter of a booking's story: who was told of its events over HTTP, with every attempt that is remembered."""

import urllib.parse
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from embedded.operate import databases
from embedded.operate.places import Place

_DELIVERIES = """
SELECT d.id::text, d.event_id::text, d.subscription_id::text, d.status, d.created_at, d.due_at, d.ended_at, d.attempts, d.tries,
  s.url, s.enabled AND NOT s.deleted AS wanted
FROM deliveries d
LEFT JOIN subscriptions s ON s.organisation_id = d.organisation_id AND s.id = d.subscription_id
WHERE d.event_id = ANY($1::uuid[]) AND d.created_at >= $2
ORDER BY d.created_at, d.id
"""

Node = dict[str, Any]


async def add(place: Place, nodes: Mapping[str, Node], began: datetime) -> None:
    """Put each delivery under the event that it carries; nothing where no notifier is."""
    if "notifier" not in place.databases:
        return
    async with databases.connected(place.databases["notifier"]) as connection:
        if await databases.has(connection, "deliveries"):
            for row in await connection.fetch(_DELIVERIES, list(nodes), began):
                nodes[row["event_id"]]["follows"].append(_node(row))


def _node(row: Any) -> Node:
    waiting = row["status"] == "waiting"
    return {
        "kind": "delivery",
        "id": row["id"],
        "subscription": row["subscription_id"],
        "url": _public(row["url"]),
        "wanted": bool(row["wanted"]),
        "status": row["status"],
        "attempts": row["attempts"],
        "tries": [orjson.loads(each) for each in row["tries"]],
        "askedAt": databases.written(row["created_at"]),
        "dueAt": databases.written(row["due_at"]) if waiting else None,
        "endedAt": databases.written(row["ended_at"]),
        "follows": [],
    }


def _public(url: str | None) -> str | None:
    """Without what only its receiver should read: some write a token into the query."""
    return urllib.parse.urlsplit(url)._replace(query="", fragment="").geturl() if url else None
