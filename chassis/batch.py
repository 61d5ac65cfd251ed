"""One batch: what is known of its messages with the states they need, the decisions, and the one statement that writes them."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

import asyncpg
from aiokafka import TopicPartition
from prometheus_client import Counter, Histogram

from chassis import failpoints, inbox, tracing
from chassis.entries import AskedRow, Send
from chassis.inbox import HANDLED_AT, WIDTH, Remembered
from chassis.ledger import Ledger
from chassis.messages import DeadRecord, Incoming, Output, Row, Save, Statement
from chassis.telemetry import metrics
from contracts.topics import WEEK, Topic, dead_letters

log = logging.getLogger(__name__)

OLDEST, NEWEST = WEEK, 300.0  # R15: a message from outside this fence could be a repeat that the inbox has forgotten

BATCHES = Histogram(
    "holdfast_batch_messages", "Messages in a batch", buckets=(1, 3, 10, 30, 100, 300, 1000), registry=metrics
)
SECONDS = Histogram(
    "holdfast_batch_seconds",
    "From a batch in hand to its decisions written",
    buckets=(0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10),
    registry=metrics,
)
REPLAYS = Counter("holdfast_replays", "Messages that were known already", registry=metrics)
DEAD = Counter("holdfast_dead_letters", "Records that could not be handled", registry=metrics)

T = TypeVar("T")
Spans = dict[TopicPartition, tuple[int, int]]
Offsets = Mapping[TopicPartition, int]
Progress = Mapping[TopicPartition, tuple[int, int]]  # processed, published


class Service(Protocol):
    """A service: pure functions and SQL as data; it never touches a connection, a clock or a topic."""

    name: str
    inputs: tuple[Topic, ...]

    def load(self, messages: Sequence[Incoming]) -> Statement:
        """The one statement that reads the states these messages need."""

    def begin(self, rows: Sequence[Row]) -> Any:
        """The states, as the folding over a batch begins."""

    def decide(self, state: Any, message: Incoming, now: datetime) -> Sequence[Output]:
        """Change the state and say what follows. An exception means: this message never can be handled."""

    def save(self, state: Any) -> Sequence[Save]:
        """What has to be written of the states."""

    def refuse(self, message: Incoming, /) -> Sequence[Output]:
        """What to tell those who wait for a message that cannot be handled."""


class Gap(Exception):
    """Records came that do not follow what the database has processed."""

    def __init__(self, partition: TopicPartition, why: str) -> None:
        super().__init__(partition, why)
        self.partition, self.why = partition, why


class Behind(Exception):
    """Somebody has decided what this worker has not taken; up to where, by partition."""

    def __init__(self, processed: dict[TopicPartition, int]) -> None:
        super().__init__(processed)
        self.processed = processed


class Lost(Exception):
    """The partitions were taken from us while we tried."""


class Stubborn(Exception):
    """The same rule refused a batch again and again: its messages may get along one after the other."""


class Batches:
    """A service's decisions against its database. Nothing is kept between batches."""

    def __init__(self, service: Service, database: asyncpg.Pool) -> None:
        self.service, self.database = service, database
        self._dead_topic = dead_letters(service.name).name

    async def decide(
        self,
        messages: Sequence[Incoming | DeadRecord],
        spans: Spans,
        sent: Spans,
        unmarked: Offsets,
        reached: Offsets,
    ) -> list[Send]:
        """Decide and write these messages, which fill these spans of offsets; what has to be sent for them, in order.

        `sent` are the spans whose outputs are acknowledged: they are marked with the same statement. `unmarked` is from
        where on it is known what has been sent: if the mark lies below, the database has forgotten it. `reached` is how
        far the worker has come in all of its partitions. Raises Behind or Gap, with nothing written; SerializationError
        if somebody was faster; what a service's decision raises.
        """
        began = time.perf_counter()
        partitions, others = list(spans), [partition for partition in reached if partition not in spans]
        rows, loaded = await self._look(messages, [*partitions, *others])
        progress, known = _known(rows)
        now: datetime = rows[0][HANDLED_AT]
        ends = {**reached, **{tp: max(upto, reached.get(tp, 0)) for tp, (_, upto) in spans.items()}}
        if behind := {tp: progress[tp][0] for tp, upto in ends.items() if progress[tp][0] > upto}:
            raise Behind(behind)
        for partition, (start, _) in spans.items():
            processed, published = progress[partition]
            if start > processed:
                raise Gap(partition, f"{start} came, the database has processed {processed}")
            if unmarked[partition] > published:
                raise Gap(partition, f"{unmarked[partition]} was published, the database says {published}")
        messages = [_fenced(each, now, known) for each in await self._buried(messages, progress, known)]
        if known:  # whatever was decided is sent again before what follows, in the order of the decisions
            messages.sort(key=lambda message: _decided_at(message, known))
        ledger = Ledger(
            self.service.name,
            self._dead_topic,
            now,
            known,
            lambda topic, partition: progress[TopicPartition(topic, partition)][1],
        )
        saves = self._fold(messages, loaded, ledger)
        marks = [sent.get(partition, (0, 0)) for partition in partitions]
        write = self.database.fetch(
            inbox.write_statement(saves),
            *ledger.columns(),
            *_columns(partitions),
            [progress[partition][0] for partition in partitions],
            [spans[partition][1] for partition in partitions],
            [start for start, _ in marks],
            [upto for _, upto in marks],
            *_columns(others),
            [progress[partition][0] for partition in others],
            *[save.rows for save in saves],
            *[array for save in saves for array in save.arrays],
        )
        rows = await _meanwhile(write, ledger.prepare)
        BATCHES.observe(len(messages))
        SECONDS.observe(time.perf_counter() - began)
        REPLAYS.inc(ledger.replays)
        for message_id, entry in ledger.decided.items():
            if entry.dead:
                DEAD.inc()
                envelope = next(each.envelope for each in messages if each.id == message_id)
                about = tracing.about(envelope.correlation, envelope.traceparent) if envelope else {}
                log.warning("dead letter: %s/%s/%s: %s", *entry.place, entry.outputs[0].type, extra=about)
        asked = {row["id"]: AskedRow(*row[1:5]) for row in rows if row["id"]}
        return ledger.sends(asked)

    async def _look(
        self, messages: Sequence[Incoming | DeadRecord], partitions: Sequence[TopicPartition]
    ) -> tuple[list[asyncpg.Record], list[Row]]:
        """What is known of these messages, and the states they need, as both are at one moment."""
        asked = (*_columns(partitions), [message.id for message in messages])
        readable = [message for message in messages if isinstance(message, Incoming)]
        if not readable:
            return await self.database.fetch(inbox.KNOWN, *asked), []
        load, arguments = self.service.load(readable)
        rows = await self.database.fetch(inbox.known_and(load, len(arguments)), *arguments, *asked)
        failpoints.pass_by("deciding")
        loaded = [row[WIDTH:] for row in rows if row[0] is None]
        return [row for row in rows if row[0] is not None], loaded

    def _fold(self, messages: Sequence[Incoming | DeadRecord], loaded: Sequence[Row], ledger: Ledger) -> Sequence[Save]:
        """The messages, in order, through the pure service."""
        state: Any = None
        for message in messages:
            if not ledger.is_new(message):
                ledger.meet_again(message)
            elif isinstance(message, Incoming):
                if state is None:
                    state = self.service.begin(loaded)
                ledger.decide(message, self.service.decide(state, message, ledger.now))
            else:
                readable = message.readable
                ledger.bury(message, self.service.refuse(readable) if readable else ())
        return () if state is None else self.service.save(state)

    async def _buried(
        self, messages: Sequence[Incoming | DeadRecord], progress: Progress, known: dict[str, Remembered]
    ) -> Sequence[Incoming | DeadRecord]:
        """Records below the mark that the inbox does not know at their place may lie in the dead letters, under that place.

        Their id may be known all the same: the repeat of a dead command is handled afresh, somewhere behind it.
        """
        suspects = {
            dead.id: dead
            for message in messages
            if isinstance(message, Incoming)
            and not (message.id in known and known[message.id].is_at(message.record))
            and message.record.offset < progress[TopicPartition(message.record.topic, message.record.partition)][0]
            for dead in [DeadRecord(message.record, "", message.envelope, message.body)]
        }
        if not suspects:
            return messages
        _, found = _known(await self.database.fetch(inbox.KNOWN, [], [], list(suspects)))
        known.update(found)
        dead_at = {id(suspects[key].record): suspects[key] for key in found}
        return [dead_at.get(id(message.record), message) for message in messages]


async def _meanwhile(write: Coroutine[Any, Any, T], work: Callable[[], None]) -> T:
    """Work while the database writes. The write is awaited whatever happens to the work."""
    writing = asyncio.ensure_future(write)
    try:
        for _ in range(2):  # one turn of the loop makes the request, the next one sends it
            await asyncio.sleep(0)
        work()
    finally:
        result = await writing
    return result


def _columns(partitions: Sequence[TopicPartition]) -> tuple[list[str], list[int]]:
    return [partition.topic for partition in partitions], [partition.partition for partition in partitions]


def _decided_at(message: Incoming | DeadRecord, known: Mapping[str, Remembered]) -> tuple[Any, ...]:
    there = known.get(message.id)
    return (0, there.handled_at, there.ordinal) if there and there.is_at(message.record) else (1,)


def _fenced(message: Incoming | DeadRecord, now: datetime, known: Mapping[str, Remembered]) -> Incoming | DeadRecord:
    if isinstance(message, DeadRecord) or message.id in known:
        return message
    age = now - message.envelope.created
    if age <= OLDEST and age.total_seconds() >= -NEWEST:
        return message
    reason = "created more than 7 days ago" if age > OLDEST else "created more than 5 minutes in the future"
    return DeadRecord(message.record, reason, message.envelope, message.body)


def _known(
    rows: Sequence[asyncpg.Record],
) -> tuple[dict[TopicPartition, tuple[int, int]], dict[str, Remembered]]:
    progress: dict[TopicPartition, tuple[int, int]] = {}
    known: dict[str, Remembered] = {}
    for row in rows:  # by place: a column that is loaded beside them may have the same name
        topic, partition, position, published, key, outputs, request_hash, answer, answered_at, at, ordinal = row[
            :WIDTH
        ]
        if key is None:
            progress[TopicPartition(topic, partition)] = (position, published)
        else:
            known[key] = Remembered(topic, partition, position, at, ordinal, outputs, request_hash, answer, answered_at)
    return progress, known
