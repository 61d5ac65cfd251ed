"""Dead letters in an operator's hands: seen, replayed, dropped. What was done with one is written beside it, in its own topic.

Kafka cannot take a single record out of a topic, so a letter that is handled stays as long as its topic keeps records. A note
after it, in the same partition, says what became of it: a record without a value whose headers name the letter. Both go at
the end of the same retention, the letter first.
"""

import contextlib
import getpass
import json
import socket
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaProducer

from chassis.batch import NEWEST
from chassis.messages import DeadRecord, open_record
from contracts import topics
from contracts.availability import CommitSlot, ExtendSlot, HoldSlot, MoveSlot, QuoteExtras, ReleaseSlot
from contracts.envelope import UnreadableEnvelope, read, stamp
from contracts.payment import CreateCheckout, RefundPayment
from embedded.operate import log
from embedded.operate.places import Place
from embedded.problem import Problem

SUFFIX = topics.dead_letters("").name  # how the names of their topics end
HANDLED, HANDLED_AT, HANDLED_BY, WHY = "letter-handled", "letter-handled-at", "letter-handled-by", "letter-handled-why"
LETTER = "dead-letter-"
REPLAYED = "holdfast-replayed-"  # begins the headers that a replay adds
BODY_BYTES = 1024 * 1024
# What a service is asked by booking, which is told when it cannot be handled, and goes on without.
QUESTIONS = frozenset(
    asked.type
    for asked in (HoldSlot, QuoteExtras, CommitSlot, ExtendSlot, MoveSlot, ReleaseSlot, CreateCheckout, RefundPayment)
)


@dataclass(frozen=True)
class Note:
    """What became of a letter."""

    done: str  # replayed, dropped
    at: str
    by: str
    why: str = ""


@dataclass
class Letter:
    """A record that could not be handled; without its body, which is read where it is needed."""

    id: str
    service: str
    reason: str
    type: str
    message_id: str
    organisation: str
    created: str
    died: str
    origin: tuple[str, int, int]
    place: tuple[str, int, int]
    handled: Note | None = None

    def told(self) -> dict[str, Any]:
        """For programs."""
        return {
            "id": self.id,
            "service": self.service,
            "reason": self.reason,
            "type": self.type or None,
            "messageId": self.message_id or None,
            "organisation": self.organisation or None,
            "created": self.created or None,
            "died": self.died,
            "origin": "/".join(map(str, self.origin)),
            "place": "/".join(map(str, self.place)),
            "handled": self.handled and vars(self.handled),
        }


async def gathered(place: Place, service: str | None = None) -> list[Letter]:
    """The letters of one service or of all, the oldest first, each once."""
    found: dict[str, Letter] = {}
    async with log.reader(place) as consumer:
        there = {name for name in await consumer.topics() if name.endswith(SUFFIX) and name != SUFFIX}
        if service is not None:
            there &= {topics.dead_letters(service).name}
            if not there:
                raise Problem(f"there is no topic {topics.dead_letters(service).name}: is {service!r} a service?")
        async for record in log.records(consumer, await log.bounds(consumer, there)):
            headers = log.headers(record)
            key = headers.get(f"{LETTER}id", "")
            if HANDLED in headers:
                if key in found:
                    found[key].handled = Note(
                        headers[HANDLED], headers.get(HANDLED_AT, ""), headers.get(HANDLED_BY, ""), headers.get(WHY, "")
                    )
            elif key and key not in found:  # after a crash a letter may be there twice
                found[key] = _letter(key, record, headers)
    return sorted(found.values(), key=lambda letter: letter.died)


def _letter(key: str, record: log.Record, headers: dict[str, str]) -> Letter:
    topic, _, rest = headers.get(f"{LETTER}origin", "//").partition("/")
    partition, _, offset = rest.partition("/")
    numbers = [int(number) if number.isdecimal() else -1 for number in (partition, offset)]
    return Letter(
        key,
        record.topic.removesuffix(SUFFIX),
        headers.get(f"{LETTER}reason", ""),
        headers.get("ce_type", ""),
        headers.get("ce_id", ""),
        headers.get("ce_organisationid", ""),
        headers.get("ce_time", ""),
        stamp(datetime.fromtimestamp(record.timestamp / 1000, UTC)).decode(),
        (topic, numbers[0], numbers[1]),
        (record.topic, record.partition, record.offset),
    )


def chosen(letters: list[Letter], asked: str) -> Letter:
    """The letter of this id, or of the only one that begins so. Raises Problem."""
    found = [letter for letter in letters if letter.id.startswith(asked.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        raise Problem(f"{asked} begins the ids of {len(found)} letters: write more of it")
    raise Problem(f"there is no dead letter {asked}; `holdfast dead-letters list --all` shows those that there are")


async def opened(place: Place, letter: Letter) -> log.Record:
    """The record as the topic of the dead letters has it. Raises Problem."""
    async with log.reader(place) as consumer:
        record = await log.record_at(consumer, *letter.place)
    if record is None:
        raise Problem(f"{letter.id} is no longer in {letter.place[0]}: its time there is over")
    return record


def whole(letter: Letter, record: log.Record) -> dict[str, Any]:
    """All of it, for programs; a body that is no JSON as text, with what is no UTF-8 replaced."""
    body = (record.value or b"").decode("utf-8", "replace")
    with contextlib.suppress(ValueError):
        body = json.loads(body)
    key = record.key.decode("utf-8", "replace") if record.key is not None else None
    why = obstacle(record, datetime.now(UTC))
    return {**letter.told(), "key": key, "headers": log.headers(record), "body": body, "replayWouldFail": why}


def original(record: log.Record) -> list[tuple[str, bytes]]:
    """The headers with which it came to its own topic."""
    came = [(name, value or b"") for name, value in record.headers]
    kept = [(name, value) for name, value in came if name != "content-type" and not name.startswith(LETTER)]
    kind = dict(came).get(f"{LETTER}content-type") or b""
    return [*kept, ("content-type", kind)] if kind else kept


def obstacle(record: log.Record, now: datetime) -> str | None:
    """Why a replay would die again or do harm, as far as the record alone tells."""
    try:
        envelope = read(original(record), record.timestamp)
    except UnreadableEnvelope as error:
        return f"its headers are not those of a message ({error}): it would be buried again"
    if now - envelope.created > topics.WEEK - timedelta(minutes=1):
        return f"it was created at {envelope.created:%Y-%m-%d %H:%M}, more than 7 days ago: it would be buried again"
    if (envelope.created - now).total_seconds() > NEWEST:
        return f"it was created at {envelope.created:%Y-%m-%d %H:%M:%S}, more than 5 minutes ahead of now: it would be buried again"
    if envelope.type not in topics.models():
        return f"no service of this release knows {envelope.type}: it would be buried again"
    read_now = open_record(replace(record, headers=original(record)), topics.models())
    if isinstance(read_now, DeadRecord):
        return f"its body cannot be read ({read_now.reason}): it would be buried again"
    if envelope.type in QUESTIONS:
        return "who asked was told that it failed, and may have done something else since: it would take effect behind their back"
    return None


async def replay(place: Place, letter: Letter, *, force: bool = False) -> str:
    """Publish the record once more where it came from, as it came, and note it. Its place there. Raises Problem."""
    if letter.handled and not force:
        raise Problem(
            f"{letter.id} was {letter.handled.done} at {letter.handled.at} by {letter.handled.by}; --again does it once more"
        )
    record = await opened(place, letter)
    why = obstacle(record, datetime.now(UTC))
    if why and not force:
        raise Problem(f"{letter.id} is not replayed: {why}. --again does it all the same; `drop` sets it aside")
    topic, partition, _ = letter.origin
    producer = _producer(place)
    try:
        await producer.start()
        if partition not in await producer.partitions_for(topic):
            raise Problem(f"{letter.id} came from {topic}/{partition}, which is not there")
        trail = [
            (f"{REPLAYED}letter", letter.id.encode()),
            (f"{REPLAYED}at", stamp(datetime.now(UTC))),
            (f"{REPLAYED}by", operator().encode()),
        ]
        came = [header for header in original(record) if not header[0].startswith(REPLAYED)]
        sent = await producer.send_and_wait(
            topic, record.value, record.key, partition=partition, headers=[*came, *trail]
        )
        # In this order: a crash in between leaves the letter open, and a second replay is a repeat to the inbox.
        where = f"{sent.topic}/{sent.partition}/{sent.offset}"
        await _note(producer, letter, "replayed", f"as {where}")
        return where
    finally:
        await producer.stop()


async def drop(place: Place, letter: Letter, why: str) -> None:
    """Note that nothing is to be done about it. Raises Problem if it is handled already."""
    if letter.handled:
        raise Problem(f"{letter.id} was {letter.handled.done} already, at {letter.handled.at} by {letter.handled.by}")
    producer = _producer(place)
    try:
        await producer.start()
        await _note(producer, letter, "dropped", why)
    finally:
        await producer.stop()


def operator() -> str:
    """Who does it, as far as the machine knows."""
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a container's user may have no name
        return f"?@{socket.gethostname()}"


def _producer(place: Place) -> AIOKafkaProducer:
    return AIOKafkaProducer(**log.connection(place), enable_idempotence=True, max_request_size=2 * BODY_BYTES + 65536)


async def _note(producer: AIOKafkaProducer, letter: Letter, done: str, why: str) -> None:
    topic, partition, _ = letter.place
    headers = [
        (f"{LETTER}id", letter.id.encode()),
        (HANDLED, done.encode()),
        (HANDLED_AT, stamp(datetime.now(UTC))),
        (HANDLED_BY, operator().encode()),
        (WHY, why.encode("utf-8", "replace")),
    ]
    await producer.send_and_wait(topic, None, letter.id.encode(), partition=partition, headers=headers)
