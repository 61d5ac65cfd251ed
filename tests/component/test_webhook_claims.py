"""A sender's statements, one after the other: who may claim what, and whose outcome counts."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg
import orjson
import pytest
from bus import Bus
from hooks import Hooks, hooks_of

from chassis import database
from services.notifier import deliveries, replaying, storage
from services.notifier.deliveries import Claimed, Outcome
from services.notifier.settling import Settler

_EVENTS = """
WITH e AS (
  INSERT INTO events (id, organisation_id, position, type, created_at, body)
  SELECT gen_random_uuid(), $1, n, 'booking.created', now() - make_interval(secs => 60 - n), '{}'
  FROM generate_series(1, $2::int) n
  RETURNING id, organisation_id, position)
INSERT INTO feeds SELECT organisation_id, max(position) FROM e GROUP BY 1
"""
_DELIVERIES = """
INSERT INTO deliveries (id, organisation_id, subscription_id, event_id, type)
SELECT gen_random_uuid(), organisation_id, $2, id, type FROM events WHERE organisation_id = $1
"""
_DELIVERY = "SELECT status, attempts, claimed_until IS NOT NULL, due_at > now(), tries FROM deliveries"


async def written(hooks: Hooks, book: storage.Book) -> int:
    """How many rows a batch of one part changes."""
    [write] = storage.save(book)
    places = (f"${number + 1}" for number in range(len(write.arrays)))
    return len(await hooks.sql(write.sql.format(*places), *write.arrays))


async def read(hooks: Hooks, about: str) -> storage.Book:
    """What a batch begins with that is about this subscription."""
    sql, arguments = storage.load((), [(hooks.organisation, about)])
    return storage.begin(await hooks.sql(sql, *arguments))


@dataclass
class Sending:
    """A sender without its loops."""

    hooks: Hooks
    pool: asyncpg.Pool
    about: str = ""
    room: int = 10
    settler: Settler = field(init=False)

    def __post_init__(self) -> None:
        nobody: Any = None
        self.settler = Settler(self.pool, nobody, timedelta(days=5))

    async def claim(self) -> list[Claimed]:
        rows = await self.pool.fetch(deliveries.CLAIM, [], [], self.room, 256, 35.0, "somebody")
        return [deliveries.claimed(row) for row in rows]

    async def settle(self, *outcomes: Outcome) -> None:
        for each in outcomes:
            self.settler.add(each)
        await self.settler.flush()

    async def delivery(self) -> Any:
        [row] = await self.hooks.sql(_DELIVERY)
        return row

    async def failing_since(self) -> Any:
        [(since,)] = await self.hooks.sql("SELECT failing_since FROM subscriptions WHERE id = $1", self.about)
        return since


@pytest.fixture
async def sending(whole_bus: Bus) -> AsyncIterator[Sending]:
    """With one delivery that is due."""
    async with hooks_of(whole_bus) as hooks:
        pool = await database.connect(whole_bus.infra.dsn(hooks.database), 2, "sending")
        mine = Sending(hooks, pool, await hooks.there("/", "*"))
        await hooks.sql(_EVENTS, hooks.organisation, 1)
        await hooks.sql(_DELIVERIES, hooks.organisation, mine.about)
        yield mine
        await pool.close()


async def test_what_is_claimed_is_nobody_else_s_until_the_claim_ends(sending: Sending) -> None:
    [first] = await sending.claim()
    assert await sending.claim() == []
    await sending.hooks.sql("UPDATE deliveries SET claimed_until = now() - interval '1 second'")
    [second] = await sending.claim()
    assert (second.id, second.number) == (first.id, first.number + 1)


async def test_who_was_thought_dead_and_comes_back_decides_nothing(sending: Sending) -> None:
    [first] = await sending.claim()
    await sending.hooks.sql("UPDATE deliveries SET claimed_until = now() - interval '1 second'")
    [second] = await sending.claim()
    await sending.settle(Outcome(first, False, None, "{}"))
    assert await sending.delivery() == ("waiting", 2, True, False, [])
    await sending.settle(Outcome(second, True, None, "{}"))
    assert (await sending.delivery())[0] == "delivered"
    await sending.settle(Outcome(second, False, None, "{}"))
    assert (await sending.delivery())[0] == "delivered"


async def test_what_is_given_back_was_no_attempt_and_no_failure(sending: Sending) -> None:
    [first] = await sending.claim()
    await sending.settle(Outcome(first, False, given_back=True))
    assert await sending.delivery() == ("waiting", 0, False, False, [])
    assert await sending.failing_since() is None
    assert [each.number for each in await sending.claim()] == [first.number]


async def test_a_receiver_fails_since_its_first_failure_until_it_takes_something(sending: Sending) -> None:
    seen = []
    for good in False, False, True:
        [claimed] = await sending.claim()
        await sending.settle(Outcome(claimed, good, None if good else 0.0, "{}"))
        seen.append(await sending.failing_since())
    assert seen[0] is not None
    assert seen[1:] == [seen[0], None]


async def test_what_is_retried_has_its_whole_schedule_again_and_what_comes_of_the_former_try_does_not_count(
    sending: Sending,
) -> None:
    [first] = await sending.claim()
    await sending.settle(Outcome(first, False, None, "{}"))
    retry = storage.Book()
    retry.again[sending.hooks.organisation, first.id] = None
    assert await written(sending.hooks, retry) == 1
    [second] = await sending.claim()
    assert (second.number, second.began) == (2, 1)
    assert await written(sending.hooks, retry) == 1  # while a sender has it
    await sending.settle(Outcome(second, True, None, "{}"))
    assert (await sending.delivery())[0] == "waiting"
    [third] = await sending.claim()
    assert (third.number, third.began) == (4, 3)


async def test_a_delivery_of_a_deleted_subscription_is_as_one_that_never_was(sending: Sending) -> None:
    [claimed] = await sending.claim()
    key = (sending.hooks.organisation, claimed.id)
    sql, arguments = storage.load((), deliveries=[key, ("another", claimed.id)])
    assert list(storage.begin(await sending.hooks.sql(sql, *arguments)).known) == [key]
    await sending.hooks.sql("UPDATE subscriptions SET enabled = false, deleted = true")
    assert storage.begin(await sending.hooks.sql(sql, *arguments)).known == {}


async def test_outcomes_that_the_database_does_not_take_are_written_when_it_does(sending: Sending) -> None:
    [claimed] = await sending.claim()
    connection = await asyncpg.connect(sending.hooks.bus.infra.dsn(sending.hooks.database))
    async with connection.transaction():
        await connection.execute("LOCK TABLE deliveries")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await sending.settle(Outcome(claimed, True, None, "{}"))
    await connection.close()
    assert (await sending.delivery())[0] == "waiting"
    await sending.settle()
    assert (await sending.delivery())[0] == "delivered"


async def test_the_log_has_the_last_twenty_attempts(sending: Sending) -> None:
    for _ in range(23):
        [claimed] = await sending.claim()
        await sending.settle(Outcome(claimed, False, 0.0, orjson.dumps(claimed.number).decode()))
    assert (await sending.delivery())[4] == [str(number) for number in range(4, 24)]


async def test_what_waits_for_a_subscription_that_is_switched_off_is_claimed_when_it_is_on_again(
    sending: Sending,
) -> None:
    await sending.hooks.sql("UPDATE subscriptions SET enabled = false")
    assert await sending.claim() == []
    await sending.hooks.sql("UPDATE subscriptions SET enabled = true")
    assert len(await sending.claim()) == 1


async def test_of_each_receiver_there_is_claimed_what_it_has_room_for(sending: Sending) -> None:
    sending.room = 2
    for _ in range(3):
        await sending.hooks.sql(_DELIVERIES, sending.hooks.organisation, sending.about)
    assert [len(await sending.claim()) for _ in range(3)] == [2, 2, 0]


async def replay(sending: Sending) -> None:
    """Of four events, the last of which happens when the period ends."""
    hooks = sending.hooks
    await hooks.sql("TRUNCATE events, deliveries, feeds")
    await hooks.sql(_EVENTS, hooks.organisation, 4)
    ask = """
    INSERT INTO replays (id, organisation_id, subscription_id, from_at, to_at)
    SELECT gen_random_uuid(), $1, $2, min(created_at), max(created_at) FROM events
    """
    await hooks.sql(ask, hooks.organisation, sending.about)


async def test_a_replay_ends_before_its_end_and_changes_nothing_of_what_somebody_has(sending: Sending) -> None:
    await replay(sending)
    assert await replaying.replay_on(sending.pool)
    assert [each.number for each in await sending.claim()] == [1, 1, 1]
    await sending.hooks.sql("UPDATE replays SET ended_at = NULL, reached = 0")
    assert await replaying.replay_on(sending.pool)
    assert await sending.claim() == []
    assert await sending.hooks.sql("SELECT attempts, began FROM deliveries") == [(1, 0)] * 3


async def test_a_replay_brings_what_the_subscription_asks_for_and_nothing_else(sending: Sending) -> None:
    await replay(sending)
    await sending.hooks.sql("UPDATE events SET type = 'booking.paid' WHERE position = 2")
    await sending.hooks.sql("UPDATE subscriptions SET events = 'booking.paid payment.failed'")
    assert await replaying.replay_on(sending.pool)
    assert [each.type for each in await sending.claim()] == ["booking.paid"]


async def test_a_page_of_a_replay_that_two_workers_have_read_counts_once(sending: Sending) -> None:
    await replay(sending)
    there = await sending.pool.fetchrow(deliveries.REPLAY)
    [first, second, *_] = await sending.hooks.sql("SELECT id, created_at FROM events")
    for event, at in first, second:
        page = [[event], [event], ["booking.created"], [at]]
        await sending.pool.execute(deliveries.REPLAY_ON, there["id"], 4, False, there["reached"], *page)
    assert await sending.hooks.sql("SELECT event_id FROM deliveries") == [(first[0],)]


async def test_of_two_batches_that_read_the_same_subscription_one_is_decided_again(sending: Sending) -> None:
    hooks, key = sending.hooks, (sending.hooks.organisation, sending.about)
    books = [await read(hooks, sending.about) for _ in range(2)]
    for book, url in zip(books, ("https://a.example/", "https://b.example/"), strict=True):
        state = book.states[key]
        book.put(key, state.model_copy(update={"subscription": state.subscription.model_copy(update={"url": url})}))
    assert [await written(hooks, book) for book in books] == [1, 0]
    assert (await read(hooks, sending.about)).states[key].subscription.url == "https://a.example/"
