"""The payment worker as a process, with Stripe's own library and a stand-in for Stripe: one session, charge and refund per cause."""

import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest
from bus import Bus, Log, header, until
from stripe_stand_in import StripeStandIn
from workers import Worker, worker

from chassis import migrations
from chassis.failpoints import CALL_POINTS, EXIT_CODE
from contracts import topics
from contracts.examples import CREATE_CHECKOUT
from contracts.payment import CancelCheckout, CreateCheckout, RecordProviderEvent, RefundPayment
from services.payment import provider

MIGRATIONS = Path(provider.__file__).parent / "migrations"


@dataclass
class House:
    bus: Bus
    stripe: StripeStandIn

    def create(self) -> CreateCheckout:
        """For a booking of its own."""
        ends = datetime.now(UTC) + timedelta(hours=23)
        return CREATE_CHECKOUT.model_copy(update={"booking_id": str(uuid.uuid4()), "expires_at": ends})

    def paying(self, **settings: str) -> contextlib.AbstractAsyncContextManager[Worker]:
        """A payment worker."""
        return worker(
            self.bus,
            "payment",
            HOLDFAST_PAYMENT_PROVIDER_URL=self.stripe.url,
            HOLDFAST_PAYMENT_PROVIDER_KEY="sk_test_holdfast",
            HOLDFAST_PAYMENT_PROVIDER_SECONDS="5",
            **settings,
        )

    async def sql(self, sql: str) -> list[Any]:
        connection = await asyncpg.connect(self.bus.infra.dsn("payment"))
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    async def claims_end(self) -> None:
        """As if the time of those who died were over."""
        await self.sql("UPDATE calls SET due_at = clock_timestamp() WHERE closed_at IS NULL AND kind <> 'late'")

    async def settled(self) -> None:
        """Return when no call to the provider is open."""

        async def none_open() -> bool:
            return not await self.sql("SELECT 1 FROM calls WHERE closed_at IS NULL AND kind <> 'late'")

        await until(none_open, 30)


@pytest.fixture(scope="module")
async def house(whole_bus: Bus) -> AsyncIterator[House]:
    url = await whole_bus.infra.create_database("payment")
    await migrations.migrate(url, MIGRATIONS)
    async with StripeStandIn().serving() as stripe:
        yield House(whole_bus, stripe)
    await whole_bus.infra.drop_database("payment")


async def event(log: Log, name: str, booking_id: str) -> Any:
    """The body of the first event of this name about this booking."""

    def found(records: list[Any]) -> Any:
        for each in records:
            if header(each, "ce_type") == f"holdfast.{name}.v1" and (each.key or b"").decode() == booking_id:
                return orjson.loads(each.value)
        return None

    return await log.until(found, 30)


def count(log: Log, name: str, booking_id: str) -> int:
    about = [each for each in log.records if (each.key or b"").decode() == booking_id]
    return sum(header(each, "ce_type") == f"holdfast.{name}.v1" for each in about)


def reported(stripe: StripeStandIn, asked: CreateCheckout) -> RecordProviderEvent:
    """What the gateway makes of the provider's word that this was paid."""
    [session] = stripe.of(asked.booking_id)
    said = provider.session_words(provider.stripe.checkout.Session.construct_from(session, "x"))
    return RecordProviderEvent(
        booking_id=asked.booking_id, event="evt_1", kind="checkout.session.completed", session=said
    )


async def test_a_checkout_is_opened_paid_and_refunded(house: House) -> None:
    asked = house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log, house.paying():
        checkout_id, _ = await house.bus.tell(asked, reply_to=None)
        opened = await event(log, "CheckoutOpened", asked.booking_id)
        [session] = house.stripe.of(asked.booking_id)
        assert (opened["checkoutId"], opened["url"]) == (checkout_id, session["url"])
        about = {"organisation_id": "demo", "booking_id": asked.booking_id, "checkout_id": checkout_id}
        assert (session["amount_total"], session["currency"], session["metadata"]) == (2500, "eur", about)
        house.stripe.pay(session)
        await house.bus.tell(reported(house.stripe, asked), reply_to=None)
        paid = await event(log, "PaymentSucceeded", asked.booking_id)
        back = RefundPayment(booking_id=asked.booking_id, payment=paid["payment"], amount=1000)
        refund_id, _ = await house.bus.tell(back, reply_to=None)
        refunded = await event(log, "PaymentRefunded", asked.booking_id)
        assert (refunded["refundId"], refunded["amount"]) == (refund_id, 1000)
        await house.settled()
    assert {checkout_id, refund_id} <= set(house.stripe.keys)


async def test_a_cancel_closes_the_page_or_hears_that_it_was_paid(house: House) -> None:
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log, house.paying():
        for name, is_paid in (("CheckoutExpired", False), ("PaymentSucceeded", True)):
            asked = house.create()
            await house.bus.tell(asked, reply_to=None)
            await event(log, "CheckoutOpened", asked.booking_id)
            [session] = house.stripe.of(asked.booking_id)
            if is_paid:
                house.stripe.pay(session)  # and the provider's own word is lost
            await house.bus.tell(CancelCheckout(booking_id=asked.booking_id), reply_to=None)
            await event(log, name, asked.booking_id)
        await house.settled()


@pytest.mark.parametrize("fault", ["stored_500", "done_500", "busy", "lost"])
async def test_a_fault_of_the_provider_makes_no_second_session_or_refund(house: House, fault: str) -> None:
    asked, before = house.create(), len(house.stripe.refunds)
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log, house.paying():
        house.stripe.faults = [fault]
        await house.bus.tell(asked, reply_to=None)
        await event(log, "CheckoutOpened", asked.booking_id)
        [session] = house.stripe.of(asked.booking_id)
        house.stripe.pay(session)
        await house.bus.tell(reported(house.stripe, asked), reply_to=None)
        paid = await event(log, "PaymentSucceeded", asked.booking_id)
        house.stripe.faults = [fault]
        back = RefundPayment(booking_id=asked.booking_id, payment=paid["payment"], amount=2500)
        await house.bus.tell(back, reply_to=None)
        await event(log, "PaymentRefunded", asked.booking_id)
        await house.settled()
    assert house.stripe.faults == []
    assert len(house.stripe.of(asked.booking_id)) == 1
    assert len(house.stripe.refunds) == before + 1


@pytest.mark.parametrize("point", CALL_POINTS)
async def test_one_session_is_opened_and_told_once_when_payment_dies(house: House, point: str) -> None:
    asked = house.create()
    # The timers of earlier tests would pass the failpoint before there is anything to die of.
    await house.sql("UPDATE calls SET closed_at = clock_timestamp() WHERE closed_at IS NULL")
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        async with house.paying(HOLDFAST_FAILPOINT=f"{point}:1") as first:
            await house.bus.tell(asked, reply_to=None)
            assert await first.ended() == EXIT_CODE
        await house.claims_end()
        async with house.paying():
            await event(log, "CheckoutOpened", asked.booking_id)
            await house.settled()
        await log.read(200)
        assert count(log, "CheckoutOpened", asked.booking_id) == 1
    assert len(house.stripe.of(asked.booking_id)) == 1
