"""SIGTERM: an idle process ends within 3 s with code 0, and is out of its group at once; a batch in hand is finished first."""

import asyncio
import contextlib
import signal
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from answering import create, replies
from bus import REPLIES, Bus, until
from hooks import hooks_of
from sandboxed import sandbox
from tills import till
from workers import Worker, worker

SECONDS = 3.0  # what is promised
GROUPS = {"relay": "availability.relay"}


@contextlib.asynccontextmanager
async def running(bus: Bus, name: str, folder: Path) -> AsyncIterator[Worker]:
    """A worker of this service, ready."""
    async with contextlib.AsyncExitStack() as stack:
        if name == "payment":
            yield await stack.enter_async_context((await stack.enter_async_context(till(bus, folder))).paying())
        elif name == "notifier":
            yield await stack.enter_async_context((await stack.enter_async_context(hooks_of(bus))).notifying())
        else:
            yield await stack.enter_async_context(worker(bus, name))


async def members(bus: Bus, group: str) -> int:
    """How many are in this group, by Kafka."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bus.infra.kafka)
    await admin.start()
    try:
        [described] = await admin.describe_consumer_groups([group])
        [(_, _, _, _, _, found, *_)] = described.groups
        return len(found)
    finally:
        await admin.close()


async def ended(process: Any) -> float:
    """Seconds from SIGTERM to the end, which must have code 0."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 20) == 0
    return time.monotonic() - began


@pytest.mark.parametrize("name", ["booking", "availability", "relay", "payment", "notifier"])
async def test_an_idle_worker_ends_in_time_and_leaves_its_group(bus: Bus, name: str, tmp_path: Path) -> None:
    async with running(bus, name, tmp_path) as one:
        assert await members(bus, GROUPS.get(name, name)) == 1
        took = await ended(one.process)
        assert await members(bus, GROUPS.get(name, name)) == 0
    assert took <= SECONDS


async def test_an_idle_sandbox_ends_in_time(tmp_path: Path) -> None:
    async with sandbox(tmp_path) as stripe:
        assert stripe.process is not None
        assert await ended(stripe.process) <= SECONDS


async def test_whoever_is_left_takes_over_at_once(bus: Bus) -> None:
    """Long before the session of the one that left would have timed out."""
    patient = {"HOLDFAST_SESSION_TIMEOUT_MS": "30000"}
    async with worker(bus, "booking", **patient) as one, worker(bus, "booking", **patient):
        assert await ended(one.process) <= SECONDS
        began = time.monotonic()
        async with bus.listening("availability.commands") as log:
            for command in [str(uuid.uuid4()) for _ in range(8)]:
                await bus.tell(create(command), command)
                await log.caused_by(command)
        assert time.monotonic() - began < 10


async def test_a_batch_in_hand_is_stored_and_sent_before_the_end(bus: Bus) -> None:
    """It waits for a row that somebody has locked when the signal comes."""
    command = str(uuid.uuid4())
    async with bus.listening("availability.commands", REPLIES) as log, worker(bus, "booking") as one:
        await bus.tell(create(str(uuid.uuid4())))
        await bus.quiet("booking")
        connection = await asyncpg.connect(bus.infra.dsn("booking"))
        async with connection.transaction():
            await connection.execute("SELECT 1 FROM progress FOR UPDATE")
            await bus.tell(create(command), command)

            async def in_hand() -> bool:
                sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'booking' AND wait_event_type = 'Lock'"
                return bool(await bus.pools["booking"].fetchval(sql))

            await until(in_hand)
            one.process.send_signal(signal.SIGTERM)

            async def leaving() -> bool:
                return await one.ready() is None

            await until(leaving)
            assert one.process.returncode is None
        await connection.close()
        assert await one.ended() == 0
        assert await log.caused_by(command, "availability.commands", within=0.5)
        assert not replies(log.records, command)
        ends, marks = await bus.ends(["booking.commands"]), await bus.marks("booking")
        assert all(marks.get(at, (0, 0)) == (end, end) for at, end in ends.items())
