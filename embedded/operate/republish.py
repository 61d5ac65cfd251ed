"""Outputs that are stored and no longer in Kafka, written once more: for a broker that came back with less than it had.

Each service's inbox has what it decided, with the outputs. They go out again in the order of the decisions, under the ids and
times that they had; whoever has read one before knows it by its id. Of the head of a record the organisation and the correlation are
not stored with it: they are taken from the record that caused it, or from any other that the log still has of the same story, or
from the service's tables.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson
from aiokafka import AIOKafkaProducer

from chassis.inbox import Stored, unpack
from contracts import topics
from contracts.envelope import Headers, output_id, stamp, write
from embedded.operate import databases, letters, log, marks
from embedded.operate.places import Place
from embedded.operate.scratch import Scratch, blob, opened, text
from embedded.problem import Problem

CLOCKS = timedelta(minutes=5)  # the broker's and the database's may differ by so much
AT_ONCE = 500
TRAIL = "holdfast-republished-"  # begins the headers that this adds

_ROWS = """
SELECT id::text, handled_at, outputs
FROM inbox
WHERE handled_at >= $1
ORDER BY handled_at, ordinal
"""
# Whose a thing is, where no record of it is left.
_OWNERS = {
    "booking": "SELECT organisation_id FROM bookings WHERE id = $1::uuid",
    "availability": "SELECT organisation_id FROM slots WHERE booking_id = $1::uuid",
    "payment": "SELECT organisation_id FROM accounts WHERE booking_id = $1::uuid",
    "notifier": "SELECT organisation_id FROM subscriptions WHERE id = $1::uuid",
}


class Output(NamedTuple):
    """A stored output with what it was made of."""

    service: str
    cause: str
    id: str
    at: datetime
    stored: Stored


@dataclass
class Republished:
    """What was looked at and done, by topic."""

    stored: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    left: list[str] = field(default_factory=list)  # what cannot be made again, and why
    skipped: list[str] = field(default_factory=list)  # services of which there was nothing to look at

    def told(self) -> dict[str, Any]:
        """For programs."""
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in vars(self).items()}


async def republish(
    place: Place, since: datetime, *, service: str | None = None, topic: str | None = None, every: bool, dry: bool
) -> Republished:
    """Send what is missing, or all of it, of what was decided since then. Raises Problem while marks lie beyond the log."""
    if service is not None:
        place.needs(service)
    if beyond := await marks.lost(place):
        first = beyond[0]
        raise Problem(
            f"{len(beyond)} marks do not fit the log, as of {first.service} in {first.topic}/{first.partition}: set them right "
            "first (`holdfast log realign`), else what is sent now may be passed over as decided already"
        )
    begin = max(since, datetime.now(UTC) - topics.WEEK + timedelta(minutes=10))
    done = Republished()
    mine = [service] if service else list(place.databases)
    for name in mine:
        async with databases.connected(place.databases[name]) as connection:
            if not await databases.has(connection, "inbox"):
                done.skipped.append(f"{name}: its database has no tables yet")
    with opened() as scratch:
        await _known(place, scratch, begin)
        producer = AIOKafkaProducer(
            **log.connection(place), enable_idempotence=True, max_request_size=2 * letters.BODY_BYTES
        )
        await producer.start()
        try:
            for name in mine:
                waiting: list[Any] = []
                async for output in _outputs(place, name, begin):
                    wanted = topic in (None, output.stored.topic)
                    if not wanted or not _to_send(scratch, output, done, every=every):
                        continue
                    head = await _head(place, scratch, output)
                    if head is None:
                        done.left.append(
                            f"{output.stored.topic}: {output.stored.type} {output.id}: nobody knows whose it is"
                        )
                    elif not dry:
                        waiting.append(await _send(producer, output, head))
                        done.sent[output.stored.topic] += 1
                        if len(waiting) >= AT_ONCE:
                            await _acknowledged(waiting)
                await _acknowledged(waiting)
        finally:
            await producer.stop()
    return done


def _to_send(scratch: Scratch, output: Output, done: Republished, *, every: bool) -> bool:
    name = output.stored.topic
    done.stored[name] += 1
    there = next(scratch.ask("SELECT 1 FROM sent WHERE topic = ? AND id = ?", name, blob(output.id)), None)
    done.missing[name] += there is None
    return every or there is None


async def _outputs(place: Place, service: str, begin: datetime) -> AsyncIterator[Output]:
    """What this service has stored for topics, in the order of its decisions. Dead letters and answers are not made again."""
    async with databases.connected(place.databases[service]) as connection:
        if not await databases.has(connection, "inbox"):
            return
        async with databases.snapshot(connection):
            async for row in databases.streamed(connection, _ROWS, begin):
                for index, stored in enumerate(unpack(row["outputs"])):
                    if stored.topic and not stored.topic.endswith(letters.SUFFIX):
                        yield Output(
                            service, row["id"], output_id(row["id"], service, index), row["handled_at"], stored
                        )


async def _known(place: Place, scratch: Scratch, begin: datetime) -> None:
    """What the log has since then, and whose: once through it, and once through the inboxes for what follows from what."""
    outputs = set()
    for service in place.databases:
        async for output in _outputs(place, service, begin):
            outputs.add(output.stored.topic)
            scratch.put("causes", (blob(output.id), blob(output.cause)))
    inputs = {topic.name for topic in topics.topics(()) if not topic.name.endswith((".replies", letters.SUFFIX))}
    async with log.reader(place) as consumer:
        spans = await log.bounds(consumer, outputs | inputs)
        spans = await log.since(consumer, spans, int((begin - CLOCKS).timestamp() * 1000))
        async for record in log.records(consumer, spans):
            headers = log.headers(record)
            try:
                key = blob(headers.get("ce_id", ""))
            except ValueError:
                continue
            if len(key) == 16:
                scratch.put("sent", (record.topic, key))
                head = (headers.get("ce_organisationid", ""), headers.get("ce_correlationid", ""))
                scratch.put("heads", (key, *head))
                scratch.put("owners", (headers.get("ce_subject", ""), head[0]))


async def _head(place: Place, scratch: Scratch, output: Output) -> tuple[str, str] | None:
    """Organisation and correlation; the one from whoever knows, the other from the first cause that is known."""
    organisation, first = "", output.cause
    for cause in _chain(scratch, output.cause):
        found = next(scratch.ask("SELECT organisation, correlation FROM heads WHERE id = ?", cause), None)
        if found and found[0]:
            return found[0], found[1] or text(cause)
        first = text(cause)
    for about in _about(output.stored):
        found = next(scratch.ask("SELECT organisation FROM owners WHERE key = ?", about), None)
        organisation = organisation or (found[0] if found else "") or await _owner(place, about)
    return (organisation, first) if organisation else None


def _chain(scratch: Scratch, cause: str) -> Iterator[bytes]:
    """What caused it, and what caused that, as far as the inboxes remember."""
    at: bytes | None = blob(cause)
    while at is not None:
        yield at
        row = next(scratch.ask("SELECT cause FROM causes WHERE id = ?", at), None)
        at = row[0] if row else None


def _about(stored: Stored) -> Iterator[str]:
    """The ids of what it is about: the booking that it names, else its key."""
    body = orjson.loads(stored.value) if stored.value else {}
    if isinstance(body, dict) and isinstance(body.get("bookingId"), str):
        yield body["bookingId"]
    yield stored.key


async def _owner(place: Place, about: str) -> str:
    for service, sql in _OWNERS.items():
        if service in place.databases:
            async with databases.connected(place.databases[service]) as connection:
                if found := await connection.fetchval(sql, about):
                    return str(found)
    return ""


async def _send(producer: AIOKafkaProducer, output: Output, head: tuple[str, str]) -> Any:
    stored, (organisation, correlation) = output.stored, head
    headers: Headers = write(
        output.service.encode(), output.id, stored.type, organisation, correlation, stamp(output.at), stored.key,
        causation=output.cause, due_at=stored.due_at,
    )  # fmt: skip
    trail = [(f"{TRAIL}at", stamp(datetime.now(UTC))), (f"{TRAIL}by", letters.operator().encode())]
    return await producer.send(stored.topic, stored.value, stored.key.encode(), headers=[*headers, *trail])


async def _acknowledged(waiting: list[Any]) -> None:
    for ack in waiting:
        await ack
    waiting.clear()
