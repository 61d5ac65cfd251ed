"""The decider: batches of messages through a pure service, exactly once in effect.

A batch is two round trips and no open transaction: what is known of these messages, with the states they need -> one
statement that writes states, inbox, outputs, answers and progress, all or nothing, and fails if somebody was faster. Then
the outputs are sent in order. A crash at any point loses nothing: what is decided is in the database with its outputs, and
whoever comes next begins where outputs are still unsent.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

import asyncpg
from aiokafka import TopicPartition

from chassis import failpoints, inbox, tracing
from chassis.attempts import AGAIN, Attempts
from chassis.batch import Batches, Behind, Gap, Lost, Offsets, Service, Spans
from chassis.database import TRANSIENT
from chassis.entries import Send
from chassis.messages import DeadRecord, Incoming, open_record
from chassis.publisher import Acks, Publisher, acknowledged
from chassis.settings import Settings
from chassis.stream import Stream
from chassis.subscription import Record

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.3  # after this without work, what is acknowledged is marked by a statement of its own
LOOK_SECONDS = 5.0  # so often the database is asked whether it still has what was decided and marked


class Decider:
    """One loop over all the lanes of this worker. `failed` is called once if it cannot go on: then restart the process."""

    def __init__(
        self,
        service: Service,
        settings: Settings,
        database: asyncpg.Pool,
        failed: Callable[[BaseException], None],
        *,
        max_records: int = 500,
    ) -> None:
        self.database, self.failed = database, failed
        traces = tracing.of(service.name, settings)
        self._batches = traces.batches(service, database) if traces else Batches(service, database)
        models = {model.type: model for topic in service.inputs for model in topic.messages}
        self.publisher = traces.publisher(settings.kafka) if traces else Publisher(settings.kafka)

        def opened(record: Record) -> Incoming | DeadRecord:
            return open_record(record, models)

        self.stream = Stream(
            settings.kafka,
            service.name,
            [topic.name for topic in service.inputs],
            database,
            self._quiet,
            opened=traces.opened(opened) if traces else opened,
            member=settings.instance,
            session_timeout_ms=settings.session_timeout_ms,
            max_records=max_records,
            seek_on_assignment=settings.seek_on_assignment,
        )
        self._attempts = Attempts(self.stream, self._attempt)
        self._busy = asyncio.Lock()
        self._acks: asyncio.Task[None] | None = None
        self._sending: Spans = {}  # decided, not yet acknowledged
        self._sent: Spans = {}  # acknowledged, not yet marked
        self._looked = time.monotonic()
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect and begin. Raises KafkaError while Kafka is away."""
        await self.publisher.start()
        self._loop = asyncio.create_task(self._run())
        self._loop.add_done_callback(lambda task: None if task.cancelled() else self._fail(task.exception()))
        await self.stream.start()

    async def stop(self) -> None:
        """Finish the batch in hand, mark it, leave the group."""
        await self.stream.stop()
        if self._loop:
            self._loop.cancel()
        await self.publisher.stop()

    @property
    def joined(self) -> asyncio.Event:
        """Set when the group has been joined once."""
        return self.stream.joined

    def missing(self) -> list[str]:
        """What this part still waits for, or stands still for, in words."""
        return self.stream.missing()

    def _fail(self, error: BaseException | None) -> None:
        if error is not None:
            self.failed(error)

    async def _quiet(self) -> None:
        async with self._busy:
            await self._await_acks()
            await self._mark()
            self._sent.clear()

    # ---- the loop

    async def _run(self) -> None:
        while True:
            unfinished = self._sent or self._acks
            some = await self.stream.some(IDLE_SECONDS if unfinished else LOOK_SECONDS)
            async with self._busy:
                if some:
                    await self._batch()
                else:
                    await self._await_acks()
                    await self._mark()
                if time.monotonic() - self._looked >= LOOK_SECONDS:
                    # While others are busy nobody else marks a partition that has nothing more to decide.
                    await self._mark()
                    await self._look()

    async def _look(self) -> None:
        """A failover may take the last decisions or marks of a partition: no record that follows would show it."""
        self._looked = time.monotonic()
        expected = dict(self.stream.expected)
        try:
            rows = await self.database.fetch(
                inbox.MARKS, [tp.topic for tp in expected], [tp.partition for tp in expected]
            )
        except TRANSIENT as error:
            log.warning("the progress is not readable: %r", error)
            return
        for topic, number, processed, published in rows:
            partition = TopicPartition(topic, number)
            upto, sent = expected[partition], self._unmarked(partition, expected[partition])
            if upto > processed or sent > published:
                await self._mark()
                why = f"{upto} was processed and {sent} published, the database says {processed} and {published}"
                await self.stream.rewind(partition, why)

    async def _batch(self) -> None:
        parts = await self.stream.take()
        failpoints.pass_by("fetched")
        sends: list[Send] | None = None
        spans: Spans = {}
        while parts and sends is None:
            spans = {partition: (run[0].record.offset, run[-1].record.offset + 1) for partition, run in parts.items()}
            unmarked = {partition: self._unmarked(partition, start) for partition, (start, _) in spans.items()}
            try:
                sends = await self._attempts.decide([each for run in parts.values() for each in run], spans, unmarked)
            except Gap as gap:  # the others go on: nobody would bring their records again
                del parts[gap.partition]
                await self._mark()
                await self.stream.rewind(gap.partition, gap.why)
            except Behind as behind:
                AGAIN.labels("behind").inc()
                self.stream.give_back(parts, behind.processed)
                parts = {}
            except Lost:
                parts = {}
        self.stream.done({partition: upto for partition, (_, upto) in spans.items()} if parts else {})
        if not parts:
            return
        await self._await_acks()  # R7: nothing of this batch goes out before all of the last one is acknowledged
        if sends:
            failpoints.pass_by("committed")
        await self._send(sends or [], spans)

    async def _send(self, sends: list[Send], spans: Spans) -> None:
        if failpoints.armed("sending") and sends:
            half = len(sends) // 2
            await acknowledged(await self.publisher.publish(sends[:half]))
            failpoints.pass_by("sending")
            sends = sends[half:]
        acks = await self.publisher.publish(sends)
        self._sending = spans
        self._acks = asyncio.create_task(self._acknowledged(acks, spans))

    async def _acknowledged(self, acks: Acks, spans: Spans) -> None:
        await acknowledged(acks)
        if acks:
            failpoints.pass_by("sent")
        for partition, (start, upto) in spans.items():
            self._sent[partition] = (self._unmarked(partition, start), upto)
        self._sending = {}

    def _unmarked(self, partition: TopicPartition, start: int) -> int:
        """Where that begins which this worker has decided, up to `start`, and not marked: the mark is never below it."""
        return min(spans.get(partition, (start,))[0] for spans in (self._sent, self._sending, {}))

    async def _await_acks(self) -> None:
        if self._acks:
            acks, self._acks = self._acks, None
            await acks

    async def _mark(self) -> None:
        if sent := dict(self._sent):
            topics, numbers = [tp.topic for tp in sent], [tp.partition for tp in sent]
            try:
                await self.database.execute(
                    inbox.MARK, topics, numbers, [a for a, _ in sent.values()], [b for _, b in sent.values()]
                )
            except TRANSIENT as error:
                log.warning("not marked yet: %r", error)
                return
            self._forget(sent)
            failpoints.pass_by("marked")

    def _forget(self, marked: Spans) -> None:
        for partition, span in marked.items():
            if self._sent.get(partition) == span:
                del self._sent[partition]

    # ---- one batch

    async def _attempt(
        self, messages: Sequence[Incoming | DeadRecord], spans: Spans, unmarked: Offsets, reached: Offsets
    ) -> list[Send]:
        """One attempt; what is acknowledged meanwhile is marked with it."""
        sent = {partition: self._sent[partition] for partition in spans if partition in self._sent}
        sends = await self._batches.decide(messages, spans, sent, unmarked, reached)
        self._forget(sent)
        if sent:
            failpoints.pass_by("marked")
        return sends
