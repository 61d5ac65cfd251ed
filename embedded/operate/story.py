"""The causal tree of one booking, out of the inboxes of all services.

An inbox has each message that was handled with its outputs, and the id of an output follows from its cause and place. So the
tree needs no log; where Kafka still has the commands, it adds who sent them, when it took them, and those that still wait.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from chassis.caller import outcome_id
from chassis.inbox import Stored, unpack
from contracts import topics
from contracts.envelope import output_id, stamp
from embedded.operate import databases, letters, log, story_deliveries, story_subject
from embedded.operate.places import Place
from embedded.problem import Problem

_ROW = """SELECT id::text, topic, partition, position, handled_at, ordinal, outputs, asked_by, answer, answered_at, dead
FROM inbox
"""
# The database goes through the rows, from where the booking began; only those of the booking come to us.
_MENTIONING = f"""{_ROW}WHERE handled_at >= $2
  AND (position(convert_to($1, 'UTF8') IN outputs) > 0 OR position(convert_to($1, 'UTF8') IN answer) > 0)
"""
_BY_ID = f"{_ROW}WHERE id = ANY($1::uuid[])"
_BOOKING = """
SELECT organisation_id, status, version, created_at, hidden, hold_ends_at
FROM bookings
WHERE id = $1::uuid
"""
_CALLS = """
SELECT id::text, kind, destination, attempts, last_error, created_at, due_at, closed_at
FROM calls
WHERE key = $1
ORDER BY created_at
"""
BEFORE = timedelta(minutes=1)  # clocks of the database and the broker differ a little
FOREVER = datetime(1970, 1, 1, tzinfo=UTC)

Node = dict[str, Any]
_partition_of = DefaultPartitioner()


@dataclass
class Story:
    """What is known of a booking. `roots` are its messages that nothing known caused, each with what `follows`."""

    booking_id: str
    booking: Node | None = None
    roots: list[Node] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what could not be seen

    def told(self) -> Node:
        """For programs."""
        return {"bookingId": self.booking_id, "booking": self.booking, "story": self.roots, "notes": self.notes}


async def read(place: Place, booking_id: str) -> Story:
    """The story of this booking. Raises Problem if nobody knows it."""
    place.needs("booking")
    story, gathered = Story(booking_id), _Gathered(booking_id)
    began = await _booking(place, story)
    for service, url in place.databases.items():
        async with databases.connected(url) as connection:
            if not await databases.has(connection, "inbox"):
                continue
            async with databases.snapshot(connection):
                async for row in databases.streamed(connection, _MENTIONING, booking_id, began):
                    gathered.add(service, row)
            if await databases.has(connection, "calls"):
                for call in await connection.fetch(_CALLS, booking_id):
                    gathered.add_call(service, call)
    try:
        async with log.reader(place) as consumer:
            await _commands(consumer, gathered, began)
            await _follow(place, gathered)
            await _senders(consumer, gathered)
    except (KafkaError, OSError) as error:
        story.notes.append(f"Kafka does not answer ({error!r}): who sent the commands, and which wait, is not known.")
        await _follow(place, gathered)
    await story_deliveries.add(place, gathered.nodes, began)
    story.roots = gathered.tree()
    if story.booking is None and not story.roots:
        raise Problem(
            f"nobody knows a booking {booking_id}: not booking, nor what the services handled in the last 8 days"
        )
    other = story_subject.stranger(story.roots, booking_id) if story.booking is None else None
    if other:
        raise Problem(f"{booking_id} is no booking's id, {other}: `holdfast story` takes the id of a booking")
    if not story.roots:
        story.notes.append("No service remembers a message of it: an inbox keeps 8 days.")
    missing = sorted({"availability", "notifier", "payment"} - set(place.databases))
    if missing and place.run is None:  # of a data folder all that there are are known
        story.notes.append(f"Not looked at, because no address is known: {', '.join(missing)}.")
    return story


async def _booking(place: Place, story: Story) -> datetime:
    """What booking has of it; since when to look for it."""
    async with databases.connected(place.databases["booking"]) as connection:
        row = await connection.fetchrow(_BOOKING, story.booking_id)
    if row is None:
        return FOREVER
    story.booking = {
        "organisation": row["organisation_id"],
        "status": row["status"],
        "version": row["version"],
        "createdAt": databases.written(row["created_at"]),
        "holdEndsAt": databases.written(row["hold_ends_at"]),
        "deleted": row["hidden"],
    }
    began: datetime = row["created_at"] - BEFORE
    return began


class _Gathered:
    """Messages and calls of one booking, by id."""

    def __init__(self, booking_id: str) -> None:
        self.booking_id, self._mark = booking_id, booking_id.encode()
        self.nodes: dict[str, Node] = {}
        self.calls: list[Node] = []
        self.asked: set[str] = set()  # ids that were looked for in the inboxes

    def add(self, service: str, row: asyncpg.Record) -> None:
        """A handled message, with those of its outputs that are about this booking."""
        node = self.node(row["id"])
        decided = {
            "by": service,
            "at": databases.written(row["handled_at"]),
            "place": f"{row['topic']}/{row['partition']}/{row['position']}",
            "order": row["ordinal"],
        }
        node["decided"].append(decided)
        node["topic"] = node["topic"] or row["topic"]
        if row["answer"] is not None:
            [answer] = unpack(row["answer"])
            node["answer"] = {"at": databases.written(row["answered_at"]), "to": list(row["asked_by"]), **_said(answer)}
        for index, output in enumerate(unpack(row["outputs"])):
            if output.topic.endswith(letters.SUFFIX):
                node["deadLetter"] = {"id": output.key, "reason": output.type}
            elif output.topic and self._is_mine(output):
                child = self.node(output_id(row["id"], service, index))
                child |= {"cause": row["id"], "topic": output.topic, "sentBy": service, "sentAt": decided["at"]}
                child |= {"due": output.due_at or None, **_said(output)}

    def add_call(self, service: str, row: asyncpg.Record) -> None:
        self.calls.append(
            {
                "kind": "call",
                "id": row["id"],
                "service": service,
                "call": row["kind"],
                "destination": row["destination"],
                "attempts": row["attempts"],
                "lastError": row["last_error"],
                "askedAt": databases.written(row["created_at"]),
                "dueAt": databases.written(row["due_at"]),
                "closedAt": databases.written(row["closed_at"]),
                "follows": [],
            }
        )

    def add_record(self, record: log.Record) -> None:
        """A message as Kafka has it."""
        headers = log.headers(record)
        if not headers.get("ce_id"):
            return
        node = self.node(headers["ce_id"])
        node["topic"], node["type"] = record.topic, node["type"] or headers.get("ce_type")
        node["sentBy"] = node["sentBy"] or headers.get("ce_source")
        node["sentAt"] = node["sentAt"] or headers.get("ce_time")
        accepted = stamp(datetime.fromtimestamp(record.timestamp / 1000, UTC)).decode()
        node["acceptedAt"] = min(node["acceptedAt"] or accepted, accepted)  # a client may have repeated it later
        node["cause"] = node["cause"] or headers.get("ce_causationid")
        if node["body"] is None and record.value is not None:
            try:
                node["body"] = orjson.loads(record.value)
            except orjson.JSONDecodeError:
                node["body"] = None

    def node(self, message_id: str) -> Node:
        return self.nodes.setdefault(
            message_id,
            {
                "kind": "message",
                "id": message_id,
                "type": None,
                "cause": None,
                "topic": None,
                "sentBy": None,
                "sentAt": None,
                "acceptedAt": None,
                "due": None,
                "body": None,
                "decided": [],
                "answer": None,
                "deadLetter": None,
                "follows": [],
            },
        )

    def wanted(self) -> list[str]:
        """Ids that were not looked for yet: what was sent, and the outcomes of calls."""
        ids = (set(self.nodes) | {outcome_id(call["id"]) for call in self.calls}) - self.asked
        self.asked |= ids
        return sorted(ids)

    def tree(self) -> list[Node]:
        """The nodes under their causes, in the order of time; a call stands under the decision that asked for it."""
        above: dict[str, Node] = {outcome_id(call["id"]): call for call in self.calls}
        for node in self.nodes.values():
            cause = above.get(node["id"]) or self.nodes.get(node["cause"] or "")
            if cause is not None and cause is not node:
                cause["follows"].append(node)
        for call in self.calls:
            asker = self._asker(call)
            if asker is not None:
                asker["follows"].append(call)
        held = {id(child) for parent in (*self.nodes.values(), *self.calls) for child in parent["follows"]}
        roots = [each for each in (*self.nodes.values(), *self.calls) if id(each) not in held]
        for each in (*self.nodes.values(), *self.calls):
            each["follows"].sort(key=_when)
        return sorted(roots, key=_when)

    def _asker(self, call: Node) -> Node | None:
        """Its row does not name it: a call has the id of its cause, or was written with the service's last decision before."""
        if call["id"] in self.nodes:
            return self.nodes[call["id"]]
        earlier = [
            (decided["at"], decided["order"], node["id"])
            for node in self.nodes.values()
            for decided in node["decided"]
            if decided["by"] == call["service"] and decided["at"] <= call["askedAt"]
        ]
        return self.nodes[max(earlier)[2]] if earlier else None

    def _is_mine(self, output: Stored) -> bool:
        return output.key == self.booking_id or self._mark in output.value


async def _follow(place: Place, gathered: _Gathered) -> None:
    """Find what became of all that was sent: also messages of which nothing followed, whose rows do not name the booking."""
    while ids := gathered.wanted():
        for service, url in place.databases.items():
            async with databases.connected(url) as connection:
                if await databases.has(connection, "inbox"):
                    for row in await connection.fetch(_BY_ID, ids):
                        if not any(each["by"] == service for each in gathered.node(row["id"])["decided"]):
                            gathered.add(service, row)


async def _commands(consumer: AIOKafkaConsumer, gathered: _Gathered, began: datetime) -> None:
    """The commands about this booking that Kafka still has: they alone say who sent them, and which are not decided yet."""
    keyed = [
        topic.name for topic in topics.topics(()) if topic.key == "booking_id" and topic.name.endswith(".commands")
    ]
    found = await log.bounds(consumer, keyed)
    mine: log.Bounds = {}
    for name in keyed:
        numbers = sorted(partition.partition for partition in found if partition.topic == name)
        if numbers:
            number = _partition_of(gathered.booking_id.encode(), numbers, numbers)
            partition = TopicPartition(name, number)
            mine[partition] = found[partition]
    if began > FOREVER:
        mine = await log.since(consumer, mine, int(began.timestamp() * 1000))
    key = gathered.booking_id.encode()
    async for record in log.records(consumer, mine):
        if record.key == key:
            gathered.add_record(record)


async def _senders(consumer: AIOKafkaConsumer, gathered: _Gathered) -> None:
    """Who sent what began it all, if it came by another topic."""
    for node in list(gathered.nodes.values()):
        if node["type"] is None and node["decided"]:
            topic, partition, offset = node["decided"][0]["place"].rsplit("/", 2)
            record = await log.record_at(consumer, topic, int(partition), int(offset))
            if record is not None:
                gathered.add_record(record)


def _said(output: Stored) -> Node:
    return {"type": output.type, "body": orjson.loads(output.value) if output.value else None}


def _when(node: Node) -> str:
    times: Iterable[str | None] = (node.get("sentAt"), node.get("acceptedAt"), node.get("askedAt"))
    decided = [each["at"] for each in node.get("decided", ())]
    return min([time for time in (*times, *decided) if time], default="")
