"""The inboxes against Kafka's log: everything decided is remembered, everything stored is sent, and progress fits both."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from aiokafka import TopicPartition

from chassis.inbox import unpack
from contracts import topics
from contracts.envelope import RECORDS, derived_id, output_id
from embedded.operate import databases, letters, log
from embedded.operate.databases import Connection
from embedded.operate.findings import Report
from embedded.operate.places import Place
from embedded.operate.scratch import Scratch, blob, text

Progress = dict[TopicPartition, tuple[int, int]]  # processed, published

CLOCKS = timedelta(minutes=5)  # the broker's and the database's may differ by so much
CANDIDATES = 500
UUID_CHARACTERS = 36

_INBOX = "SELECT id::text, topic, partition, position, handled_at, outputs FROM inbox WHERE handled_at >= $1"
_KNOWN = "SELECT id::text FROM inbox WHERE id = ANY($1::uuid[])"
_UNSENT = """
SELECT e.service, e.topic, e.id, e.cause
FROM expected e
LEFT JOIN sent s ON s.topic = e.topic AND s.id = e.id
WHERE s.id IS NULL
"""
_FORGOTTEN = """
SELECT h.id, h.dead, h.place
FROM handled h
LEFT JOIN remembered r ON r.service = h.service AND r.id = h.id
LEFT JOIN remembered d ON d.service = h.service AND d.id = h.dead
WHERE h.service = ? AND r.id IS NULL AND d.id IS NULL
"""


async def inbox(
    connection: Connection, service: str, scratch: Scratch, report: Report, progress: Progress, begin: datetime
) -> None:
    """Put aside what this inbox remembers, and which outputs should be in Kafka."""
    count = 0
    async for row in databases.streamed(connection, _INBOX, begin):
        count += 1
        message_id, partition = row["id"], TopicPartition(row["topic"], row["partition"])
        processed, published = progress.get(partition, (0, 0))
        scratch.put("remembered", (service, blob(message_id)))
        if row["position"] >= processed:
            place = f"{service} {partition.topic}/{partition.partition}"
            report.add("the-inbox-is-not-ahead", place, f"{row['position']} is handled, the progress is {processed}")
        if row["position"] >= published:
            continue  # perhaps on its way
        for index, output in enumerate(unpack(row["outputs"])):
            if output.topic:
                dead = output.topic.endswith(letters.SUFFIX)
                key = output.key if dead else output_id(message_id, service, index)
                scratch.put("expected", (output.topic, blob(key), service, blob(message_id)))
    report.looked[f"messages that {service} remembers"] = count


async def compared(
    place: Place, scratch: Scratch, report: Report, progress: dict[str, Progress], begin: datetime
) -> None:
    """Read the log once, and compare it with what was put aside."""
    readers: dict[TopicPartition, list[tuple[str, int]]] = {}
    for service, mine in progress.items():
        for partition, (processed, _) in mine.items():
            readers.setdefault(partition, []).append((service, processed))
    outputs = {name for (name,) in scratch.ask("SELECT DISTINCT topic FROM expected")}
    inputs = {partition.topic for partition in readers}
    async with log.reader(place) as consumer:
        spans = await log.bounds(consumer, outputs | inputs | {topics.BOOKING_EVENTS.name})
        _fits(report, progress, spans)
        spans = await log.since(consumer, spans, int((begin - CLOCKS).timestamp() * 1000))
        count = 0
        async for record in log.records(consumer, spans):
            count += 1
            _put(scratch, record, outputs, readers, begin)
    report.looked["records"] = count
    for service, topic, key, cause in scratch.ask(_UNSENT):
        report.add(
            "stored-outputs-are-sent",
            f"{service} {text(cause)}",
            f"its output {text(key)} for {topic} is not in Kafka",
        )
    for service in progress:
        await _remembered(place, service, scratch, report)


def _fits(report: Report, progress: dict[str, Progress], spans: log.Bounds) -> None:
    """Progress against the ends of the log."""
    for service, mine in progress.items():
        for partition, (processed, _) in mine.items():
            first, last = spans.get(partition, (0, 0))
            where = f"{service} {partition.topic}/{partition.partition}"
            if processed > last:
                report.add("progress-fits-the-log", where, f"{processed} records are decided, the log ends at {last}")
            elif processed < first:
                report.add("progress-fits-the-log", where, f"{first - processed} records went before they were decided")


def _put(
    scratch: Scratch,
    record: log.Record,
    outputs: set[str],
    readers: dict[TopicPartition, list[tuple[str, int]]],
    begin: datetime,
) -> None:
    headers = log.headers(record)
    key = headers.get("dead-letter-id" if record.topic.endswith(letters.SUFFIX) else "ce_id", "")
    if len(key) == UUID_CHARACTERS and record.topic in outputs:
        scratch.put("sent", (record.topic, _blob(key)))
    if record.topic == topics.BOOKING_EVENTS.name:
        _event(scratch, record, headers, key)
    written = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    for service, processed in readers.get(TopicPartition(record.topic, record.partition), ()):
        if record.offset < processed and written >= begin:
            where = f"{record.topic}/{record.partition}/{record.offset}"
            dead = derived_id(RECORDS, where)
            scratch.put("handled", (service, _blob(key), blob(dead), where))


def _event(scratch: Scratch, record: log.Record, headers: dict[str, str], key: str) -> None:
    try:
        body: Any = orjson.loads(record.value or b"null")
        booking, version = body["booking"]["id"], body["booking"]["version"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return  # nonsense of a stranger: no event of ours
    scratch.put("events", (f"{headers.get('ce_organisationid')}/{booking}", version, _blob(key), record.offset))


async def _remembered(place: Place, service: str, scratch: Scratch, report: Report) -> None:
    """What seems forgotten may be a repeat of what was handled long ago: the inbox itself is asked."""
    waiting: list[tuple[bytes, bytes, str]] = []
    async with databases.connected(place.databases[service]) as connection:

        async def judge() -> None:
            ids = [text(key) for row in waiting for key in row[:2] if len(key) == 16]
            known = {row["id"] for row in await connection.fetch(_KNOWN, ids)}
            for key, dead, where in waiting:
                name = text(key) if len(key) == 16 else "?"
                if name not in known and text(dead) not in known:
                    report.add("everything-decided-is-remembered", f"{service} {where}", f"message {name} is not known")
            waiting.clear()

        for row in scratch.ask(_FORGOTTEN, service):
            waiting.append((row[0], row[1], row[2]))
            if len(waiting) >= CANDIDATES:
                await judge()
        if waiting:
            await judge()


def _blob(key: str) -> bytes:
    """The id, or nothing of what is none."""
    try:
        found = blob(key)
    except ValueError:
        return b""
    return found if len(found) == 16 else b""
