"""What all tests share: one Kafka and Postgres without services, one whole platform; each is started when first asked for."""

import os
import signal
from collections.abc import AsyncIterator

import pytest

from embedded import servers
from embedded.infrastructure import Infrastructure, infrastructure
from embedded.kafka import MORE_JAVA_OPTIONS
from embedded.platform import Platform, running

DATABASES = ["availability", "booking"]
# A Kafka of the tests lives for seconds or minutes: without Java's second compiler it is there with a third less CPU.
os.environ.setdefault(MORE_JAVA_OPTIONS, "-XX:TieredStopAtLevel=1")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell that starts a run in the background has Ctrl-C ignored, and whatever the tests start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# What a provider is late with comes soon: no test waits for minutes.
SOON = {"HOLDFAST_PAYMENT_EVENTS_SECONDS": "2", "HOLDFAST_SANDBOX_SLOW_SECONDS": "0.5"}


def pytest_configure() -> None:
    """Where Kafka and Postgres come from: addresses in the environment, else containers if INFRA asks for them, else child processes."""
    servers.chosen = servers.named()
    if servers.chosen is None and os.environ.get("INFRA") == "containers":
        from in_containers import Containers, engine_answers

        if not engine_answers():
            raise pytest.UsageError("INFRA=containers: there is no Docker engine that answers")
        servers.chosen = Containers


@pytest.fixture(scope="session")
async def infra() -> AsyncIterator[Infrastructure]:
    """Kafka and Postgres alone, with fast sessions and empty databases."""
    async with infrastructure(databases=DATABASES, fast_sessions=True) as running_infrastructure:
        yield running_infrastructure


@pytest.fixture(scope="session")
async def platform() -> AsyncIterator[Platform]:
    """The whole platform, with holds of 15 minutes unless a product says otherwise."""
    async with running(fast_sessions=True, settings=SOON) as running_platform:
        yield running_platform
