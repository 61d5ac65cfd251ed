"""What lies in Kafka and in the databases at the end of a run, read with plain clients."""

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from chassis.inbox import Stored, unpack

SERVICES = ("availability", "booking", "payment")
INPUTS = {
    "booking": ("booking.commands", "availability.events", "payment.events"),
    "availability": ("availability.commands",),
    "payment": ("payment.commands",),
}
Place = tuple[str, int]
REPLIES = ("clients.replies", "gateway.replies")


@dataclass(frozen=True)
class Seen:
    """A record of a topic."""

    topic: str
    partition: int
    offset: int
    timestamp: int  # milliseconds, the broker's
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]

    @property
    def id(self) -> str:
        return self.headers["ce_id"]

    @property
    def body(self) -> Any:
        return json.loads(self.value or b"null")


@dataclass(frozen=True)
class Row:
    """A row of an inbox."""

    id: str
    topic: str
    partition: int
    position: int
    handled_at: datetime
    outputs: bytes
    answer: bytes | None
    asked_by: tuple[str, ...]
    dead: bool


@dataclass
class Evidence:
    """Everything, at rest."""

    topics: dict[str, list[Seen]] = field(default_factory=dict)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)
    inbox: dict[str, list[Row]] = field(default_factory=dict)
    progress: dict[str, dict[tuple[str, int], tuple[int, int]]] = field(default_factory=dict)
    bookings: dict[str, dict[str, Any]] = field(default_factory=dict)
    slots: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept: dict[str, int] = field(
        default_factory=dict
    )  # of the money of each booking that has paid, by payment's ledger


async def gathered(kafka: str, databases: dict[str, str]) -> Evidence:
    """The evidence of a platform that is quiet."""
    evidence = Evidence()
    await _read_topics(kafka, evidence)
    for service in SERVICES:
        connection = await asyncpg.connect(databases[service])
        try:
            await _read_tables(connection, service, evidence)
        finally:
            await connection.close()
    return evidence


async def _read_topics(kafka: str, evidence: Evidence) -> None:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        metadata = await consumer._client.fetch_all_metadata()
        names = [name for name in metadata.topics() if not name.startswith("__")]
        places = [TopicPartition(name, part) for name in names for part in metadata.partitions_for_topic(name)]
        consumer.assign(places)
        evidence.topics = {name: [] for name in names}
        ends = await consumer.end_offsets(places)
        evidence.ends = {tuple(place): end for place, end in ends.items()}  # type: ignore[misc]
        while not all([await consumer.position(place) >= end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                evidence.topics[records[0].topic] += [_seen(record) for record in records]
    finally:
        await consumer.stop()


def _seen(record: Any) -> Seen:
    headers = {name: (value or b"").decode("utf-8", "backslashreplace") for name, value in record.headers}
    place = record.topic, record.partition, record.offset, record.timestamp
    return Seen(*place, record.key, record.value, headers)


async def _read_tables(connection: asyncpg.Connection, service: str, evidence: Evidence) -> None:
    rows = await connection.fetch(
        "SELECT id::text, topic, partition, position, handled_at, outputs, answer, asked_by, dead FROM inbox"
    )
    evidence.inbox[service] = [Row(**{**row, "asked_by": tuple(row["asked_by"])}) for row in rows]
    rows = await connection.fetch("SELECT topic, partition, processed, published FROM progress")
    evidence.progress[service] = {(row[0], row[1]): (row[2], row[3]) for row in rows}
    if service == "booking":
        rows = await connection.fetch("SELECT id::text, version, status, listed, hidden, state FROM bookings")
        evidence.bookings = {row["id"]: dict(row) for row in rows}
    elif service == "payment":
        rows = await connection.fetch("SELECT booking_id::text AS id, kind, amount FROM entries")
        signs = {"captured": 1, "refunded": -1, "returned": 1}
        for row in rows:
            evidence.kept[row["id"]] = evidence.kept.get(row["id"], 0) + signs.get(row["kind"], 0) * row["amount"]
    else:
        rows = await connection.fetch(
            "SELECT booking_id::text AS id, space_id::text AS space, unit, lower(during) AS from_, upper(during) AS to,"
            " state, expires_at FROM slots"
        )
        evidence.slots = {row["id"]: dict(row) for row in rows}


class Output(NamedTuple):
    """What must be in a topic: a stored output with its id and the place of its cause."""

    id: str
    stored: Stored
    row: Row
    index: int


def outputs(evidence: Evidence, service: str) -> Iterator[Output]:
    """Everything that the service has decided to publish."""
    for row in evidence.inbox[service]:
        for index, stored in enumerate(unpack(row.outputs)):
            if stored.topic:
                name = f"{service}|{index}"
                yield Output(str(uuid.uuid5(uuid.UUID(row.id), name)), stored, row, index)


def records(evidence: Evidence, topics: Iterable[str]) -> Iterator[Seen]:
    for topic in topics:
        yield from evidence.topics.get(topic, [])


def where(record: Seen) -> str:
    """Where to look."""
    return f"{record.topic}/{record.partition}/{record.offset} {record.headers.get('ce_type')} {record.headers.get('ce_id')}"
