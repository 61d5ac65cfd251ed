"""What happens to payments at the provider without us, and what it refuses that must not be the end of it."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator

import pytest
from bus import Bus, until
from tills import Till, count, event, till

from contracts import topics
from contracts.payment import CancelCheckout, RefundPayment

LEDGER = """
SELECT kind, sum(amount)::int
FROM (SELECT * FROM entries UNION ALL SELECT * FROM dispute_entries) every
WHERE booking_id = $1::uuid
GROUP BY kind
"""
DISPUTED = "4000000000000259"


@pytest.fixture(scope="module")
async def house(whole_bus: Bus, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Till]:
    """No webhook is told: what nobody here has asked for is found in the provider's list."""
    async with till(whole_bus, tmp_path_factory.mktemp("sandbox")) as made, made.paying(EVENTS_SECONDS="0.3"):
        yield made


@pytest.fixture(autouse=True)
async def calm(house: Till) -> AsyncIterator[None]:
    yield
    await house.stripe.no_faults()


async def entered(house: Till, booking_id: str, **wanted: int) -> None:
    """Return when the ledger of this booking comes to this."""

    async def there() -> bool:
        return dict(await house.sql(LEDGER, booking_id)) == wanted

    await until(there, 30)


async def test_a_refund_made_at_the_provider_is_in_the_ledger(house: Till) -> None:
    asked = house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        paid = await house.paid(log, asked)
        await house.stripe.client.v1.refunds.create_async({"payment_intent": paid["payment"], "amount": 700})
        await entered(house, asked.booking_id, captured=2500, refunded=700)
        back = RefundPayment(booking_id=asked.booking_id, payment=paid["payment"], amount=1800)
        await house.bus.tell(back, reply_to=None)
        await event(log, "PaymentRefunded", asked.booking_id)
    await entered(house, asked.booking_id, captured=2500, asked=1800, refunded=2500)
    assert count(log, "RefundFailed", asked.booking_id) == 0


async def test_a_dispute_is_in_the_ledger(house: Till) -> None:
    asked = house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        await house.open(log, asked)
        await house.pay(asked.booking_id, card=DISPUTED)
        paid = await event(log, "PaymentSucceeded", asked.booking_id)
        await entered(house, asked.booking_id, captured=2500, withdrawn=2500)
        back = RefundPayment(booking_id=asked.booking_id, payment=paid["payment"], amount=2500)
        await house.bus.tell(back, reply_to=None)
        failed = await event(log, "RefundFailed", asked.booking_id)
    assert (failed["reason"], "charged back" in failed["message"]) == ("refused", True)


async def test_somebody_else_s_refunds_and_disputes_are_nobody_s_business_here(house: Till) -> None:
    before = await house.sql("SELECT count(*) FROM entries")
    session = await house.stripe.paid()
    assert session.payment_intent
    intent = getattr(session.payment_intent, "id", session.payment_intent)
    await house.stripe.client.v1.refunds.create_async({"payment_intent": str(intent)})
    asked = house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name, topics.dead_letters("payment").name) as log:
        await house.open(log, asked)
        await house.pay(asked.booking_id)  # told after the refund, by the same list
        await event(log, "PaymentSucceeded", asked.booking_id)
    assert [each for each in log.records if each.topic != topics.PAYMENT_EVENTS.name] == []
    assert await house.sql("SELECT count(*) FROM entries") == [(before[0][0] + 1,)]


async def test_a_refund_waits_until_the_account_at_the_provider_has_the_money(house: Till) -> None:
    asked = house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        paid = await house.paid(log, asked)
        await house.stripe.fault("balance_insufficient", operation="refunds.create", times=3)
        back = RefundPayment(booking_id=asked.booking_id, payment=paid["payment"], amount=2500)
        await house.bus.tell(back, reply_to=None)
        await event(log, "PaymentRefunded", asked.booking_id)
    assert await house.stripe.struck()
    assert count(log, "RefundFailed", asked.booking_id) == 0
    assert [each["amount"] for each in await house.of("refunds", asked.booking_id)] == [2500]


async def test_a_page_that_the_provider_has_forgotten_is_over_and_another_one_is_opened(house: Till) -> None:
    asked = house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        await house.open(log, asked)
        [session] = await house.of("checkout_sessions", asked.booking_id)
        with contextlib.closing(sqlite3.connect(house.stripe.data / "sandbox.sqlite3")) as theirs, theirs:
            theirs.execute("DELETE FROM objects WHERE id = ?", (session["id"],))
        await house.bus.tell(CancelCheckout(booking_id=asked.booking_id), reply_to=None)
        await event(log, "CheckoutExpired", asked.booking_id)
        again = asked.model_copy(update={"amount": 3000})
        second, _ = await house.bus.tell(again, reply_to=None)
        await log.until(lambda _: count(log, "CheckoutOpened", asked.booking_id) == 2, 30)
    assert [each["metadata"]["checkout_id"] for each in await house.of("checkout_sessions", asked.booking_id)] == [
        second
    ]


async def test_a_dead_refund_that_is_replayed_after_it_was_asked_anew_gives_nothing_back_again(house: Till) -> None:
    asked = house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        paid = await house.paid(log, asked)
        back = RefundPayment(booking_id=asked.booking_id, payment="pi_nobody_knows", amount=1000)
        dead, _ = await house.bus.tell(back, reply_to=None)
        assert (await event(log, "RefundFailed", asked.booking_id))["reason"] == "impossible"
        back = back.model_copy(update={"payment": paid["payment"]})
        anew, _ = await house.bus.tell(back, reply_to=None)
        assert (await event(log, "PaymentRefunded", asked.booking_id))["refundId"] == anew
        await house.bus.tell(back, dead, reply_to=None)  # as if the code could not handle it then, and can now
        await log.until(lambda _: count(log, "PaymentRefunded", asked.booking_id) == 2, 30)
    await house.settled()
    assert [each["amount"] for each in await house.of("refunds", asked.booking_id)] == [1000]
    await entered(house, asked.booking_id, captured=2500, asked=1000, refunded=1000)
