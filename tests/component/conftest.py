"""The bus that the chassis' tests share; each test has ids of its own, and begins where the logs end."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from bus import HOLD, INPUTS, PARTITIONS, Bus
from hooks import Hooks, hooks_of
from interleaved import worker  # noqa: F401 - a fixture
from shop import house, pool  # noqa: F401 - fixtures

from chassis import database, migrations
from contracts import header_names, topics
from embedded.infrastructure import Infrastructure

SERVICES = Path(__file__).parents[2] / "services"


@pytest.fixture(scope="session")
async def whole_bus(infra: Infrastructure) -> AsyncIterator[Bus]:
    """With the topics and tables of the platform."""
    header_names.tolerate()  # for the tests' own readers
    await topics.provision(infra.kafka, PARTITIONS, topics.hold_lengths(HOLD))
    producer = AIOKafkaProducer(bootstrap_servers=infra.kafka, linger_ms=0)
    await producer.start()
    bus = Bus(infra, producer)
    for service in INPUTS:
        await migrations.migrate(infra.dsn(service), SERVICES / service / "migrations")
        bus.pools[service] = await database.connect(infra.dsn(service), 4, "test")
    yield bus
    for opened in bus.pools.values():
        await opened.close()
    await producer.stop()


@pytest.fixture
async def bus(whole_bus: Bus) -> Bus:
    """With nothing to do for booking or availability."""
    for service in INPUTS:
        await whole_bus.skip(service)
    return whole_bus


@pytest.fixture(scope="module")
async def notifying(whole_bus: Bus) -> AsyncIterator[Hooks]:
    """One notifier for the tests of a module."""
    async with hooks_of(whole_bus) as hooks, hooks.notifying():
        yield hooks


@pytest.fixture
def hooks(notifying: Hooks) -> Hooks:
    """In an organisation of its own."""
    return Hooks(notifying.bus, notifying.receiver, notifying.database)
