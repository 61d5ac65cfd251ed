"""What one subscriber does to others, and an old event to new ones: nothing."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from bus import Bus, until
from hooks import Hooks, hooks_of
from receiving import hanging, status

from contracts import topics
from contracts.notifier import DeleteSubscription, ReplayEvents
from services.notifier import deliveries, replaying

HOGS = 12


@pytest.fixture
async def hooks(whole_bus: Bus) -> AsyncIterator[Hooks]:
    async with hooks_of(whole_bus) as hooks:
        yield hooks


async def pruned(hooks: Hooks) -> None:
    for statement in deliveries.prunes(timedelta(days=8)):
        await hooks.sql(statement)


async def days_pass(hooks: Hooks, days: float) -> None:
    for table, columns in ("deliveries", ("created_at", "due_at")), ("events", ("stored_at",)):
        for column in columns:
            await hooks.sql(
                f"UPDATE {table} SET {column} = {column} - make_interval(secs => $1) RETURNING 1", days * 86400
            )
    await pruned(hooks)


async def test_what_was_replayed_at_the_last_moment_keeps_nothing_new_from_being_delivered(hooks: Hooks) -> None:
    """Its events are deleted while the receiver is down: what happens afterwards is delivered all the same."""
    old = 30
    async with hooks.notifying():
        about = await hooks.subscribe("/replayed")
        await hooks.happen(old)
        assert await hooks.ended(about, old) == {"delivered": old}
    await days_pass(hooks, 8.5)
    hooks.receiver.answers["/replayed"] = status(500)
    async with hooks.notifying(HOLDFAST_NOTIFIER_RETRY_SECONDS="[600, 600]"):
        async with hooks.bus.listening(topics.CLIENTS_REPLIES.name) as log:
            now = datetime.now(UTC)
            period = ReplayEvents(subscription_id=about, from_=now - timedelta(days=9), to=now + timedelta(days=1))
            await hooks.asked(log, period, "ReplayAnswer")

        async def replayed() -> bool:
            return await hooks.sql("SELECT count(*) FROM replays WHERE ended_at IS NULL") == [(0,)]

        await until(replayed)
    await days_pass(hooks, 1)
    del hooks.receiver.answers["/replayed"]
    before = len(hooks.receiver.at("/replayed"))
    async with hooks.notifying():
        [event] = await hooks.happen()
        arrived = await hooks.arrive("/replayed", before + 1, within=10)
    assert arrived[-1].event["id"] == event
    assert await hooks.sql("SELECT 1 FROM deliveries WHERE status = 'waiting'") == []


async def test_receivers_that_were_quick_and_hang_all_at_once_delay_nobody_else(hooks: Hooks) -> None:
    """They have proved themselves, so much is in hand for each: it is let go when no answer comes. Sixteen to each of them would be
    more than there is room for."""
    other = Hooks(hooks.bus, hooks.receiver, hooks.database)
    async with hooks.notifying(HOLDFAST_NOTIFIER_MOST_IN_HAND="128"):
        mine = [await hooks.subscribe(f"/hog-{n}") for n in range(HOGS)]
        theirs = await other.subscribe("/neighbour")
        await hooks.happen(40)
        for about in mine:
            await hooks.ended(about, 40)
        hooks.receiver.answers |= {f"/hog-{n}": hanging() for n in range(HOGS)}
        await hooks.happen(60)
        for n in range(HOGS):
            await hooks.arrive(f"/hog-{n}", 41)
        await other.happen(20)
        await other.arrive("/neighbour", 20, within=8)
        assert await other.ended(theirs, 20) == {"delivered": 20}


async def test_a_replay_begins_where_its_period_does_however_long_the_feed_is(hooks: Hooks) -> None:
    """A page for the period, and none for the thousands of events before it."""
    store = """
    INSERT INTO events (id, organisation_id, position, type, created_at, stored_at, body)
    SELECT gen_random_uuid(), $1, n, 'booking.created', now() - make_interval(secs => 5000 - n), now() - make_interval(secs => 5000 - n),
      '{}' FROM generate_series(201, 5000) n WHERE n NOT BETWEEN 3000 AND 3100
    RETURNING 1
    """
    await hooks.sql(store, hooks.organisation)
    await hooks.sql("INSERT INTO feeds VALUES ($1, 5000) RETURNING 1", hooks.organisation)
    about = await hooks.there("/", "*")
    [(start, end)] = await hooks.sql("SELECT now() - interval '100 seconds', now() - interval '50 seconds'")
    ask = """
    INSERT INTO replays (id, organisation_id, subscription_id, from_at, to_at) VALUES (gen_random_uuid(), $1, $2, $3, $4) RETURNING 1
    """
    await hooks.sql(ask, hooks.organisation, about, start, end)
    async with asyncpg.create_pool(hooks.bus.infra.dsn(hooks.database), min_size=1, max_size=1) as pool:
        pages = 0
        while await replaying.replay_on(pool):
            pages += 1
        for moment in (start - timedelta(days=9), start, end, end + timedelta(days=1)):
            low = await pool.fetchval(deliveries.REPLAY_FROM, hooks.organisation, moment)
            asked = "SELECT coalesce(max(position), 200) FROM events WHERE organisation_id = $1 AND stored_at < $2"
            assert low == await pool.fetchval(asked, hooks.organisation, moment)
    assert pages == 1
    made = (
        "SELECT e.created_at >= $2 AND e.created_at < $3, count(*) FROM deliveries d JOIN events e ON e.id = d.event_id"
    )
    assert await hooks.sql(f"{made} WHERE d.subscription_id = $1 GROUP BY 1", about, start, end) == [(True, 50)]


async def test_many_replays_of_one_organisation_keep_no_other_waiting(hooks: Hooks) -> None:
    other = Hooks(hooks.bus, hooks.receiver, hooks.database)
    ask = """
    INSERT INTO replays (id, organisation_id, subscription_id, from_at, to_at, created_at)
    SELECT gen_random_uuid(), $1, gen_random_uuid(), now(), now(), now() - make_interval(secs => $3) FROM generate_series(1, $2)
    RETURNING 1
    """
    await hooks.sql(ask, hooks.organisation, 200, 60)
    await hooks.sql(ask, other.organisation, 1, 0)
    async with asyncpg.create_pool(hooks.bus.infra.dsn(hooks.database), min_size=1, max_size=1) as pool:
        for _ in range(60):
            assert await replaying.replay_on(pool)
    over = "SELECT count(*) FROM replays WHERE organisation_id = $1 AND ended_at IS NOT NULL"
    assert await hooks.sql(over, other.organisation) == [(1,)]


async def test_what_waited_for_a_deleted_subscription_is_soon_forgotten(hooks: Hooks) -> None:
    hooks.receiver.answers |= {"/deleted": status(500), "/kept": status(500)}
    async with hooks.notifying(HOLDFAST_NOTIFIER_RETRY_SECONDS="[600]"):
        gone, kept = await hooks.subscribe("/deleted"), await hooks.subscribe("/kept")
        await hooks.happen(3)
        await hooks.arrive("/deleted", 3)
        await hooks.arrive("/kept", 3)
        async with hooks.bus.listening(topics.CLIENTS_REPLIES.name) as log:
            await hooks.asked(log, DeleteSubscription(subscription_id=gone), "SubscriptionDeletedAnswer")
    await pruned(hooks)
    left = await hooks.sql("SELECT subscription_id::text, count(*) FROM deliveries WHERE status = 'waiting' GROUP BY 1")
    assert left == [(kept, 3)]
