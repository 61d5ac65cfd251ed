"""The notifier is killed under load, and Kafka's events come twice: everything arrives, and without a fault nothing twice."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest
import standardwebhooks
from bus import Bus
from hooks import SECRET, Hooks, delivery_of, hooks_of
from receiving import hanging

from chassis.failpoints import EXIT_CODE

EVENTS = 150


@pytest.fixture
async def hooks(whole_bus: Bus) -> AsyncIterator[Hooks]:
    """With a database of its own: what a killed notifier had claimed is nobody else's."""
    async with hooks_of(whole_bus) as hooks:
        yield hooks


async def claims_end(hooks: Hooks) -> None:
    """As if the time of those who died were over."""
    await hooks.sql("UPDATE deliveries SET claimed_until = NULL WHERE status = 'waiting' RETURNING 1")


async def test_without_a_fault_everything_arrives_once(hooks: Hooks) -> None:
    async with hooks.notifying():
        mine = [await hooks.subscribe(path) for path in ("/one", "/two")]
        events = await hooks.happen(EVENTS)
        for about in mine:
            assert await hooks.ended(about, EVENTS) == {"delivered": EVENTS}
    for about, path in zip(mine, ("/one", "/two"), strict=True):
        arrived = Counter(each.id for each in hooks.receiver.at(path))
        assert arrived == Counter(delivery_of(about, event) for event in events)
    judge = standardwebhooks.Webhook(SECRET)
    assert all(judge.verify(each.body, each.headers) for each in hooks.receiver.arrived)


@pytest.mark.parametrize("point", ["deciding:2", "claimed:2", "called:20", "closed:2"])
async def test_nothing_is_lost_when_the_notifier_dies(hooks: Hooks, point: str) -> None:
    async with hooks.notifying():
        about = await hooks.subscribe("/one")
    async with hooks.notifying(HOLDFAST_FAILPOINT=point) as first:
        events = await hooks.happen(EVENTS)
        assert await first.ended() == EXIT_CODE
    await claims_end(hooks)
    async with hooks.notifying():
        assert await hooks.ended(about, EVENTS) == {"delivered": EVENTS}
    assert {each.id for each in hooks.receiver.at("/one")} == {delivery_of(about, event) for event in events}


async def test_nothing_is_lost_by_sigkill_under_load(hooks: Hooks) -> None:
    async with hooks.notifying() as first:
        about = await hooks.subscribe("/one")
        events = await hooks.happen(EVENTS)
        await hooks.arrive("/one", 10)
        first.kill()
        await first.ended()
    await claims_end(hooks)
    async with hooks.notifying():
        assert await hooks.ended(about, EVENTS) == {"delivered": EVENTS}
    assert {each.id for each in hooks.receiver.at("/one")} == {delivery_of(about, event) for event in events}


async def test_a_stopped_notifier_gives_back_what_it_has(hooks: Hooks) -> None:
    async with hooks.notifying():
        about = await hooks.subscribe("/one")
        await hooks.happen(EVENTS)
        await hooks.arrive("/one", 10)
    claimed = await hooks.sql("SELECT count(*) FROM deliveries WHERE status = 'waiting' AND claimed_until IS NOT NULL")
    assert claimed == [(0,)]
    async with hooks.notifying():
        assert await hooks.ended(about, EVENTS) == {"delivered": EVENTS}
    arrived = Counter(each.id for each in hooks.receiver.at("/one"))
    assert set(arrived.values()) == {1}


async def test_an_instance_that_comes_back_does_not_wait_for_the_end_of_its_own_claims(hooks: Hooks) -> None:
    named = {"HOLDFAST_INSTANCE": f"notifier-{hooks.database}"}
    async with hooks.notifying(**named) as first:
        about = await hooks.subscribe("/one")
        hooks.receiver.answers["/one"] = hanging()
        await hooks.happen(3)
        await hooks.arrive("/one", 3)
        first.kill()
        await first.ended()
    del hooks.receiver.answers["/one"]
    async with hooks.notifying(**named):
        assert await hooks.ended(about, 3, within=15) == {"delivered": 3}
    assert set(Counter(each.id for each in hooks.receiver.at("/one")).values()) == {2}
