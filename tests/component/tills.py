"""The payment worker as a process, beside the sandbox as its provider, and a database of its own."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from bus import Bus, Log, header, until
from sandboxed import KEY, Sandbox, sandbox
from workers import Worker, worker

from chassis import database, migrations
from chassis.parts import Parts
from contracts import provider_events, topics
from contracts.examples import CREATE_CHECKOUT
from contracts.payment import CreateCheckout
from services.payment import app
from services.payment.provider import Provider
from services.payment.reconciler import Reconciler
from services.payment.settings import PaymentSettings

MIGRATIONS = Path(app.__file__).parent / "migrations"
QUIET = "86400"  # seconds: a reconciler that looks once, and then leaves it to the test who tells what


@dataclass
class Till:
    bus: Bus
    stripe: Sandbox

    def create(self, **changes: Any) -> CreateCheckout:
        """For a booking of its own."""
        ends = datetime.now(UTC) + timedelta(hours=23)
        return CREATE_CHECKOUT.model_copy(update={"booking_id": str(uuid.uuid4()), "expires_at": ends, **changes})

    def paying(self, **settings: str) -> contextlib.AbstractAsyncContextManager[Worker]:
        """A payment worker."""
        told = {
            "PROVIDER_URL": self.stripe.url,
            "PROVIDER_KEY": KEY,
            "PROVIDER_SECONDS": "5",
            "EVENTS_SECONDS": QUIET,
            "SESSIONS_SECONDS": QUIET,
            **settings,
        }
        return worker(
            self.bus,
            "payment",
            **{
                name if name.startswith("HOLDFAST_") else f"HOLDFAST_PAYMENT_{name}": value
                for name, value in told.items()
            },
        )

    def settings(self, **changes: Any) -> PaymentSettings:
        """Of a payment worker within the test."""
        usual = {"provider_seconds": 5, "events_seconds": QUIET, "sessions_seconds": QUIET}
        shared = {"kafka": self.bus.infra.kafka, "internal_token": "between us", "session_timeout_ms": 1000}
        mine = {
            "database": self.bus.infra.dsn("payment"),
            "port": 1,
            "provider_url": self.stripe.url,
            "provider_key": KEY,
        }
        return PaymentSettings(**{**shared, **mine, **usual, **changes})

    @contextlib.asynccontextmanager
    async def inside(self, *, deciding: bool = True, **settings: Any) -> AsyncIterator[Parts]:
        """A payment worker within the test: nothing to kill, and there at once. `deciding`: or it reads the provider's lists alone."""
        told, failures = self.settings(**settings), list[BaseException]()
        pool, door = await database.connect(told.database, 6, "payment"), Provider(told)
        reading = Parts(Reconciler(told, door, pool, failures.append))
        worker = app.parts(told, door, pool, failures.append) if deciding else reading
        try:
            await worker.start()
            async with asyncio.timeout(20):
                await worker.joined.wait()
            yield worker
        finally:
            await worker.stop()
            await door.close()
            await pool.close()
        assert failures == []

    async def sql(self, sql: str, *arguments: Any) -> list[Any]:
        connection = await asyncpg.connect(self.bus.infra.dsn("payment"))
        try:
            return [tuple(row) for row in await connection.fetch(sql, *arguments)]
        finally:
            await connection.close()

    async def claims_end(self) -> None:
        """As if the time of those who died were over."""
        await self.sql("UPDATE calls SET due_at = clock_timestamp() WHERE closed_at IS NULL AND kind <> 'late'")

    async def nothing_is_open(self) -> None:
        """As if earlier tests had left nothing."""
        await self.sql("UPDATE calls SET closed_at = clock_timestamp() WHERE closed_at IS NULL")

    async def no_timer_is_open(self) -> None:
        """As if earlier checkouts had left no timer: it would pass a failpoint before there is anything to die of."""
        await self.sql("UPDATE calls SET closed_at = clock_timestamp() WHERE closed_at IS NULL AND kind = 'late'")

    async def settled(self) -> None:
        """Return when no call to the provider is open."""

        async def none_open() -> bool:
            return not await self.sql("SELECT 1 FROM calls WHERE closed_at IS NULL AND kind <> 'late'")

        await until(none_open, 40)

    # ---- what the provider has

    async def of(self, kind: str, booking_id: str) -> list[dict[str, Any]]:
        """Its objects about this booking: `checkout_sessions`, `payment_intents`, `refunds`."""
        ledger = await self.stripe.ledger()
        return [each for each in ledger[kind] if each["metadata"].get("booking_id") == booking_id]

    async def charges(self, booking_id: str) -> list[dict[str, Any]]:
        """What it has captured of this booking."""
        intents = {intent["id"] for intent in await self.of("payment_intents", booking_id)}
        charges = (await self.stripe.ledger())["charges"]
        return [each for each in charges if each["payment_intent"] in intents and each["status"] == "succeeded"]

    async def pay(self, booking_id: str, **how: str) -> dict[str, Any]:
        """The customer pays on the page of the last session; the session."""
        session = (await self.of("checkout_sessions", booking_id))[-1]
        status, *_ = await self.stripe.post(session["id"], **how)
        assert status == 303
        return session

    async def events(self, booking_id: str) -> list[dict[str, Any]]:
        """Those of its events that concern us, oldest first."""
        events = (await self.stripe.ledger())["events"]
        return [each for each in events if each["data"]["object"].get("metadata", {}).get("booking_id") == booking_id]

    async def report(self, booking_id: str) -> None:
        """Tell what the provider's events say of this booking, as the gateway does."""
        for each in await self.events(booking_id):
            heard = provider_events.heard(each)
            if heard is not None:
                await self.bus.tell(heard.record, heard.id, organisation=heard.organisation, reply_to=None)

    async def open(self, log: Log, asked: CreateCheckout) -> dict[str, Any]:
        """Ask for a page; the event that it is there."""
        await self.bus.tell(asked, reply_to=None)
        return dict(await event(log, "CheckoutOpened", asked.booking_id))

    async def paid(self, log: Log, asked: CreateCheckout) -> dict[str, Any]:
        """Ask for a page and have it paid; the event that it was."""
        await self.open(log, asked)
        await self.pay(asked.booking_id)
        await self.report(asked.booking_id)
        return dict(await event(log, "PaymentSucceeded", asked.booking_id))


async def _at_the_end(bus: Bus, url: str) -> None:
    """What other tests have asked payment is nobody's business here: the new database begins where the log ends."""
    ends = await bus.ends([topics.PAYMENT_COMMANDS.name])
    at = [tp.topic for tp in ends], [tp.partition for tp in ends], list(ends.values())
    connection = await asyncpg.connect(url)
    try:
        sql = "INSERT INTO progress SELECT t, p, e, e FROM unnest($1::text[], $2::int[], $3::bigint[]) u(t, p, e)"
        await connection.execute(sql, *at)
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def till(bus: Bus, folder: Path, **settings: str) -> AsyncIterator[Till]:
    """A sandbox with these settings, and payment's tables."""
    url = await bus.infra.create_database("payment")
    await migrations.migrate(url, MIGRATIONS)
    await _at_the_end(bus, url)
    try:
        async with sandbox(folder, slow_seconds="0.05", shortest_session="0", **settings) as stripe:
            yield Till(bus, stripe)
    finally:
        await bus.infra.drop_database("payment")


async def event(log: Log, name: str, booking_id: str, within: float = 40) -> Any:
    """The body of the first event of this name about this booking."""

    def found(records: list[Any]) -> Any:
        return next((orjson.loads(each.value) for each in records if _is(each, name, booking_id)), None)

    return await log.until(found, within)


async def at(moment: datetime) -> None:
    """Return at this moment: what races is told when to begin."""
    while (left := (moment - datetime.now(UTC)).total_seconds()) > 0:
        await asyncio.sleep(min(left, 0.05))


def count(log: Log, name: str, booking_id: str) -> int:
    """How many events of this name came about this booking; one that is sent again after a crash is the same one."""
    return len({header(each, "ce_id") for each in log.records if _is(each, name, booking_id)})


def sent(log: Log, name: str, booking_id: str) -> int:
    """The same with repeats."""
    return sum(_is(each, name, booking_id) for each in log.records)


def _is(record: Any, name: str, booking_id: str) -> bool:
    return header(record, "ce_type") == f"holdfast.{name}.v1" and (record.key or b"").decode() == booking_id
