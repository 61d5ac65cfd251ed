"""`examples.watch_events` while Kafka goes and comes again."""

import asyncio
import io
import socket
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from contracts import sample_records, topics
from contracts.booking import BookingCreated, BookingUpdated
from contracts.model import Message
from embedded import ports
from embedded.infrastructure import Infrastructure, infrastructure
from examples import watch_events
from examples.telling import Teller
from tests.embedded.processes import until


async def _publish(running: Infrastructure, kind: type[Message]) -> None:
    sample = sample_records.records()[kind.type]
    async with AIOKafkaProducer(bootstrap_servers=running.kafka) as producer:
        await producer.send_and_wait(
            topics.BOOKING_EVENTS.name, sample.value, key=(sample.key or "").encode(), headers=sample.headers
        )


async def test_a_restart_is_said_and_events_go_on_at_the_same_address(tmp_path: Path) -> None:
    told = io.StringIO()
    async with infrastructure(tmp_path) as first:
        await topics.provision(first.kafka, 1, [])
        watching = asyncio.create_task(watch_events.watch(Teller(told), first.kafka, from_beginning=True))
        await _publish(first, BookingCreated)
        await until(lambda: "BookingCreated v2" in told.getvalue())
    await until(lambda: "The line is lost" in told.getvalue())
    async with infrastructure(tmp_path) as second:
        assert second.kafka == first.kafka
        await until(lambda: "again." in told.getvalue())
        await _publish(second, BookingUpdated)
        await until(lambda: "BookingUpdated v" in told.getvalue())
        assert not watching.done()
        watching.cancel()
        await asyncio.wait([watching])


async def test_an_event_that_does_not_come_is_told_and_the_next_one_is_not_missed(tmp_path: Path) -> None:
    async with infrastructure(tmp_path) as running:
        await topics.provision(running.kafka, 1, [])
        async with watch_events.Events(running.kafka) as events:
            with pytest.raises(TimeoutError, match=r"no event of booking nowhere that .* came within 0\.3 s"):
                await events.next("nowhere", within=0.3)
            await _publish(running, BookingCreated)
            assert isinstance(await events.next(), BookingCreated)


async def test_a_last_port_that_others_took_is_given_up_aloud(tmp_path: Path) -> None:
    said: list[str] = []
    async with infrastructure(tmp_path) as first:
        port = int(first.kafka.rpartition(":")[2])
    with socket.create_server((ports.HOST, port)):
        async with infrastructure(tmp_path, say=said.append) as second:
            assert second.kafka != first.kafka
    assert [line for line in said if f"last port {port} is taken" in line and second.kafka.rpartition(":")[2] in line]
