"""A lean client over Kafka: one loop sends commands that are ready made and notes when their answers come."""

import asyncio
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.commands import REPLIES, Command
from contracts import topics
from contracts.booking import BookingAnswer

PATIENCE = 60.0  # seconds without any answer after which something is broken
HELD = BookingAnswer.type.encode()


class Stalled(Exception):
    """Commands are not answered any more; the argument says how many."""


class Answer(NamedTuple):
    """When it came, and whether the slot is held."""

    at: float
    held: bool


@dataclass
class Flight:
    """When each command was sent first, and its first answer; times are of `time.perf_counter`."""

    sent: dict[str, float] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)

    @property
    def latencies(self) -> list[float]:
        """Milliseconds, as the client sees them."""
        return [(answer.at - self.sent[key]) * 1000 for key, answer in self.answers.items()]

    @property
    def held(self) -> int:
        """How many slots were got."""
        return sum(answer.held for answer in self.answers.values())


class Driver:
    """One producer and one reader of the replies."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=0)
        self._consumer = AIOKafkaConsumer(
            REPLIES, bootstrap_servers=bootstrap, auto_offset_reset="latest", fetch_max_wait_ms=500
        )

    async def __aenter__(self) -> Self:
        await self._producer.start()
        await self._consumer.start()
        await self._consumer.seek_to_end()
        for partition in self._consumer.assignment():
            await self._consumer.position(partition)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()
        await self._producer.stop()

    async def fly(self, commands: Iterable[Command], *, in_flight: int = 0, per_second: float = 0.0) -> Flight:
        """Send them all and await every answer: so many at a time, or so many a second whatever is answered.

        A command that comes twice is sent twice and counts once. Raises Stalled.
        """
        flight, waiting, acks = Flight(), set[str](), list[asyncio.Future[Any]]()
        queue = iter(commands)
        upcoming = next(queue, None)
        began = moved = time.perf_counter()
        while upcoming or waiting:
            while upcoming and (
                len(waiting) < in_flight if in_flight else time.perf_counter() >= began + len(acks) / per_second
            ):
                acks.append(await self._send(upcoming))
                if upcoming.id not in flight.sent:
                    flight.sent[upcoming.id] = time.perf_counter()
                    waiting.add(upcoming.id)
                upcoming = next(queue, None)
            pause = began + len(acks) / per_second - time.perf_counter() if per_second and upcoming else 1.0
            if await self._hear(flight, waiting, pause):
                moved = time.perf_counter()
            elif waiting and time.perf_counter() - moved > PATIENCE:
                raise Stalled(f"{len(waiting)} of {len(flight.sent)} commands, no answer for {PATIENCE:.0f} s")
        await asyncio.gather(*acks)
        return flight

    async def _send(self, command: Command) -> "asyncio.Future[Any]":
        future: asyncio.Future[Any] = await self._producer.send(
            topics.BOOKING_COMMANDS.name,
            command.value,
            key=command.key,
            headers=command.headers,
            partition=command.partition,
        )
        return future

    async def _hear(self, flight: Flight, waiting: set[str], seconds: float) -> bool:
        got = await self._consumer.getmany(timeout_ms=max(1, math.ceil(seconds * 1000)))
        at = time.perf_counter()
        heard = False
        for records in got.values():
            for record in records:
                headers = dict(record.headers)
                command_id = headers["ce_causationid"].decode()
                if command_id in waiting:
                    waiting.remove(command_id)
                    flight.answers[command_id] = Answer(at, headers["ce_type"] == HELD)
                    heard = True
        return heard
