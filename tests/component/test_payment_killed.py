"""The payment worker is killed between any two steps of a call to the provider: no second charge, and none is lost."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from bus import Bus, Log, until
from tills import Till, count, event, till

from chassis.failpoints import CALL_POINTS, EXIT_CODE
from contracts import topics
from contracts.model import Message
from contracts.payment import CancelCheckout, CreateCheckout, RefundPayment

# What is asked for, what is told in the end, and what the provider then has of it.
CALLS = {
    "open": ("CheckoutOpened", "checkout_sessions"),
    "close": ("CheckoutExpired", "checkout_sessions"),
    "refund": ("PaymentRefunded", "refunds"),
}

# Each starts two or three workers; what closes a page moves no money.
KINDS = ["open", "refund", pytest.param("close", marks=pytest.mark.chaos)]


@pytest.fixture(scope="module")
async def house(whole_bus: Bus, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Till]:
    async with till(whole_bus, tmp_path_factory.mktemp("sandbox")) as made:
        yield made


async def ready(house: Till, log: Log, kind: str) -> tuple[CreateCheckout, Callable[[], Message]]:
    """A booking for which such a call is next, and what asks for it."""
    asked = house.create()
    if kind == "open":
        return asked, lambda: asked
    async with house.paying():
        if kind == "close":
            await house.open(log, asked)
            return asked, lambda: CancelCheckout(booking_id=asked.booking_id)
        paid = await house.paid(log, asked)
        await house.settled()
    return asked, lambda: RefundPayment(booking_id=asked.booking_id, payment=paid["payment"], amount=2500)


@pytest.mark.parametrize("point", CALL_POINTS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_has_one_effect_and_is_told_once_when_payment_dies(house: Till, kind: str, point: str) -> None:
    name, objects = CALLS[kind]
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        asked, command = await ready(house, log, kind)
        await house.nothing_is_open()
        async with house.paying(HOLDFAST_FAILPOINT=f"{point}:1") as first:
            await house.bus.tell(command(), reply_to=None)
            assert await first.ended() == EXIT_CODE
        await house.claims_end()
        async with house.paying():
            await event(log, name, asked.booking_id)
            await house.settled()
        await log.read(200)
    assert count(log, name, asked.booking_id) == 1
    assert len(await house.of(objects, asked.booking_id)) == 1
    assert len(await house.charges(asked.booking_id)) == (kind == "refund")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_has_one_effect_when_payment_is_killed_while_the_answer_is_on_its_way(
    house: Till, kind: str
) -> None:
    name, objects = CALLS[kind]
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        asked, command = await ready(house, log, kind)
        await house.stripe.fault("timeout_after_effect", seconds=2)
        async with house.paying() as first:
            await house.bus.tell(command(), reply_to=None)
            await until(house.stripe.struck)  # it has begun, and its effect comes before the answer that never does
            await asyncio.wait_for(_effect(house, kind, asked.booking_id), 20)
            first.kill()
            await first.ended()
        await house.claims_end()
        async with house.paying():
            await event(log, name, asked.booking_id)
            await house.settled()
        await log.read(200)
    assert count(log, name, asked.booking_id) == 1
    assert len(await house.of(objects, asked.booking_id)) == 1


async def _effect(house: Till, kind: str, booking_id: str) -> None:
    """Return when the provider has done it."""

    async def done() -> bool:
        found = await house.of(CALLS[kind][1], booking_id)
        return bool(found) and (kind != "close" or found[0]["status"] == "expired")

    await until(done)
