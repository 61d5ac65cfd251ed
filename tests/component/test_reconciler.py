"""The reconciler: what the provider has and nobody told is told once, by one worker at a time, whoever is away meanwhile."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from bus import Bus, stays, until
from tills import Till, count, event, sent, till

from chassis.parts import Parts
from chassis.telemetry import metrics
from contracts import topics
from contracts.payment import CreateCheckout
from services.payment import unowned

SOON = {"events_seconds": 0.2}
SWEEP = {"sessions_seconds": 0.2}


@pytest.fixture(scope="module")
async def house(whole_bus: Bus, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Till]:
    async with till(whole_bus, tmp_path_factory.mktemp("sandbox")) as made:
        yield made


@pytest.fixture(autouse=True)
async def due(house: Till) -> AsyncIterator[None]:
    """Both lists are looked at when a worker starts."""
    await claims_end(house)
    yield
    await house.stripe.no_faults()


async def claims_end(house: Till) -> None:
    """As if it were time for the next look, also where the time of whoever has begun one is not over."""
    now = "UPDATE reconciliation SET due_at = clock_timestamp(), failures = 0, heard = least(heard, clock_timestamp())"
    await house.sql(now)


def metric(name: str) -> float:
    """Of the list of events, as the worker tells it."""
    return metrics.get_sample_value(name, {"what": "events"}) or 0.0


async def was_done(house: Till, what: str) -> Any:
    """When the list was last read to its end."""
    [[at]] = await house.sql("SELECT done_at FROM reconciliation WHERE what = $1", what)
    return at


async def looked(house: Till, what: str) -> None:
    """Return when a look that began after this call has read the list to its end; for a worker that looks all the time."""
    read = "SELECT claims, done_at FROM reconciliation WHERE what = $1"
    [[claims, _]] = await house.sql(read, what)

    async def begun() -> Any:
        [[now, done]] = await house.sql(read, what)
        return now > claims and done

    done = await until(begun, 30)  # whichever look ends after this moment, its claim is a later one

    async def ended() -> bool:
        return bool(await was_done(house, what) > done)

    await until(ended, 30)


@contextlib.asynccontextmanager
async def having_looked(house: Till, what: str, **settings: Any) -> AsyncIterator[Parts]:
    """A worker that has looked once, as it started, and does not look again."""
    before = await was_done(house, what)
    async with house.inside(**settings) as worker:

        async def once() -> bool:
            return bool(await was_done(house, what) > before)

        await until(once, 30)
        yield worker


async def test_a_payment_whose_webhook_never_came_is_told_once(house: Till) -> None:
    asked = house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name, topics.PAYMENT_COMMANDS.name) as log:
        found = metric("holdfast_reconciler_found_total")
        async with house.inside(**SOON):
            await house.open(log, asked)
            await house.pay(asked.booking_id)
            await event(log, "PaymentSucceeded", asked.booking_id)

            async def counted() -> bool:
                return metric("holdfast_reconciler_found_total") > found

            await until(counted)
            assert metric("holdfast_reconciler_age_seconds") < 60
            await looked(house, "events")
            await house.report(asked.booking_id)  # the webhook comes all the same, an hour late
            await looked(house, "events")
        await claims_end(house)
        async with house.inside(**SOON):
            await looked(house, "events")
            await log.read(300)
    assert count(log, "PaymentSucceeded", asked.booking_id) == 1
    assert sent(log, "RecordProviderEvent", asked.booking_id) == 2  # by the reconciler, and late by the gateway


async def test_what_the_gateway_has_told_is_not_told_again(house: Till) -> None:
    asked = house.create()
    async with (
        house.bus.listening(topics.PAYMENT_EVENTS.name, topics.PAYMENT_COMMANDS.name) as log,
        having_looked(house, "events"),
    ):
        await house.paid(log, asked)
    await claims_end(house)
    async with house.bus.listening(topics.PAYMENT_COMMANDS.name) as log, house.inside(**SOON):
        await looked(house, "events")
        await looked(house, "events")
        await log.read(300)
        assert sent(log, "RecordProviderEvent", asked.booking_id) == 0


async def test_an_expiry_and_a_payment_are_found_by_their_sessions_alone(house: Till) -> None:
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log, house.inside(**SWEEP):
        gone, paid = house.create(), house.create()
        for asked in (gone, paid):
            await house.open(log, asked)
        [session] = await house.of("checkout_sessions", gone.booking_id)
        await house.stripe.client.v1.checkout.sessions.expire_async(session["id"])
        await house.pay(paid.booking_id)
        await event(log, "CheckoutExpired", gone.booking_id)
        await event(log, "PaymentSucceeded", paid.booking_id)
        await looked(house, "sessions")
        await log.read(300)
        for name in ("CheckoutExpired", "PaymentSucceeded"):
            assert count(log, name, gone.booking_id) + count(log, name, paid.booking_id) == 1


async def test_a_provider_that_is_away_is_asked_again_and_its_silence_is_seen(house: Till) -> None:
    asked = house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log, house.inside(**SOON) as worker:
        await house.open(log, asked)
        await house.pay(asked.booking_id)
        await house.stripe.fault("lost", operation="events.list", times=None)

        async def has_failed() -> bool:
            return bool(await house.sql("SELECT 1 FROM reconciliation WHERE what = 'events' AND failures >= 2"))

        await until(has_failed, 30)
        age = metric("holdfast_reconciler_age_seconds")
        assert worker.missing() == []  # it is ready: calls and decisions go on

        async def older() -> bool:
            return metric("holdfast_reconciler_age_seconds") > age

        await until(older, 20)
        await house.stripe.no_faults()
        await event(log, "PaymentSucceeded", asked.booking_id)


async def test_two_workers_read_the_lists_one_at_a_time_and_one_takes_over_from_a_killed_one(house: Till) -> None:
    asked = house.create()
    async with (
        house.bus.listening(topics.PAYMENT_EVENTS.name, topics.PAYMENT_COMMANDS.name) as log,
        house.paying(EVENTS_SECONDS="0.2") as first,
    ):
        async with house.inside(**SOON):
            await house.stripe.fault("slow", operation="events.list", seconds=4)
            await until(house.stripe.struck)  # one of them is in the middle of it
            claims = "SELECT claims FROM reconciliation WHERE what = 'events'"
            taken = await house.sql(claims)

            async def nobody_else() -> bool:
                return await house.sql(claims) == taken

            await stays(nobody_else, 0.5)  # the other one would have looked several times by now
            await house.open(log, asked)
            await house.pay(asked.booking_id)
            await event(log, "PaymentSucceeded", asked.booking_id)
        await claims_end(house)  # the one that has left may have had it
        await house.stripe.fault("slow", operation="events.list", seconds=30)
        await until(house.stripe.struck)
        async with house.inside(**SOON):
            first.kill()
            await first.ended()
            await claims_end(house)
            await looked(house, "events")
        await log.read(300)
    assert count(log, "PaymentSucceeded", asked.booking_id) == 1


async def test_a_page_that_nobody_waited_for_is_found_and_closed(house: Till) -> None:
    """Its opening was given up, and took place all the same."""
    asked = house.create()
    async with (
        house.bus.listening(topics.PAYMENT_EVENTS.name) as log,
        having_looked(house, "sessions"),  # before there is a page: found while it opens, it would count as opened
    ):
        await house.open(log, asked)
    refused = """
    UPDATE accounts SET state = jsonb_set(state::jsonb, '{checkouts,0,status}', '"refused"')::text
    WHERE booking_id = $1::uuid
    """
    await house.sql(refused, asked.booking_id)
    await claims_end(house)

    async def closed() -> bool:
        return [each["status"] for each in await house.of("checkout_sessions", asked.booking_id)] == ["expired"]

    async with house.inside(**SWEEP):
        await until(closed, 30)


async def test_what_cannot_be_handled_is_told_once_and_lies_in_the_dead_letters(house: Till) -> None:
    strange: CreateCheckout = house.create()
    about = {"organisation_id": "demo", "booking_id": strange.booking_id, "checkout_id": strange.booking_id}
    await house.stripe.paid(metadata=about, payment_intent_data={"metadata": about})
    async with (
        house.bus.listening(topics.PAYMENT_COMMANDS.name, topics.dead_letters("payment").name) as log,
        house.inside(**SOON),
    ):
        await log.until(lambda records: [each for each in records if each.topic == "payment.dead-letters"], 30)
        await looked(house, "events")
        await looked(house, "events")
        await log.read(300)
    told = [each for each in log.records if each.topic == topics.PAYMENT_COMMANDS.name]
    assert sum(each.key == strange.booking_id.encode() for each in told) == 1


async def test_a_refund_made_at_the_provider_before_its_payment_is_decided_is_not_missed(house: Till) -> None:
    asked = house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        async with house.inside():
            await house.open(log, asked)
        await house.pay(asked.booking_id)
        [intent] = [each["id"] for each in await house.of("payment_intents", asked.booking_id)]
        await house.stripe.client.v1.refunds.create_async({"payment_intent": intent, "amount": 700})
        await claims_end(house)
        async with having_looked(house, "events", deciding=False):  # the payment is told, and nobody decides about it
            pass
        # Much has happened at the provider since then.
        await house.sql(
            "UPDATE reconciliation SET heard = clock_timestamp() + interval '1 hour', due_at = clock_timestamp()"
        )
        ledger = "SELECT kind, sum(amount)::int FROM entries WHERE booking_id = $1::uuid GROUP BY kind"

        async def there() -> bool:
            return dict(await house.sql(ledger, asked.booking_id)) == {"captured": 2500, "refunded": 700}

        async with house.inside(**SOON):
            await until(there, 30)
            await looked(house, "events")
        await log.read(300)
    assert await house.sql("SELECT 1 FROM unowned WHERE payment = $1", intent) == []
    assert count(log, "PaymentSucceeded", asked.booking_id) == 1


async def test_of_what_nobody_here_has_paid_for_only_the_latest_is_kept_and_not_for_ever(house: Till) -> None:
    of = {"amount": 1, "currency": "eur", "status": "succeeded", "metadata": {}}
    about = [{**of, "id": f"re_{number}", "payment_intent": f"pi_{number}"} for number in range(4)]
    refunds = [{"id": f"evt_{each['id']}", "type": "refund.created", "data": {"object": each}} for each in about]
    await house.sql("DELETE FROM unowned")
    pool = await asyncpg.create_pool(house.bus.infra.dsn("payment"), min_size=1, max_size=1)
    try:
        for each in (*refunds, refunds[2]):
            await unowned.keep(pool, [each], most=2)
        assert await house.sql("SELECT payment FROM unowned ORDER BY payment") == [("pi_2",), ("pi_3",)]
        assert await unowned.owned(pool) == []
        await house.sql("UPDATE unowned SET found_at = found_at - interval '9 days' WHERE payment = 'pi_2'")
        await pool.execute(unowned.PRUNE)
        assert await house.sql("SELECT payment FROM unowned") == [("pi_3",)]
    finally:
        await pool.close()
