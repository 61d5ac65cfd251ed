"""Webhooks as a subscriber gets them: signed, once, in the bytes that were promised."""

from collections.abc import AsyncIterator

import pytest
import standardwebhooks
from bus import Bus
from hooks import SECRET, Hooks, delivery_of, hooks_of

from contracts.examples import BOOKING


@pytest.fixture(scope="module")
async def world(whole_bus: Bus) -> AsyncIterator[Hooks]:
    async with hooks_of(whole_bus) as hooks, hooks.notifying():
        yield hooks


@pytest.fixture
def hooks(world: Hooks) -> Hooks:
    """In an organisation of its own."""
    return Hooks(world.bus, world.receiver, world.database)


async def test_an_event_arrives_signed_once_at_each_subscription_that_asked_for_it(hooks: Hooks) -> None:
    first, second = await hooks.subscribe("/all", "*"), await hooks.subscribe("/created", "booking.created")
    await hooks.subscribe("/paid", "booking.paid")
    [event] = await hooks.happen()
    [arrived] = await hooks.arrive("/all", 1)
    [other] = await hooks.arrive("/created", 1)
    assert await hooks.ended(first, 1) == {"delivered": 1}
    assert await hooks.ended(second, 1) == {"delivered": 1}
    assert (arrived.id, other.id) == (delivery_of(first, event), delivery_of(second, event))
    assert standardwebhooks.Webhook(SECRET).verify(arrived.body, arrived.headers)
    assert arrived.event["data"]["status"] == BOOKING.status
    assert {key: arrived.event[key] for key in ("id", "type", "sequence", "previous")} == {
        "id": event,
        "type": "booking.created",
        "sequence": 1,
        "previous": {"status": "PENDING"},
    }
    assert arrived.body == other.body
    assert hooks.receiver.at("/paid") == []
