"""A gateway whose commands nobody answers tells so; idle it ends in time. Kafka is real, no service listens to it."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from awaiting import until
from gateways import free_port, gateway
from measuring import value

from contracts import topics
from embedded.platform import Infrastructure, infrastructure

COMMAND = "/v1/bookings/4b96f5ea-3d46-59a4-912d-eb2a1da8d934"


@pytest.fixture(scope="module")
async def quiet_kafka() -> AsyncIterator[Infrastructure]:
    async with infrastructure() as running:
        await topics.provision(running.kafka, 2, [timedelta(minutes=15)])
        yield running


async def test_answers_that_are_awaited_and_those_that_come_too_late_are_told(quiet_kafka: Infrastructure) -> None:
    port = free_port()
    told = f"http://127.0.0.1:{port}/metrics"
    settings = {**quiet_kafka.environment, "HOLDFAST_METRICS_PORT": str(port)}
    async with gateway(settings, free_port(), answered_within="2") as one:
        assert await one.says() == "READY=1"
        assert await value(told, "holdfast_gateway_connected") == 1
        asking = [asyncio.create_task(_status(one.session.delete(COMMAND))) for _ in range(3)]

        async def awaited() -> bool:
            return await value(told, "holdfast_gateway_awaited_answers") == 3

        await until(awaited)
        assert await asyncio.gather(*asking) == [202, 202, 202]
        assert await value(told, "holdfast_gateway_awaited_answers") == 0
        assert await value(told, "holdfast_gateway_late_answers_total") == 3


async def test_an_idle_gateway_ends_within_3_s_with_code_0(quiet_kafka: Infrastructure) -> None:
    async with gateway(quiet_kafka.environment, free_port()) as one:
        assert await one.says() == "READY=1"
        began = time.monotonic()
        one.process.terminate()
        assert await one.process.wait() == 0
        assert time.monotonic() - began <= 3


async def _status(asking: object) -> int:
    async with asking as answer:  # type: ignore[attr-defined]
        return int(answer.status)
