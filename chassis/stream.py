"""The messages of the partitions that this worker owns, in order, each from where the database says.

FastStream subscribes and polls; its handler only hands over raw records, because nothing in front of the decision may
raise, drop or acknowledge (reliability.md, M1-M5). Where to begin is the database's word, not Kafka's (R4); a record that does not
follow what was processed is a gap, seen and rewound (R3). What is decided and perhaps not sent goes first (`chassis/backlog.py`).
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import groupby

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from prometheus_client import Counter, Gauge

from chassis.backlog import Messages, Queue, partition_of
from chassis.database import TRANSIENT
from chassis.messages import DeadRecord, Incoming
from chassis.subscription import Record, Records, Subscription
from chassis.suspects import Suspects
from chassis.telemetry import metrics
from chassis.whereabouts import Bounds, ends, gone, lost, marks, patient_marks

log = logging.getLogger(__name__)

REVOKE_SECONDS = 20  # R8: a rebalance waits this long for the batch in hand; below rebalance_timeout_ms
SMALL, MOST_LOOKS = 100, 5  # a gap that stays so often is a hole of the log itself, as a transaction leaves one: I10
GAPS = Counter("holdfast_gaps", "Records that did not follow what was processed; each was rewound", registry=metrics)
STOPPED = Gauge("holdfast_stopped_partitions", "Partitions whose log no longer has what comes next", registry=metrics)


class Stream(ConsumerRebalanceListener):
    """What waits to be decided. `quiet` is awaited before partitions are given away: it returns when nothing is in hand."""

    def __init__(
        self,
        bootstrap: str,
        group: str,
        topics: Sequence[str],
        database: asyncpg.Pool,
        quiet: Callable[[], Awaitable[None]],
        *,
        opened: Callable[[Record], Incoming | DeadRecord],
        member: str | None,
        session_timeout_ms: int,
        max_records: int,
        seek_on_assignment: bool = True,
    ) -> None:
        self.database = database
        self._opened = opened
        self._quiet = quiet
        self.seek_on_assignment = seek_on_assignment  # False only to attack the gap check: trusts Kafka's offset
        self.expected: dict[TopicPartition, int] = {}  # the next offset to decide, of the partitions that are ours
        self.stopped: dict[TopicPartition, str] = {}
        self._looks: Bounds = {}  # where a gap was rewound to last, and how often in a row
        self.joined = asyncio.Event()
        self.suspects = Suspects(database)
        self._queue = Queue(self.expected, max_records)
        self._held: set[TopicPartition] = set()  # not fetched until the backlog is taken
        self._filled, self._drained = asyncio.Event(), asyncio.Event()
        self._in_hand: set[TopicPartition] = set()
        self._arriving: set[TopicPartition] = set()
        self._gauge: asyncio.Task[None] | None = None
        self.subscription = Subscription(
            bootstrap,
            group,
            topics,
            self._receive,
            self,
            reset="none",
            max_records=max_records,
            member=member,
            session_timeout_ms=session_timeout_ms,
            on_error=self._unreadable,
            at=lambda: self.expected,
        )

    @property
    def consumer(self) -> AIOKafkaConsumer:
        """The consumer, for seek, pause and commit. Raises ConsumerStoppedError before start and after stop."""
        return self.subscription.consumer

    async def start(self) -> None:
        """Join the group. Raises KafkaError while Kafka is away."""
        await self.subscription.start()
        self._gauge = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Leave the group, with nothing in hand."""
        if self._gauge:
            self._gauge.cancel()
        await self._let_go()
        await self.subscription.stop()

    def missing(self) -> list[str]:
        """What this part still waits for, or stands still for, in words."""
        words = [f"{tp.topic}/{tp.partition}: {why}" for tp, why in self.stopped.items()]
        return [*words, *self.subscription.watch.missing()] if self.joined.is_set() else ["kafka"]

    # ---- what comes

    async def _receive(self, batch: Records) -> None:
        self._arriving = set(map(partition_of, batch))
        for partition, records in groupby(batch, key=partition_of):
            run, queue = list(records), self._queue
            while queue.full and not queue.backlog:  # backpressure: nothing more is fetched meanwhile
                self._drained.clear()
                await self._drained.wait()
            if partition not in self.expected:
                continue
            if queue.full and run[0].offset >= queue.backlog.get(partition, 0):
                # The backlog must come in however much else there is: this comes again behind it.
                self._held.add(partition)
                self.consumer.pause(partition)
                self.consumer.seek(partition, queue.upcoming()[partition])
                continue
            queue.add([self._opened(record) for record in run])  # while the decider waits for the database
            self._filled.set()
        self._arriving = set()

    # ---- what the decider takes

    async def some(self, timeout: float | None) -> bool:
        """Wait until records can be taken; False after `timeout` seconds without."""
        if self._queue.ready:
            return True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not self._queue.ready:
                    self._filled.clear()
                    await self._filled.wait()
        return self._queue.ready

    async def take(self) -> dict[TopicPartition, Messages]:
        """The next batch by partition: only partitions that are ours, each run of offsets just where it must begin."""
        parts = self._queue.take()
        self._drained.set()
        self._in_hand = set(parts)
        self._fetch(paused=sum(map(len, parts.values())) < SMALL)
        for partition, run in list(parts.items()):
            expected = self.expected.get(partition)
            if expected is None:  # taken from us meanwhile
                del parts[partition]
                continue
            first, last = run[0].record.offset, run[-1].record.offset
            if first > expected or last - first != len(run) - 1:
                del parts[partition]
                await self.rewind(partition, f"{first} to {last} came, {expected} was expected")
        return parts

    def owns(self, partitions: Iterable[TopicPartition]) -> bool:
        """Whether all of these are still ours."""
        return self.expected.keys() >= set(partitions)

    def done(self, upto: dict[TopicPartition, int]) -> None:
        """The batch in hand is decided up to these offsets."""
        for partition, offset in upto.items():
            if partition in self.expected:
                self.expected[partition] = max(offset, self.expected[partition])
        self._in_hand = set()
        self._queue.settle()
        self._resume()

    def give_back(self, parts: dict[TopicPartition, Messages], processed: dict[TopicPartition, int]) -> None:
        """The batch in hand is taken again, behind what somebody has decided up to these offsets."""
        log.warning("decided by somebody else: %s", processed)
        self._queue.put_back(parts)
        self._queue.owe(processed)
        self._drained.set()
        self._resume()

    async def rewind(self, partition: TopicPartition, why: str) -> None:
        """Go back to what the database has published; the other partitions go on."""
        mark: tuple[int, int] | None = None
        while mark is None and partition in self.expected:
            try:
                mark = (await marks(self.database, [partition]))[partition]
            except TRANSIENT as error:
                log.warning("the progress is not readable: %r", error)
                await asyncio.sleep(0.5)
        if mark is not None and partition in self.expected:
            GAPS.inc()
            log.warning("gap in %s/%s: %s; back to %s", partition.topic, partition.partition, why, mark[0])
            # No await from here on: what waits and what comes fit together.
            published, processed = mark
            self.expected[partition] = published
            self._queue.drop(partition)
            self._queue.owe({partition: processed})
            self._drained.set()
            self.consumer.seek(partition, published)
            self._resume()
            before, looks = self._looks.get(partition, (published, 0))
            self._looks[partition] = published, looks + 1 if published == before else 1
            if self._looks[partition][1] > MOST_LOOKS:
                self._stop_partition(partition, f"{why}; {MOST_LOOKS} more looks at {published} have not helped")

    def _resume(self) -> None:
        """Fetch again; what was held for a backlog only if that is taken, or is of this very partition."""
        self._held = {tp for tp in self._held if self._queue.backlog and tp not in self._queue.backlog}
        self._fetch(paused=False)

    def _fetch(self, *, paused: bool) -> None:
        """While a small batch is in hand nothing is fetched, and then all that has come meanwhile, at once: few large
        answers cost Kafka and us half of many small ones. During a large batch it is worth reading ahead."""
        for partition in self.expected.keys() - self._held:
            each: Callable[[TopicPartition], None] = self.consumer.pause if paused else self.consumer.resume
            each(partition)

    # ---- assignment

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        assigned, consumer = list(assigned), self.consumer
        if self.seek_on_assignment:
            # Before the first await: a valid position keeps the fetcher from asking Kafka for one.
            for partition in assigned:
                consumer.seek(partition, 0)
                consumer.pause(partition)
        known = await patient_marks(self.database, assigned)
        bounds = await ends(consumer, assigned)
        await self.suspects.begin(assigned, bounds)
        for partition in assigned:
            mark, processed = known[partition]
            if why := gone(mark, processed, bounds.get(partition)):
                self._stop_partition(partition, why)
                continue
            self.expected[partition] = mark
            self._queue.owe({partition: processed})
            if self.seek_on_assignment:
                consumer.seek(partition, mark)
                consumer.resume(partition)
        where = sorted(f"{tp.topic}/{tp.partition}@{known[tp][0]}" for tp in assigned)
        log.info("assigned %s", ", ".join(where) or "nothing")
        self.joined.set()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 - an eager rebalance takes all
        await self._let_go()

    async def _let_go(self) -> None:
        self.expected.clear()
        self.stopped.clear()
        self._looks.clear()
        STOPPED.set(0)
        self._queue.clear()
        self._held.clear()
        self._drained.set()
        try:
            async with asyncio.timeout(REVOKE_SECONDS):
                await self._quiet()
            await self.suspects.leave()
        except TimeoutError:  # the next owner sends it all again; the database refuses ours if it was faster
            log.warning("gave partitions away with a batch in hand")

    # ---- what nobody else would see

    def _unreadable(self, error: KafkaError) -> None:
        for partition in lost(error):
            self._stop_partition(partition, repr(error))

    def _stop_partition(self, partition: TopicPartition, why: str) -> None:
        """I10: nothing is skipped in silence. The partition stands still and readiness says so until somebody decides."""
        log.error("partition %s/%s stopped: %s", partition.topic, partition.partition, why)
        self.stopped[partition] = why
        STOPPED.set(len(self.stopped))
        self.expected.pop(partition, None)
        self._queue.settle()
        self._filled.set()  # nobody waits any longer for what it owed
        self._resume()
        with contextlib.suppress(IllegalStateError):
            self.consumer.pause(partition)

    async def _watch(self) -> None:
        """Kafka's committed offset shows the lag to whoever scales; and a gap with no record after it is seen by nobody else."""
        suspects: dict[TopicPartition, int] = {}
        while True:
            await asyncio.sleep(1)
            with contextlib.suppress(*TRANSIENT, KafkaError, ConsumerStoppedError, AssertionError):
                if self.expected:
                    await self.consumer.commit(dict(self.expected))
                await self._look_for_the_backlog()
                busy = self._in_hand | self._arriving
                idle = {tp: at for tp, at in self._queue.upcoming().items() if tp not in busy}
                ahead = {
                    tp: at for tp, at in idle.items() if await self.consumer.position(tp) > at == self._queue.comes(tp)
                }
                for partition in [tp for tp, at in ahead.items() if suspects.get(tp) == at]:
                    await self.rewind(partition, "nothing is in hand, but the position is ahead")
                suspects = ahead

    async def _look_for_the_backlog(self) -> None:
        """Nobody waits for what will never come."""
        backlog = {tp: upto for tp, upto in self._queue.backlog.items() if tp not in self._in_hand}
        for partition, bounds in (await ends(self.consumer, list(backlog))).items():
            at, upto = self._queue.comes(partition), self._queue.backlog.get(partition)
            if at is not None and upto == backlog[partition] and (why := gone(at, upto, bounds)):
                self._stop_partition(partition, why)
