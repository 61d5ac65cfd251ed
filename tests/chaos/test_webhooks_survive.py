"""The notifier is killed again and again, Kafka and Postgres die under load: every event arrives, signed, under its one id."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
import standardwebhooks
from aiokafka import AIOKafkaProducer
from awaiting import until
from receiving import Receiver

from chassis.sealing import Seal
from contracts import examples, topics
from contracts.booking import BookingCreated
from contracts.client import Client
from contracts.envelope import derived_id, stamp, write
from contracts.notifier import CreateSubscription
from embedded.platform import Platform, running

pytestmark = pytest.mark.chaos

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwZm9vYmFy"
ORGANISATION = "survivors"
EACH = 300  # events between two faults


@dataclass
class Shop:
    """Somebody who is told of everything, and whoever makes it happen."""

    platform: Platform
    receiver: Receiver
    producer: AIOKafkaProducer
    subscription: str
    events: list[str] = field(default_factory=list)

    async def happen(self, count: int) -> None:
        """So many bookings are made, at a pace."""
        for _ in range(count):
            booking = examples.BOOKING.model_copy(update={"id": str(uuid.uuid4())})
            body, message = BookingCreated(booking=booking, previous_status="PENDING"), str(uuid.uuid4())
            now = stamp(datetime.now(UTC))
            headers = write(b"booking", message, body.type, ORGANISATION, message, now, booking.id, causation=message)
            topic, value = topics.BOOKING_EVENTS.name, body.model_dump_json().encode()
            await self.producer.send_and_wait(topic, value, key=booking.id.encode(), headers=headers)
            self.events.append(message)

    async def everything_arrived(self) -> None:
        """Each event, under the id that follows from it, in one body that its signature fits."""
        wanted = {derived_id(self.subscription, event) for event in self.events}

        async def all_came() -> bool:
            return wanted <= {each.id for each in self.receiver.arrived}

        await until(all_came, 90)
        assert {each.id for each in self.receiver.arrived} == wanted
        judge = standardwebhooks.Webhook(SECRET)
        bodies: dict[str, bytes] = {}
        for each in self.receiver.arrived:
            assert bodies.setdefault(each.id, each.body) == each.body
        fresh = self.receiver.arrived[-1]
        assert judge.verify(fresh.body, fresh.headers)


@pytest.fixture(scope="module")
async def shop() -> AsyncIterator[Shop]:
    async with running(fast_sessions=True) as platform, Receiver().serving() as receiver:
        producer = AIOKafkaProducer(bootstrap_servers=platform.kafka, enable_idempotence=True)
        await producer.start()
        about = str(uuid.uuid4())
        seal = Seal(json.loads(platform.environment["HOLDFAST_SEALING_KEYS"]))
        sealed = seal.seal(SECRET.encode(), f"webhook secret of {ORGANISATION}/{about}")
        command = CreateSubscription(subscription_id=about, url=f"{receiver.url}/all", events=("*",), secret=sealed)
        async with Client(platform.kafka, organisation=ORGANISATION, name="chaos") as client:
            await client.ask(command, command_id=str(uuid.uuid4()))
        yield Shop(platform, receiver, producer, about)
        await producer.stop()


async def test_the_notifier_is_killed_under_load(shop: Shop) -> None:
    for _ in range(3):
        load = asyncio.create_task(shop.happen(EACH))
        await shop.platform.restarted("notifier-1", await shop.platform.kill("notifier-1"))
        await load
    await shop.everything_arrived()


@pytest.mark.parametrize("name", ["kafka", "postgres"])
async def test_what_the_notifier_stands_on_is_killed_under_load(shop: Shop, name: str) -> None:
    load = asyncio.create_task(shop.happen(EACH))
    await shop.platform.restarted(name, await shop.platform.kill(name))
    await load
    await shop.happen(10)
    await shop.everything_arrived()
