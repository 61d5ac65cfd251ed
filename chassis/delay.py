"""The delay relay: a topic whose records are due a fixed time after they were written, so that its head is the next due.

A partition's first records wait in a bounded buffer, the rest waits in Kafka (the partition is paused meanwhile): memory is
flat however many wait. A due record is forwarded as it is, its ack awaited, its offset committed in the background; after
a crash some are forwarded again, and the receiver's inbox knows them. Nothing is ever forwarded early.
"""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from prometheus_client import Counter, Gauge, Histogram

from chassis import failpoints, tracing
from chassis.clock import Clock
from chassis.database import TRANSIENT
from chassis.entries import Send
from chassis.publisher import Publisher, acknowledged
from chassis.settings import Settings
from chassis.subscription import Record, Records, Subscription
from chassis.telemetry import metrics
from contracts.topics import Topic

log = logging.getLogger(__name__)

FEW, MANY = 200, 400  # records of a partition in memory: fetch more below, pause above
AT_ONCE = 500  # due records forwarded before their acks are awaited
COMMIT_SECONDS = 0.5
COMMITTED_WITHIN = 5.0  # seconds; else it is tried again
STANDING_SECONDS = 60.0  # what an outage has left is forwarded in less
CLOCK_SECONDS = 10.0

FORWARDED = Counter("holdfast_delay_forwarded", "Records forwarded when they were due", registry=metrics)
BUFFERED = Gauge("holdfast_delay_buffered", "Records that wait in memory; all others wait in Kafka", registry=metrics)
OVERDUE = Gauge(
    "holdfast_delay_overdue_seconds",
    "How long the oldest record that is due has not been forwarded and acknowledged",
    registry=metrics,
)
LATENESS = Histogram(
    "holdfast_delay_lateness_seconds",
    "From due to forwarded",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 60),
    registry=metrics,
)


def due_at(record: Record) -> datetime | None:
    """When the record is due; None, which is at once, if it does not say: its receiver will find out what is wrong with it."""
    for name, value in record.headers:
        if name == "ce_dueat" and value is not None:
            with contextlib.suppress(ValueError, UnicodeDecodeError):
                moment = datetime.fromisoformat(value.decode("ascii"))
                return moment if moment.tzinfo else None
    return None


class Waiting(deque[Record]):
    """The first records of one partition, in order; `next` is the offset that follows them."""

    def __init__(self, start: int) -> None:
        super().__init__()
        self.next, self.paused = start, False
        self._hole: int | None = None

    def follows(self, record: Record) -> bool:
        """Whether the record comes next. A hole that is still there after a second look is in the log itself.

        Ask no more of a batch once there is a hole: the first record behind it is what a second look is known by.
        """
        if record.offset > self.next and self._hole == record.offset:
            log.warning("%s/%s has nothing from %s to %s", record.topic, record.partition, self.next, record.offset)
            return True
        self._hole = record.offset if record.offset > self.next else None
        return record.offset == self.next


async def _committed(consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """Where the group is in these partitions; at their beginning where it has not been yet."""
    if not partitions:
        return {}
    first = await consumer.beginning_offsets(partitions)
    offsets = await asyncio.gather(*[consumer.committed(partition) for partition in partitions])
    return {tp: max(offset or 0, first[tp]) for tp, offset in zip(partitions, offsets, strict=True)}


class NewTopics(Exception):
    """There are delay topics that were not there at the start; whoever starts again reads them too."""


class Relay(ConsumerRebalanceListener):
    """Forwards the records of delay topics when they are due. `failed` is called once if it cannot go on.

    `choose` picks the delay topics among all that are there, so that those of a length no longer in use are emptied too.
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        choose: Callable[[Iterable[str]], Iterable[Topic]],
        database: asyncpg.Pool,
        failed: Callable[[BaseException], None],
    ) -> None:
        self.failed, self.clock = failed, Clock(database)
        self.joined = asyncio.Event()
        traces = tracing.of(name, settings)
        self.publisher = traces.publisher(settings.kafka, "forward") if traces else Publisher(settings.kafka)
        self._name, self._settings, self._choose = name, settings, choose
        self._targets: dict[str, str] = {}
        self.subscription: Subscription | None = None
        self._waiting: dict[TopicPartition, Waiting] = {}
        self._done: dict[TopicPartition, int] = {}  # acknowledged up to here
        self._sending: datetime | None = None  # when the first of those was due whose acks are awaited
        self._changed, self._tasks = asyncio.Event(), list[asyncio.Task[None]]()

    async def start(self) -> None:
        """Connect and begin. Raises KafkaError while Kafka is away."""
        await self.clock.read()
        await self.publisher.start()
        self._targets = await self._topics()
        self.subscription = Subscription(
            self._settings.kafka,
            self._name,
            list(self._targets),
            self._receive,
            self,
            reset="earliest",  # a repeat is harmless, a loss is not
            max_records=FEW,
            member=self._settings.instance,
            session_timeout_ms=self._settings.session_timeout_ms,
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=64 * 1024,
        )
        for work in (self._forward_for_ever(), self._keep_time_and_place()):
            task = asyncio.create_task(work)
            task.add_done_callback(lambda task: None if task.cancelled() else self._fail(task.exception()))
            self._tasks.append(task)
        await self.subscription.start()

    async def _topics(self) -> dict[str, str]:
        topics = self._choose(await self.publisher.topics())
        return {topic.name: topic.forwards_to for topic in topics if topic.forwards_to}

    async def stop(self) -> None:
        """Commit what is acknowledged, leave the group."""
        for task in self._tasks:
            task.cancel()
        await self.on_partitions_revoked(())
        if self.subscription:
            await self.subscription.stop()
        await self.publisher.stop()

    def missing(self) -> list[str]:
        """What this part still waits for."""
        if not self.joined.is_set() or self.subscription is None:
            return ["kafka"]
        late = self._overdue()
        stands = [f"what was due is not forwarded since {late:.0f} s"] if late > STANDING_SECONDS else []
        return [*stands, *self.subscription.watch.missing()]

    def _fail(self, error: BaseException | None) -> None:
        if error is not None:
            self.failed(error)

    @property
    def _consumer(self) -> AIOKafkaConsumer:
        if self.subscription is None:
            raise ConsumerStoppedError
        return self.subscription.consumer

    async def _receive(self, batch: Records) -> None:
        again: set[TopicPartition] = set()  # there is a hole: all that follows comes again
        for record in batch:
            partition = TopicPartition(record.topic, record.partition)
            waiting = self._waiting.get(partition)
            if waiting is None or partition in again:  # None: taken from us meanwhile
                continue
            if not waiting.follows(record):
                if record.offset > waiting.next:
                    self._seek(partition, waiting.next)
                    again.add(partition)
                continue
            waiting.append(record)
            waiting.next = record.offset + 1
            if len(waiting) >= MANY and not waiting.paused:
                with contextlib.suppress(IllegalStateError):
                    self._consumer.pause(partition)
                    waiting.paused = True
        self._changed.set()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        # What was fetched before the rebalance may still arrive: only what follows the committed offset is taken.
        partitions, consumer = list(assigned), self._consumer
        while True:
            try:
                starts = await _committed(consumer, partitions)
                break
            except KafkaError as error:
                log.warning("the committed offsets are not known: %r", error)
                await asyncio.sleep(0.2)
        for partition, start in starts.items():
            self._seek(partition, start)
        self._waiting = {partition: Waiting(start) for partition, start in starts.items()}
        self.joined.set()

    def _seek(self, partition: TopicPartition, offset: int) -> None:
        with contextlib.suppress(IllegalStateError):  # not ours any more
            self._consumer.seek(partition, offset)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 - an eager rebalance takes all
        self._waiting = {}
        await self._commit()
        self._done = {}

    # ---- forwarding

    async def _forward_for_ever(self) -> None:
        while True:
            self._changed.clear()
            if await self._forward_what_is_due():
                continue
            heads = [due_at(waiting[0]) for waiting in self._waiting.values() if waiting]
            pause = min(((head - self.clock.now()).total_seconds() for head in heads if head), default=None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if pause is None else max(0.0, pause)):
                    await self._changed.wait()

    async def _forward_what_is_due(self) -> bool:
        """Forward up to AT_ONCE due records and await their acks; False if there was none."""
        now = first = self.clock.now()
        due: list[Record] = []
        for partition, waiting in list(self._waiting.items()):
            while waiting and len(due) < AT_ONCE:
                moment = due_at(waiting[0])
                if moment is not None and moment > now:
                    break
                due.append(waiting.popleft())
                if moment is not None:
                    LATENESS.observe((now - moment).total_seconds())
                    first = min(first, moment)
            if waiting.paused and len(waiting) <= FEW:
                with contextlib.suppress(IllegalStateError):
                    self._consumer.resume(partition)
                waiting.paused = False
        if not due:
            return False
        self._sending = first
        failpoints.pass_by("due")
        await acknowledged(await self.publisher.publish([self._forwarded(record) for record in due]))
        self._sending = None
        failpoints.pass_by("forwarded")
        FORWARDED.inc(len(due))
        for record in due:
            partition = TopicPartition(record.topic, record.partition)
            if partition in self._waiting:
                self._done[partition] = record.offset + 1
        return True

    def _forwarded(self, record: Record) -> Send:
        headers = [(name, value) for name, value in record.headers if value is not None]
        # By contract the target has as many partitions: the same key keeps its number.
        return Send(self._targets[record.topic], record.key, record.value or b"", headers, record.partition)

    async def _keep_time_and_place(self) -> None:
        read_at = time.monotonic()
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(COMMITTED_WITHIN):
                    await self._commit()
            BUFFERED.set(sum(map(len, self._waiting.values())))
            OVERDUE.set(self._overdue())
            if time.monotonic() - read_at > CLOCK_SECONDS:
                with contextlib.suppress(*TRANSIENT):  # then the offset that we have serves on
                    await self.clock.read()
                    read_at = time.monotonic()
                with contextlib.suppress(KafkaError):
                    if new := (await self._topics()).keys() - self._targets.keys():
                        raise NewTopics(", ".join(sorted(new)))

    def _overdue(self) -> float:
        """For how many seconds the oldest has been due; 0 if none is."""
        heads = [due_at(waiting[0]) for waiting in self._waiting.values() if waiting]
        first = min((each for each in (*heads, self._sending) if each), default=None)
        return max(0.0, (self.clock.now() - first).total_seconds()) if first else 0.0

    async def _commit(self) -> None:
        if self._done:
            done = dict(self._done)
            with contextlib.suppress(KafkaError, ConsumerStoppedError, AssertionError):  # a repeat is harmless
                await self._consumer.commit(done)
                self._done = {tp: at for tp, at in self._done.items() if done.get(tp) != at}
