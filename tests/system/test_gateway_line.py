"""The gateway's line to Kafka: slow answers, a lost broker, an orderly end. Kafka is real, no service listens to it."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from gateways import Gateway, free_port, gateway, until_ready

from contracts import envelope, topics
from contracts.booking import CreateBooking
from contracts.client import booking_id
from contracts.examples import CREATE_BOOKING
from embedded.platform import Infrastructure, infrastructure

BODY = {
    "productId": CREATE_BOOKING.product_id,
    "spaceId": CREATE_BOOKING.space_id,
    "slot": {"from": "2027-01-11T09:00:00Z", "to": "2027-01-11T10:00:00Z"},
}
COMMAND = envelope.edge_id("demo", "demo", "order-17")
BOOKING = booking_id(COMMAND)


@pytest.fixture(scope="module")
async def kafka() -> AsyncIterator[Infrastructure]:
    async with infrastructure() as running:
        await topics.provision(running.kafka, 2, [timedelta(minutes=15)])
        yield running


async def _post(one: Gateway, key: str = "order-17") -> Any:
    async with one.session.post("/v1/bookings", json=BODY, headers={"Idempotency-Key": key}) as answer:
        return answer.status, answer.headers, await answer.json()


async def test_create_booking_is_202_with_its_address_when_the_answer_is_late(kafka: Infrastructure) -> None:
    async with gateway(kafka.environment, free_port(), answered_within="0.3") as one:
        assert await one.says() == "READY=1"
        status, headers, body = await _post(one)
    assert (status, body) == (202, {"id": BOOKING, "status": "PENDING"})
    assert headers["Location"] == f"/v1/bookings/{BOOKING}"
    assert (headers["Retry-After"], headers["Idempotency-Key"]) == ("1", "order-17")
    assert headers["X-Correlation-Id"] == COMMAND


async def test_a_command_names_its_organisation_and_where_it_is_answered(kafka: Infrastructure) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with (
        AIOKafkaConsumer(bootstrap_servers=kafka.kafka, auto_offset_reset="latest") as consumer,
        gateway(kafka.environment, free_port(), answered_within="0.3") as one,
    ):
        consumer.assign([TopicPartition("booking.commands", number) for number in range(2)])
        await consumer.seek_to_end()
        assert await one.says() == "READY=1"
        headers = {"Idempotency-Key": "traced", "traceparent": trace}
        async with one.session.post("/v1/bookings", json=BODY, headers=headers) as answer:
            assert answer.status == 202
        record = await asyncio.wait_for(consumer.getone(), 10)
    command = envelope.read(record.headers, record.timestamp)
    assert command.id == command.correlation == envelope.edge_id("demo", "demo", "traced")
    assert (command.type, command.organisation) == (CreateBooking.type, "demo")
    assert (command.reply_to, command.traceparent) == ("gateway.replies", trace.encode())
    assert record.key == booking_id(command.id).encode()


async def test_sigterm_tells_whoever_waits_to_come_again_and_ends_within_3_s(kafka: Infrastructure) -> None:
    async with gateway(kafka.environment, free_port(), drained_within="0.5") as one:
        assert await one.says() == "READY=1"
        waiting = asyncio.create_task(_post(one))
        async with one.session.get("/livez") as answer:  # by now the other request has been read
            assert answer.status == 200
        began = time.monotonic()
        one.process.terminate()
        assert (await waiting)[0] == 202
        assert await one.says() == "STOPPING=1"
        assert await one.process.wait() == 0
        assert time.monotonic() - began < 3


async def test_two_gateways_share_a_port(kafka: Infrastructure) -> None:
    port = free_port()
    async with gateway(kafka.environment, port) as one, gateway(kafka.environment, port) as other:
        assert await asyncio.gather(one.says(), other.says()) == ["READY=1", "READY=1"]


async def test_commands_are_503_while_kafka_is_away_and_taken_again_when_it_is_back(kafka: Infrastructure) -> None:
    impatient = {"acknowledged_within": "0.5", "answered_within": "0.5"}
    async with gateway(kafka.environment, free_port(), **impatient) as one:
        assert await one.says() == "READY=1"
        await kafka.stop_process("kafka")
        await until_ready(one.session, 503)
        status, headers, body = await _post(one)
        assert (status, body["code"], headers["Retry-After"]) == (503, "SERVICE_UNAVAILABLE", "1")
        # One that is started now lives, and says that it is ready when it is.
        async with gateway(kafka.environment, free_port(), **impatient) as late:
            saying = asyncio.create_task(late.says())
            await until_ready(late.session, 503)
            assert not saying.done()
            await kafka.start_process("kafka")
            assert await saying == "READY=1"
            await until_ready(late.session)
        assert await _until_taken(one) == 202
        await until_ready(one.session)


async def _until_taken(one: Gateway) -> int:
    """The first status that is not 503: until then the client repeats its request, as it was told."""
    async with asyncio.timeout(30):
        while (answered := await _post(one))[0] == 503:
            pass
    return int(answered[0])
