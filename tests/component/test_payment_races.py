"""A customer pays while the page is being closed, or ends by itself: paid or expired, never both, never neither."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bus import Bus, Log, until
from tills import Till, at, count, event, till

from contracts import topics
from contracts.payment import CancelCheckout, CreateCheckout

RACES = 40


@pytest.fixture(scope="module")
async def house(whole_bus: Bus, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Till]:
    """No webhook is told: the reconciler alone hears of what the customer did."""
    folder = tmp_path_factory.mktemp("sandbox")
    async with till(whole_bus, folder) as made, made.paying(EVENTS_SECONDS="0.3"):
        yield made


async def opened(house: Till, log: Log, number: int, **changes: Any) -> list[CreateCheckout]:
    """So many pages, all asked for at once."""
    asked = [house.create(**changes) for _ in range(number)]
    for each in asked:
        await house.bus.tell(each, reply_to=None)
    for each in asked:
        await event(log, "CheckoutOpened", each.booking_id)
    return asked


async def settled(house: Till, log: Log, races: list[CreateCheckout]) -> dict[str, int]:
    """How the races ended, each in one way, and as the provider has it."""
    ends = ("PaymentSucceeded", "CheckoutExpired")

    async def all_told() -> bool:
        await log.read(50)
        return all(any(count(log, name, asked.booking_id) for name in ends) for asked in races)

    await until(all_told, 60)
    await house.settled()
    await log.read(500)
    sums = dict.fromkeys(ends, 0)
    for asked in races:
        told = {name: count(log, name, asked.booking_id) for name in ends}
        [session] = await house.of("checkout_sessions", asked.booking_id)
        paid = session["status"] == "complete"
        assert told == {"PaymentSucceeded": int(paid), "CheckoutExpired": int(not paid)}
        assert len(await house.charges(asked.booking_id)) == int(paid)
        sums["PaymentSucceeded" if paid else "CheckoutExpired"] += 1
    bookings = [asked.booking_id for asked in races]
    assert (
        await house.sql("SELECT 1 FROM entries WHERE kind <> 'captured' AND booking_id = ANY($1::uuid[])", bookings)
        == []
    )
    return sums


async def test_a_payment_and_a_cancel_end_as_the_provider_decides(house: Till) -> None:
    chance = random.Random(20)
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        races = await opened(house, log, RACES)

        async def race(asked: CreateCheckout) -> None:
            async def pay() -> None:
                await at(datetime.now(UTC) + timedelta(seconds=chance.uniform(0, 0.1)))
                await house.pay(asked.booking_id)

            async def cancel() -> None:
                await at(datetime.now(UTC) + timedelta(seconds=chance.uniform(0, 0.1)))
                await house.bus.tell(CancelCheckout(booking_id=asked.booking_id), reply_to=None)

            await asyncio.gather(pay(), cancel())

        for asked in races:
            await race(asked)
        ended = await settled(house, log, races)
    assert all(ended.values()), "the races are no races"


@pytest.mark.parametrize("late", [-1.0, -0.1, 0.0, 0.1, 1.0])
async def test_a_payment_and_the_end_of_its_session_end_as_the_provider_decides(house: Till, late: float) -> None:
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        ends = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=4)
        races = await opened(house, log, 4, expires_at=ends)
        await at(ends + timedelta(seconds=late))
        for asked in races:
            session = (await house.of("checkout_sessions", asked.booking_id))[0]
            await house.stripe.post(session["id"])
        ended = await settled(house, log, races)
    assert late > -0.5 or ended["PaymentSucceeded"] == len(races)
    assert late < 0.5 or ended["CheckoutExpired"] == len(races)
