"""Payment as booking sees it, on a whole platform: commands over Kafka, events back, the sandbox as the provider."""

import contextlib
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import orjson
import stripe
from aiokafka import AIOKafkaConsumer, TopicPartition
from sandboxed import Sandbox

from contracts import header_names, topics
from contracts.client import Client
from contracts.examples import CREATE_CHECKOUT
from contracts.model import Message
from contracts.payment import RefundPayment
from embedded.platform import PARTITIONS, Platform

READ = (topics.PAYMENT_EVENTS.name, topics.PAYMENT_COMMANDS.name)


@dataclass
class Cashier:
    """One test's own; `booking_id` is nobody else's."""

    platform: Platform
    client: Client
    consumer: AIOKafkaConsumer
    stripe: Sandbox
    booking_id: str
    heard: list[tuple[str, dict[str, Any], str]]  # name, body, id

    async def tell(self, command: Message) -> str:
        """The id of the command."""
        command_id = str(uuid.uuid4())
        await self.client.tell(command, command_id=command_id, organisation="demo")
        return command_id

    async def opened(self, **changes: Any) -> str:
        """Ask for a page; its address."""
        ends = datetime.now(UTC) + timedelta(hours=2)
        told = {"booking_id": self.booking_id, "expires_at": ends, **changes}
        await self.tell(CREATE_CHECKOUT.model_copy(update=told))
        return str((await self.event("CheckoutOpened"))["url"])

    async def refund(self, amount: int) -> str:
        """Give back so much of what was paid; the id of the command."""
        payment = (await self.event("PaymentSucceeded"))["payment"]
        return await self.tell(RefundPayment(booking_id=self.booking_id, payment=payment, amount=amount))

    async def event(self, name: str, within: float = 60) -> dict[str, Any]:
        """The first message of this name about our booking."""
        ends = time.monotonic() + within
        while True:
            found = [body for kind, body, _ in self.heard if kind == f"holdfast.{name}.v1"]
            if found:
                return found[0]
            assert time.monotonic() < ends, f"no {name}, only {[kind for kind, *_ in self.heard]}"
            await self.listen(100)

    async def listen(self, milliseconds: int) -> None:
        """Hear what comes in this time."""
        for records in (await self.consumer.getmany(timeout_ms=milliseconds)).values():
            for record in records:
                if record.key == self.booking_id.encode():
                    headers = dict(record.headers)
                    kind, id_ = headers["ce_type"].decode(), headers["ce_id"].decode()
                    self.heard.append((kind, orjson.loads(record.value or b"{}"), id_))

    def count(self, name: str) -> int:
        """How many messages of this name came; one that is sent again after a crash is the same one."""
        return len({id_ for kind, _, id_ in self.heard if kind == f"holdfast.{name}.v1"})

    async def of(self, kind: str) -> list[dict[str, Any]]:
        """The provider's objects about our booking."""
        ledger = await self.stripe.ledger()
        return [each for each in ledger[kind] if each["metadata"].get("booking_id") == self.booking_id]


@contextlib.asynccontextmanager
async def cashier(platform: Platform) -> AsyncIterator[Cashier]:
    """Faults of the provider are off afterwards."""
    assert platform.money.sandbox
    header_names.tolerate()
    key = platform.environment["HOLDFAST_PAYMENT_PROVIDER_KEY"]
    transport = stripe.AIOHTTPClient(timeout=10)
    library = stripe.StripeClient(key, base_addresses={"api": platform.money.sandbox}, http_client=transport)
    consumer = AIOKafkaConsumer(bootstrap_servers=platform.kafka, fetch_max_wait_ms=50)
    await consumer.start()
    consumer.assign([TopicPartition(name, number) for name in READ for number in range(PARTITIONS)])
    await consumer.seek_to_end()
    for partition in consumer.assignment():
        await consumer.position(partition)
    async with (
        aiohttp.ClientSession() as http,
        Client(platform.kafka, organisation="demo", name="booking-test") as client,
    ):
        sandbox = Sandbox(platform.data, {}, http, library, platform.money.sandbox)
        made = Cashier(platform, client, consumer, sandbox, str(uuid.uuid4()), [])
        try:
            yield made
        finally:
            await sandbox.no_faults()
            await consumer.stop()
            await transport.close_async()
