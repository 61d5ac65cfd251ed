"""The payment worker is killed between any two steps of a call to the provider: no second charge, and none is lost."""

import asyncio
from collections.abc import AsyncIterator

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

# Each death takes a process; what closes a page moves no money.
KINDS = ["open", "refund", pytest.param("close", marks=pytest.mark.chaos)]
# Longer than all that die one after the other need: nobody takes up a call of one who died before.
LONG = "60"


@pytest.fixture(scope="module")
async def house(whole_bus: Bus, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Till]:
    async with till(whole_bus, tmp_path_factory.mktemp("sandbox")) as made:
        yield made


async def ready(house: Till, log: Log, kind: str) -> tuple[CreateCheckout, Message]:
    """A booking for which such a call is next, and what asks for it. A worker must run, unless it is to be opened."""
    asked = house.create()
    if kind == "open":
        return asked, asked
    if kind == "close":
        await house.open(log, asked)
        return asked, CancelCheckout(booking_id=asked.booking_id)
    paid = await house.paid(log, asked)
    return asked, RefundPayment(booking_id=asked.booking_id, payment=paid["payment"], amount=2500)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_has_one_effect_and_is_told_once_wherever_payment_dies(house: Till, kind: str) -> None:
    """At each step of a call, and while the answer is on its way: one booking and one death each, then one worker does the rest."""
    name, objects = CALLS[kind]
    ways = [*CALL_POINTS, "killed"]
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        await house.nothing_is_open()
        async with house.inside():
            wanted = {way: await ready(house, log, kind) for way in ways}
            await house.settled()
        for way, (asked, command) in wanted.items():
            await house.no_timer_is_open()
            if way == "killed":
                await _killed(house, kind, asked, command)
                continue
            async with house.paying(HOLDFAST_FAILPOINT=f"{way}:1", PROVIDER_SECONDS=LONG) as first:
                await house.bus.tell(command, reply_to=None)
                assert await first.ended() == EXIT_CODE, way
        await house.claims_end()
        async with house.inside():
            for asked, _ in wanted.values():
                await event(log, name, asked.booking_id)
            await house.settled()
        await log.read(200)
    for way, (asked, _) in wanted.items():
        assert count(log, name, asked.booking_id) == 1, way
        assert len(await house.of(objects, asked.booking_id)) == 1, way
        assert len(await house.charges(asked.booking_id)) == (kind == "refund"), way


async def _killed(house: Till, kind: str, asked: CreateCheckout, command: Message) -> None:
    await house.stripe.fault("timeout_after_effect", seconds=2)
    async with house.paying(PROVIDER_SECONDS=LONG) as first:
        await house.bus.tell(command, reply_to=None)
        await until(house.stripe.struck)  # it has begun, and its effect comes before the answer that never does
        await asyncio.wait_for(_effect(house, kind, asked.booking_id), 20)
        first.kill()
        await first.ended()


async def _effect(house: Till, kind: str, booking_id: str) -> None:
    """Return when the provider has done it."""

    async def done() -> bool:
        found = await house.of(CALLS[kind][1], booking_id)
        return bool(found) and (kind != "close" or found[0]["status"] == "expired")

    await until(done)
