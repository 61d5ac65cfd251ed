"""The caller: the only door to the outside. It claims calls that are due, makes them, tells their outcomes, closes them.

At least once, always under the call's own id: a caller that dies in the middle leaves a claim that ends by itself, and whoever
takes it next calls with the same idempotency key. No transaction and no connection is held while a call lasts. The outcome
is a command to the service itself, with the id `uuid5(call id, "outcome")`: the first one that comes is decided, another is
a repeat to the inbox.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections import Counter as Tally
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import asyncpg
from prometheus_client import Counter, Gauge, Histogram

from chassis import calls, failpoints, tracing
from chassis.calls import Again, Attempt, Done, Schedule
from chassis.database import TRANSIENT
from chassis.entries import Send, to_json
from chassis.publisher import Publisher, acknowledged
from chassis.settings import WorkerSettings
from chassis.telemetry import metrics
from chassis.waking import LISTEN_AGAIN_SECONDS, listen
from contracts.envelope import derived_id, stamp, write
from contracts.model import Message
from contracts.topics import Topic

log = logging.getLogger(__name__)

STOP_SECONDS = 2.0  # what is under way may end by itself for so long, then it is given back
SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 1000, 10_000)

ATTEMPTS = Counter("holdfast_calls_attempts", "Attempts that ended, by how", ["kind", "result"], registry=metrics)
LASTED = Histogram(
    "holdfast_calls_attempt_seconds", "How long an attempt took", ["kind"], buckets=SECONDS, registry=metrics
)
SETTLED = Histogram(
    "holdfast_calls_settled_seconds", "From asked for to closed", ["kind"], buckets=SECONDS, registry=metrics
)
OLDEST = Gauge("holdfast_calls_oldest_due_seconds", "How long the oldest call that is due has waited", registry=metrics)
UNDER_WAY = Gauge("holdfast_calls_under_way", "Calls that this worker is making", registry=metrics)


class Outside(Protocol):
    """Who makes the calls of a service."""

    async def call(self, attempt: Attempt, /) -> Done | Again:
        """Make the call once, under `attempt.id`. An exception means Again."""

    def give_up(self, attempt: Attempt, why: str, /) -> Done:
        """The outcome of a call that is tried no more."""


@dataclass(frozen=True)
class Limits:
    """Of one worker: `most` calls under way, `most_each` to one destination; `claim_seconds` beyond what an attempt may take
    until another caller takes it; `look_seconds` between two looks when nobody wakes us."""

    most: int = 32
    most_each: int = 8
    claim_seconds: float = 10.0
    look_seconds: float = 5.0


def outcome_id(call_id: str) -> str:
    """The id of the message that tells the outcome of this call."""
    return derived_id(call_id, "outcome")


class Caller:
    """Makes a service's calls. `failed` is called once if it cannot go on: then restart the process."""

    def __init__(
        self,
        name: str,
        settings: WorkerSettings,
        outside: Outside,
        schedules: Mapping[str, Schedule],
        commands: Topic,
        database: asyncpg.Pool,
        failed: Callable[[BaseException], None],
        limits: Limits = Limits(),
    ) -> None:
        self.name, self.outside, self.schedules, self.limits = name, outside, schedules, limits
        for kind in schedules:
            for result in ("done", "again", "given_up"):
                ATTEMPTS.labels(kind, result)  # from 0 on: the first one of a series that was not there is no increase
        self.database, self.failed = database, failed
        self.joined = asyncio.Event()
        self._traces = tracing.of(name, settings)
        self.publisher = self._traces.publisher(settings.kafka) if self._traces else Publisher(settings.kafka)
        self._url, self._topic = settings.database, commands.name
        self._claim_seconds = max(each.seconds for each in schedules.values()) + limits.claim_seconds
        self._wake = asyncio.Event()
        self._under_way: dict[asyncio.Task[None], Attempt] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect and begin. Raises KafkaError while Kafka is away."""
        await self.publisher.start()
        self._tasks = [asyncio.create_task(listen(self._url, "calls", self._wake)), asyncio.create_task(self._run())]
        for task in self._tasks:
            task.add_done_callback(self._ended)
        self.joined.set()

    async def stop(self) -> None:
        """Take no more; what does not end soon is given back, for others to take at once."""
        for task in self._tasks:
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=STOP_SECONDS)
        left = dict(self._under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for attempt in left.values():
            with contextlib.suppress(*TRANSIENT):
                await self.database.execute(calls.PUT_OFF, attempt.id, attempt.number, 0.0, "the caller stopped", None)
        await self.publisher.stop()

    def missing(self) -> list[str]:
        """What it waits for, in words."""
        return [] if self.joined.is_set() else ["calls"]

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()):
            self.failed(error)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            pause = self.limits.look_seconds
            try:
                if not await self._claim():
                    until_due, oldest = await self.database.fetchrow(calls.WAITING)
                    OLDEST.set(oldest or 0.0)
                    pause = min(pause, max(until_due, 0.001)) if until_due is not None else pause
            except TRANSIENT as error:
                log.warning("the calls are not readable: %r", error)
                pause = LISTEN_AGAIN_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._wake.wait()

    async def _claim(self) -> bool:
        """Begin as many as there is room for; whether there were any."""
        outside = sum(1 for attempt in self._under_way.values() if not self.schedules[attempt.kind].timer)
        room = self.limits.most - outside
        kinds = [kind for kind, schedule in self.schedules.items() if room > 0 or schedule.timer]
        if not kinds:
            return False
        busy = Tally(attempt.destination for attempt in self._under_way.values())
        rows = await self.database.fetch(
            calls.CLAIM,
            list(busy),
            list(busy.values()),
            self.limits.most_each,
            kinds,
            room if room > 0 else self.limits.most_each,
            self._claim_seconds,
        )
        for attempt in map(calls.attempt, rows):
            task = asyncio.create_task(self._make(attempt))
            self._under_way[task] = attempt
            task.add_done_callback(self._over)
        UNDER_WAY.set(len(self._under_way))
        if rows:
            self._wake.set()  # perhaps there are more
        return bool(rows)

    def _over(self, task: "asyncio.Task[None]") -> None:
        del self._under_way[task]
        UNDER_WAY.set(len(self._under_way))
        self._wake.set()  # there is room
        self._ended(task)

    # ---- one call

    async def _make(self, attempt: Attempt) -> None:
        failpoints.pass_by("claimed")
        schedule, began = self.schedules[attempt.kind], time.time_ns()
        with LASTED.labels(attempt.kind).time():
            result = await self._attempt(attempt, schedule)
        failpoints.pass_by("called")
        if self._traces:
            done, outside = isinstance(result, Done), not schedule.timer
            attempt = self._traces.called(attempt, began, time.time_ns(), outside=outside, done=done)
        if isinstance(result, Again):
            wait = schedule.wait(attempt.number, random.random(), result.after)  # noqa: S311 - spreads, hides nothing
            ATTEMPTS.labels(attempt.kind, "again" if wait is not None else "given_up").inc()
            log.warning(
                "call %s %s, attempt %s: %s",
                *(attempt.kind, attempt.id, attempt.number, result.why),
                extra=tracing.about(attempt.correlation, attempt.traceparent),
            )
            if wait is not None:
                await self._put_off(attempt, wait, result)
                return
            result = self.outside.give_up(attempt, result.why)
        else:
            ATTEMPTS.labels(attempt.kind, "done").inc()
        if result.outcome is not None:
            await acknowledged(await self.publisher.publish([self._told(attempt, result.outcome)]))
            failpoints.pass_by("told")
        with contextlib.suppress(
            *TRANSIENT
        ):  # then the claim ends, and it is made and told again, which changes nothing
            await self.database.execute(calls.CLOSE, attempt.id)
            SETTLED.labels(attempt.kind).observe(attempt.age)
        failpoints.pass_by("closed")

    async def _attempt(self, attempt: Attempt, schedule: Schedule) -> Done | Again:
        try:
            async with asyncio.timeout(schedule.seconds):
                return await self.outside.call(attempt)
        except Exception as error:  # whatever a library raises, the effect may be there: the same key finds out
            return Again(f"{type(error).__name__}: {error}"[:500])

    async def _put_off(self, attempt: Attempt, wait: float, result: Again) -> None:
        with contextlib.suppress(*TRANSIENT):  # then the claim ends by itself, and that is its delay
            why = result.why.replace("\x00", "")[:1000]
            await self.database.execute(calls.PUT_OFF, attempt.id, attempt.number, wait, why, result.note)

    def _told(self, attempt: Attempt, outcome: Message) -> Send:
        headers = write(
            self.name.encode(),
            outcome_id(attempt.id),
            type(outcome).type,
            attempt.organisation,
            attempt.correlation,
            stamp(datetime.now(UTC)),
            attempt.key,
            causation=attempt.id,  # inside the house: the same id may come in other words, and the first ones count
            traceparent=attempt.traceparent,
        )
        return Send(self._topic, attempt.key.encode(), to_json(outcome), headers, None)
