"""A batch is tried until it works, whole or message by message: what is transient never reaches the dead letters."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import asyncpg
from aiokafka import TopicPartition
from prometheus_client import Counter

from chassis import dead_letters, tracing
from chassis.backlog import Messages
from chassis.batch import Behind, Gap, Lost, Offsets, Spans, Stubborn
from chassis.database import TRANSIENT
from chassis.entries import Send
from chassis.messages import DeadRecord, Incoming, shortened
from chassis.stream import Stream
from chassis.suspects import MOST_ATTEMPTS
from chassis.telemetry import metrics

log = logging.getLogger(__name__)

MOST_REFUSALS = 5  # of a batch, by a rule or for taking too long; then its messages are decided one by one
BACKOFF = (0.0, 0.1, 0.3, 1.0, 3.0, 5.0)  # seconds; the last one for ever

AGAIN = Counter(
    "holdfast_batches_again", "Batches that had to begin again, by what broke", ["reason"], registry=metrics
)

T = TypeVar("T")
# Not a message's fault, and another try will not help: the first three are handled by the decider, the database refusing our
# SQL or our role ends the process. Burying message after message for a missing migration would be worse than standing still.
HOPELESS = (Behind, Gap, Lost, asyncpg.SyntaxOrAccessError)


# One attempt at these messages, which fill these spans; the outputs to send.
Attempt = Callable[[Sequence[Incoming | DeadRecord], Spans, Offsets, Offsets], Awaitable[list[Send]]]


class Deadly(Exception):
    """The process ended each time that this message was decided."""


class Attempts:
    """Repeats what may work the next time, as long as the partitions are ours."""

    def __init__(self, stream: Stream, attempt: Attempt) -> None:
        self._stream, self._attempt = stream, attempt

    async def decide(self, messages: Messages, spans: Spans, unmarked: Offsets) -> list[Send]:
        """Decide and write these messages. Raises Behind, Gap or Lost; what was written before is sent again."""
        reached = dict(self._stream.expected)
        if not self._stream.owns(spans):
            raise Lost
        refusals = MOST_REFUSALS if len(messages) > 1 else math.inf
        try:
            if not self._stream.suspects.among(spans):
                return await self._patiently(
                    lambda: self._attempt(messages, spans, unmarked, reached), list(spans), refusals
                )
        except HOPELESS:
            raise
        except Exception as error:  # R10: this batch will never work as it is; the culprit is found one by one
            log.warning("one by one: %r", error)
        sends: list[Send] = []
        for message in messages:
            record = message.record
            partition = TopicPartition(record.topic, record.partition)
            sends += await self._alone(message, {partition: (record.offset, record.offset + 1)}, unmarked, reached)
            reached[partition] = record.offset + 1
        return sends

    async def _alone(
        self, message: Incoming | DeadRecord, span: Spans, unmarked: Offsets, reached: Offsets
    ) -> list[Send]:
        suspects = self._stream.suspects
        try:
            before = await self._patiently(lambda: suspects.attempt(message.record), list(span))
            if before >= MOST_ATTEMPTS and isinstance(message, Incoming):
                raise Deadly(f"the worker ended {before} times over it")
            return await self._patiently(lambda: self._attempt([message], span, unmarked, reached), list(span))
        except HOPELESS:
            await suspects.survived(message.record)
            raise
        except Exception as error:
            if isinstance(message, DeadRecord):
                raise
            reason = shortened(f"{dead_letters.FAILED}{type(error).__name__}: {error}")
            about = tracing.about(message.envelope.correlation, message.envelope.traceparent)
            log.exception("dead letter: %s %s", message.envelope.type, message.id, extra=about)
            dead = DeadRecord(message.record, reason, message.envelope, message.body)
            return await self._patiently(lambda: self._attempt([dead], span, unmarked, reached), list(span))

    async def _patiently(
        self, action: Callable[[], Awaitable[T]], needed: Sequence[TopicPartition], refusals: float = math.inf
    ) -> T:
        """Try until it works. Raises Lost when it is no longer ours to do, and Stubborn when it was refused so many times."""
        tries = 0
        while True:
            try:
                return await action()
            except asyncpg.SerializationError as error:
                reason = str(error)
                refusals -= 1
            except (TimeoutError, asyncpg.QueryCanceledError) as error:
                reason = type(error).__name__
                refusals -= 1  # the database may be away; or these are more than it can do in the time it has
            except TRANSIENT as error:
                reason = type(error).__name__
            except asyncpg.ExclusionViolationError as error:
                reason = error.constraint_name  # type: ignore[attr-defined]
            except asyncpg.UniqueViolationError as error:
                if error.constraint_name != "inbox_pkey":  # type: ignore[attr-defined]
                    raise
                reason = "known_meanwhile"  # the same message came through another partition
            AGAIN.labels(reason).inc()
            log.warning("again: %s", reason)
            if not self._stream.owns(needed):
                raise Lost
            if refusals <= 0:
                raise Stubborn(reason)
            await asyncio.sleep(BACKOFF[min(tries, len(BACKOFF) - 1)])
            tries += 1
