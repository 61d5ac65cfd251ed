"""The notifier is killed under load, and Kafka's events come twice: everything arrives, and without a fault nothing twice."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import asyncpg
import pytest
import standardwebhooks
from bus import Bus, until
from hooks import SECRET, Hooks, delivery_of, hooks_of
from receiving import hanging, waiting_for

from chassis.failpoints import EXIT_CODE

EVENTS = 150


@pytest.fixture
async def hooks(whole_bus: Bus) -> AsyncIterator[Hooks]:
    """With a database of its own: what a killed notifier had claimed is nobody else's."""
    async with hooks_of(whole_bus) as hooks:
        yield hooks


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
    about = await hooks.there("/one")
    async with hooks.notifying(HOLDFAST_FAILPOINT=point) as first:
        events = await hooks.happen(EVENTS)
        assert await first.ended() == EXIT_CODE
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


async def test_what_a_slow_claim_has_just_taken_is_given_back_too(hooks: Hooks) -> None:
    """Stopped in the pause that a sender makes after a claim for which it had to wait."""
    await hooks.there("/one")
    async with hooks.notifying(HOLDFAST_FAILPOINT="claimed") as first:
        await hooks.happen(10)
        assert await first.ended() == EXIT_CODE
    due = "UPDATE deliveries SET claimed_until = NULL, due_at = clock_timestamp() + make_interval(hours => $1)"
    await hooks.sql(due, 1)
    hooks.receiver.answers["/one"] = hanging()
    wait = "SELECT FROM pg_stat_activity WHERE wait_event = 'relation' AND query LIKE '%MATERIALIZED%' AND datname = $1"
    claimed = "SELECT count(*) FROM deliveries WHERE claimed_until IS NOT NULL"
    connection = await asyncpg.connect(hooks.bus.infra.dsn(hooks.database))
    async with hooks.notifying():
        async with connection.transaction():
            await connection.execute("LOCK TABLE deliveries IN EXCLUSIVE MODE")
            await connection.execute(due, -1)
            await until(lambda: hooks.sql(wait, hooks.database))
            await connection.execute("SELECT pg_sleep(0.7)")  # the slower the claim, the longer the pause
        await until(lambda: connection.fetchval(claimed))
    assert await connection.fetchval(claimed) == 0
    await connection.close()


async def test_what_a_killed_sender_had_in_hand_is_soon_sent_by_one_that_lives(hooks: Hooks) -> None:
    """Nobody waits for the end of its claims, which is 35 s away; what the one that lives has in hand itself is left alone."""
    async with hooks.notifying() as first:
        about = await hooks.subscribe("/one")
        hooks.receiver.answers["/one"] = hanging()
        await hooks.happen(3)
        await hooks.arrive("/one", 3)
        async with hooks.notifying():
            hooks.receiver.answers["/two"] = hanging()
            await hooks.subscribe("/two")
            first.kill()
            await first.ended()
            del hooks.receiver.answers["/one"]
            assert await hooks.ended(about, 3, within=10) == {"delivered": 3}
    assert set(Counter(each.id for each in hooks.receiver.at("/one")).values()) == {2}


async def test_who_lost_its_session_is_no_stranger_when_it_is_back(hooks: Hooks) -> None:
    """The database cuts all sessions: each sender is there again, and what it has under way is not sent by another one."""
    async with hooks.notifying(), hooks.notifying():
        about = await hooks.subscribe("/one")
        gate = asyncio.Event()
        hooks.receiver.answers["/one"] = waiting_for(gate)
        await hooks.happen(3)
        await hooks.arrive("/one", 3)
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        await hooks.sql(cut)
        held = (
            "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database AND datname = current_database()"
        )

        async def both_are_back() -> bool:
            return await hooks.sql(f"{held} WHERE locktype = 'advisory'") == [(2,)]

        await until(both_are_back)
        gate.set()
        assert await hooks.ended(about, 3) == {"delivered": 3}
    assert await hooks.sql("SELECT count(*) FROM senders") == [(0,)]
    assert set(Counter(each.id for each in hooks.receiver.at("/one")).values()) == {1}
