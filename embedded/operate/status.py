"""What a platform is doing: who is ready, what waits, what has died."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from contracts import topics
from embedded.operate import databases, letters, log
from embedded.operate.places import Place

PROBE_SECONDS = 3.0
OVERDUE_SECONDS = (
    5.0  # a timer that waits for longer is not on its way: the relay commits what it has forwarded every half second
)
UNENDED_SECONDS = 30.0  # likewise a hold: the relay, then availability
TIMERS = "clock"  # where calls go that leave no machine
RELAY = "availability.relay"  # the consumer group of the delay relay
AWAY: tuple[type[BaseException], ...] = (*databases.AWAY, KafkaError, aiohttp.ClientError)

_PROGRESS = "SELECT topic, partition, processed, published FROM progress ORDER BY 1, 2"
_HOLDS = """
SELECT clock_timestamp() AS now, count(*) AS held, count(*) FILTER (WHERE expires_at <= clock_timestamp()) AS due, min(expires_at) AS next,
  coalesce(extract(epoch FROM clock_timestamp() - min(expires_at)), 0)::float8 AS late
FROM slots
WHERE state = 'HELD'
"""
_CALLS = """
SELECT id::text, kind, destination, organisation_id, attempts, last_error, created_at, due_at,
  extract(epoch FROM clock_timestamp() - created_at)::float8 AS age, count(*) OVER () AS open
FROM calls
WHERE closed_at IS NULL AND destination <> $1
ORDER BY created_at
LIMIT 1
"""
_TIMERS = "SELECT count(*) AS waiting, min(due_at) AS next FROM calls WHERE closed_at IS NULL AND destination = $1"

Sight = dict[str, Any]


async def look(place: Place) -> Sight:
    """All of it. What cannot be seen is in `unknown`, with the reason; what has no address in `notLookedAt`. Raises nothing for it."""
    unknown: dict[str, str] = {}

    async def had(name: str, work: Awaitable[Any], otherwise: Any) -> Any:
        try:
            return await work
        except AWAY as error:
            unknown[name] = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
            return otherwise

    services = await _readiness(place)
    inside: Sight = {}
    for service in place.databases:
        inside[service] = await had(f"database of {service}", _inside(place, service), {})
    lag = await had("kafka", _lag(place, inside), [])
    dead = await had("dead letters", _dead(place), {}) if "kafka" not in unknown else {}
    calls = [seen["call"] for seen in inside.values() if seen.get("call")]
    return {
        "services": services,
        "lag": lag,
        "holds": inside.get("availability", {}).get("holds"),
        "deadLetters": dead,
        "openCalls": sum(call["open"] for call in calls) if any(inside.values()) else None,
        "oldestCall": min(calls, key=lambda call: str(call["createdAt"]), default=None),
        "timers": [seen["timers"] for seen in inside.values() if seen.get("timers")],
        "unknown": unknown,
        "notLookedAt": place.unnamed(),
    }


def well(sight: Sight) -> bool:
    """Whether everybody who was asked is ready, everything could be seen, and nothing is overdue."""
    ready = not sight["unknown"] and all(each["ready"] for each in sight["services"].values())
    return ready and not holds_overdue(sight["holds"]) and not any(map(timer_overdue, sight["lag"]))


def timer_overdue(line: Sight) -> bool:
    """Whether what waits in this delay topic should have gone on long ago."""
    return float(line.get("overdueSeconds") or 0.0) > OVERDUE_SECONDS


def holds_overdue(holds: Sight | None) -> bool:
    """Whether a hold is due for longer than it takes to end it."""
    return holds is not None and holds["due"] > 0 and holds["lateSeconds"] > UNENDED_SECONDS


async def _readiness(place: Place) -> dict[str, Sight]:
    """Of each service that answers probes; of several replicas any one answers."""
    asked = {**place.reads, **({"gateway": place.gateway} if place.gateway else {})}
    timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        answers = await asyncio.gather(*(_ready(session, url) for url in asked.values()))
    return {
        name: {"url": url, "ready": not missing, "missing": missing}
        for (name, url), missing in zip(asked.items(), answers, strict=True)
    }


async def _ready(session: aiohttp.ClientSession, url: str) -> list[str]:
    """What it waits for, in words; nothing if it is ready."""
    try:
        async with session.get(f"{url}/readyz") as answer:
            if answer.status == 200:
                return []
            told = await answer.json(content_type=None)
            return told.get("missing") or [str(told.get("message") or f"answers {answer.status}")]
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
        return [f"does not answer ({type(error).__name__})"]


async def _inside(place: Place, service: str) -> Sight:
    """What a service's own database says."""
    async with databases.connected(place.databases[service]) as connection:
        seen: Sight = {"progress": []}
        if await databases.has(connection, "progress"):
            seen["progress"] = [tuple(row) for row in await connection.fetch(_PROGRESS)]
        if await databases.has(connection, "slots"):
            row = await connection.fetchrow(_HOLDS)
            late = max(row["late"], 0.0)
            seen["now"] = row["now"]
            seen["holds"] = {
                "held": row["held"],
                "due": row["due"],
                "next": databases.written(row["next"]),
                "lateSeconds": late,
            }
        if not await databases.has(connection, "calls"):
            return seen
        timers = await connection.fetchrow(_TIMERS, TIMERS)
        if timers["waiting"]:
            seen["timers"] = {
                "service": service,
                "waiting": timers["waiting"],
                "nextDue": databases.written(timers["next"]),
            }
        if row := await connection.fetchrow(_CALLS, TIMERS):
            seen["call"] = {
                "service": service,
                "id": row["id"],
                "kind": row["kind"],
                "destination": row["destination"],
                "attempts": row["attempts"],
                "lastError": row["last_error"],
                "createdAt": databases.written(row["created_at"]),
                "dueAt": databases.written(row["due_at"]),
                "ageSeconds": row["age"],
                "open": row["open"],
            }
        return seen


async def _lag(place: Place, inside: Sight) -> list[Sight]:
    """By topic and group: how many records wait, and of how many the outputs are not acknowledged.

    A service's own progress counts, not the offsets that Kafka was told. What waits in a delay topic is not late.
    """
    async with log.reader(place) as consumer:
        found: dict[tuple[str, str], Sight] = {}
        ends = await log.bounds(consumer, {row[0] for seen in inside.values() for row in seen.get("progress", ())})
        for service, seen in inside.items():
            for topic, partition, processed, published in seen.get("progress", ()):
                line = found.setdefault(
                    (topic, service), {"topic": topic, "group": service, "waiting": 0, "unsent": 0, "missing": 0}
                )
                first, last = ends.get(TopicPartition(topic, partition), (0, 0))
                line["waiting"] += max(0, last - processed)
                line["unsent"] += processed - published
                line["missing"] += max(0, first - processed) + max(0, processed - last)
        lines = [found[key] for key in sorted(found)]
        # Timers are due by availability's clock; it was read before the log was, so that what is overdue by it is.
        now = inside.get("availability", {}).get("now") or datetime.now(UTC)
        return lines + await _delayed(place, consumer, now)


async def _delayed(place: Place, consumer: AIOKafkaConsumer, now: datetime) -> list[Sight]:
    """What waits in the delay topics, when the next of it is due, and for how long it has been."""
    names = {topic.name for topic in topics.delay_topics(await consumer.topics())}
    ends = await log.bounds(consumer, names)
    if not ends:
        return []
    async with log.administrator(place) as admin:
        committed = await admin.list_consumer_group_offsets(RELAY)
    waiting: dict[str, int] = defaultdict(int)
    heads = {}
    for partition, (first, last) in ends.items():
        at = max(first, committed[partition].offset if partition in committed else first)
        waiting[partition.topic] += max(0, last - at)
        if at < last:
            heads[partition] = (at, at + 1)
    due: dict[str, str] = {}
    async for record in log.records(consumer, heads):
        if moment := log.headers(record).get("ce_dueat"):
            due[record.topic] = min(moment, due.get(record.topic, moment))
    return [
        {
            "topic": topic,
            "group": RELAY,
            "waiting": waiting[topic],
            "delayed": True,
            "nextDue": due.get(topic),
            "overdueSeconds": since(due.get(topic), now),
        }
        for topic in sorted(waiting)
    ]


def since(moment: str | None, now: datetime) -> float:
    """For how many seconds it has passed; 0 for what lies ahead, or says nothing."""
    try:
        passed = (now - datetime.fromisoformat(moment or "")).total_seconds()
    except (ValueError, TypeError):
        return 0.0
    return max(0.0, passed)


async def _dead(place: Place) -> dict[str, int]:
    """Open dead letters, by service."""
    counted: dict[str, int] = defaultdict(int)
    for letter in await letters.gathered(place):
        if letter.handled is None:
            counted[letter.service] += 1
    return dict(counted)
