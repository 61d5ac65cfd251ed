"""A worker says when it cannot work, and why; and when it can again. It never stops to live for it."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import aiohttp
import asyncpg
import pytest
from bus import HOLD, PARTITIONS, Bus, until
from measuring import value
from workers import Worker, worker

from chassis import migrations, watch
from contracts import topics
from contracts.booking import ConfirmBooking
from embedded.infrastructure import infrastructure

SERVICES = Path(migrations.__file__).parents[1] / "services"


@pytest.fixture(scope="module")
async def apart() -> AsyncIterator[Bus]:
    """Kafka and Postgres that no other test needs."""
    async with infrastructure(databases=["availability", "booking"], fast_sessions=True) as infra:
        await topics.provision(infra.kafka, PARTITIONS, topics.hold_lengths(HOLD))
        for service in ("availability", "booking"):
            await migrations.migrate(infra.dsn(service), SERVICES / service / "migrations")
        yield Bus(infra, cast("Any", None))  # nothing is sent


async def says(one: Worker, word: str) -> None:
    """Return when it is not ready, and names this; it lives meanwhile."""

    async def so() -> bool:
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{one.url}/livez") as alive:
                assert alive.status == 200
            async with session.get(f"{one.url}/readyz") as answer:
                told = await answer.json()
                assert (answer.status == 200) == told["ready"] == (not told["missing"])
                return any(word in missing for missing in told["missing"])

    await until(so, 60)


async def ready(one: Worker) -> None:
    async def so() -> bool:
        told = await one.ready()
        return told is not None and told["ready"] is True

    await until(so, 60)


@pytest.mark.parametrize(
    ("server", "word", "metric"),
    [("postgres", "database", "holdfast_database_up"), ("kafka", "kafka has not answered", "holdfast_kafka_up")],
)
async def test_readiness_goes_with_a_server_and_comes_back_with_it(
    apart: Bus, server: str, word: str, metric: str
) -> None:
    async with worker(apart, "booking") as booking, worker(apart, "relay") as relay:
        both = (booking, relay)
        assert [await value(f"{one.url}/metrics", metric) for one in both] == [1, 1]
        await apart.infra.stop_process(server)
        await asyncio.gather(*(says(one, word) for one in both))
        assert [await value(f"{one.url}/metrics", metric) for one in both] == [0, 0]
        await apart.infra.start_process(server)
        await asyncio.gather(*map(ready, both))
        assert [one.process.returncode for one in both] == [None, None]


async def test_sigterm_ends_a_worker_in_order_while_kafka_is_away(apart: Bus) -> None:
    async with worker(apart, "booking") as booking, worker(apart, "relay") as relay:
        await apart.infra.stop_process("kafka")
        for one in (booking, relay):
            one.process.terminate()
        assert [await one.ended(9) for one in (booking, relay)] == [0, 0]  # a supervisor waits for 10 s
        await apart.infra.start_process("kafka")


async def test_a_worker_that_asks_for_nothing_and_stands_still_says_so(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its batch waits for rows that somebody has locked, until there is no room for more records."""
    monkeypatch.setattr(watch, "SILENT_SECONDS", 2.5)
    monkeypatch.setattr(watch, "STANDING_SECONDS", 4.0)
    connection = await asyncpg.connect(bus.infra.dsn("booking"))
    locked = connection.transaction()
    await locked.start()
    await connection.execute("SELECT 1 FROM progress FOR UPDATE")
    # All there before it begins: beside a small batch in hand nothing more is fetched, and asking goes on.
    await asyncio.gather(*(bus.tell(ConfirmBooking(booking_id=str(uuid.uuid4())), partition=1) for _ in range(2500)))
    async with bus.deciding() as decider:

        async def told() -> bool:
            said = " ".join(decider.missing())
            return "no records asked for" in said and "booking.commands/1 stands at" in said

        await until(told, 30)
        await locked.rollback()
        await connection.close()

        async def well() -> bool:
            return decider.missing() == []

        await until(well, 60)
        await bus.quiet("booking", 60)


async def test_a_worker_that_is_out_of_its_group_says_so_until_it_is_back(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "SILENT_SECONDS", 0.2)
    async with bus.deciding() as decider:
        member = decider.stream.subscription.watch
        await member.on_partitions_revoked([])

        async def out() -> bool:
            return any("out of the consumer group" in word for word in decider.missing())

        await until(out)
        await member.on_partitions_assigned([])
        assert not any("out of the consumer group" in word for word in decider.missing())
