"""Receivers that misbehave (F21): the schedule is kept, nobody else waits, and who is gone is left alone."""

import asyncio
import itertools
import statistics

import orjson
from aiohttp import web
from bus import header, until
from hooks import Hooks, delivery_of
from receiving import hanging, status

from contracts import topics
from contracts.notifier import ChangeSubscription, RetryDelivery

BACKLOG = 400


async def test_a_failing_receiver_is_tried_by_the_schedule_under_one_id_and_given_up(hooks: Hooks) -> None:
    hooks.receiver.answers["/500"] = status(500)
    about = await hooks.subscribe("/500")
    [event] = await hooks.happen()
    assert await hooks.ended(about, 1) == {"exhausted": 1}
    arrived = hooks.receiver.at("/500")
    assert {each.id for each in arrived} == {delivery_of(about, event)}
    assert len({each.body for each in arrived}) == 1
    gaps = [later.at - sooner.at for sooner, later in itertools.pairwise(arrived)]
    assert len(gaps) == 3
    assert all(gap >= planned for gap, planned in zip(gaps, (0.2, 0.2, 0.4), strict=True))


async def test_a_receiver_that_mends_itself_gets_everything_once_it_answers(hooks: Hooks) -> None:
    hooks.receiver.answers["/mends"] = status(503)
    about = await hooks.subscribe("/mends")
    await hooks.happen(3)
    await hooks.arrive("/mends", 3)
    del hooks.receiver.answers["/mends"]
    assert await hooks.ended(about, 3) == {"delivered": 3}


async def test_retry_after_is_kept(hooks: Hooks) -> None:
    hooks.receiver.answers["/429"] = status(429, **{"Retry-After": "1"})
    about = await hooks.subscribe("/429")
    await hooks.happen()
    first, second, *_ = await hooks.arrive("/429", 2)
    assert second.at - first.at >= 1
    del hooks.receiver.answers["/429"]
    assert await hooks.ended(about, 1) == {"delivered": 1}


async def test_a_receiver_that_is_gone_is_told_nothing_more_and_somebody_hears_of_it(hooks: Hooks) -> None:
    hooks.receiver.answers["/410"] = status(410)
    about = await hooks.subscribe("/410")
    async with hooks.bus.listening(topics.NOTIFIER_EVENTS.name, topics.CLIENTS_REPLIES.name) as log:
        [first] = await hooks.happen()

        def disabled(records: list[object]) -> object:
            mine = [
                r for r in log.records if r.topic == topics.NOTIFIER_EVENTS.name and (r.key or b"").decode() == about
            ]
            return orjson.loads(mine[0].value or b"") if mine else None

        told = await log.until(disabled)
        assert (told["subscription"]["enabled"], told["subscription"]["disabledReason"]) == (False, "gone")  # type: ignore[index]
        assert await hooks.ended(about, 1) == {"exhausted": 1}
        await hooks.happen(2)
        later = await hooks.subscribe("/after-410")
        [last] = await hooks.happen()
        await hooks.ended(later, 1)
        assert len(hooks.receiver.at("/410")) == 1
        # Its owner mends it, enables it, and has the lost one delivered.
        del hooks.receiver.answers["/410"]
        await hooks.asked(log, ChangeSubscription(subscription_id=about, enabled=True), "SubscriptionAnswer")
        await hooks.asked(log, RetryDelivery(delivery_id=delivery_of(about, first)), "DeliveryAnswer")
        assert await hooks.ended(about, 1) == {"delivered": 1}
    assert last


async def test_a_redirect_is_a_failure_and_is_not_followed(hooks: Hooks) -> None:
    inward = hooks.receiver.url + "/inward"
    hooks.receiver.answers["/301"] = status(301, Location=inward)
    about = await hooks.subscribe("/301")
    await hooks.happen()
    assert await hooks.ended(about, 1) == {"exhausted": 1}
    assert hooks.receiver.at("/inward") == []


async def test_a_receiver_that_hangs_delays_nobody_else(hooks: Hooks) -> None:
    quick = await hooks.subscribe("/quick")

    async def waits(count: int, already: int) -> float:
        """The median from the event to its receipt, of events one after the other."""
        seconds = []
        for number in range(count):
            before = asyncio.get_running_loop().time()
            await hooks.happen()
            await hooks.arrive("/quick", already + number + 1)
            seconds.append(asyncio.get_running_loop().time() - before)
        return statistics.median(seconds)

    alone = await waits(20, 0)
    hooks.receiver.answers["/hangs"] = hanging()
    slow = await hooks.subscribe("/hangs")
    await hooks.happen(BACKLOG)
    await hooks.arrive("/quick", 20 + BACKLOG)
    beside = await waits(20, 20 + BACKLOG)
    assert beside <= 2 * alone + 0.1
    assert len(hooks.receiver.at("/hangs")) <= 16  # it hangs, so it gets no more
    waiting = await hooks.sql("SELECT count(*) FROM deliveries WHERE subscription_id = $1 AND ended_at IS NULL", slow)
    assert waiting == [(BACKLOG + 20,)]
    assert await hooks.ended(quick, 40 + BACKLOG) == {"delivered": 40 + BACKLOG}


async def test_an_endless_answer_and_one_that_ends_too_early_cost_their_own_delivery_only(hooks: Hooks) -> None:
    async def endless(request: web.Request, _body: bytes) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    async def cut(request: web.Request, _body: bytes) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    hooks.receiver.answers |= {"/endless": endless, "/cut": cut}
    one, other, fine = [await hooks.subscribe(path) for path in ("/endless", "/cut", "/fine")]
    await hooks.happen()
    assert await hooks.ended(fine, 1) == {"delivered": 1}
    assert await hooks.ended(one, 1) == {"delivered": 1}  # it said 200
    assert await hooks.ended(other, 1) == {"exhausted": 1}
    [(tries,)] = await hooks.sql("SELECT tries FROM deliveries WHERE subscription_id = $1", other)
    assert all(orjson.loads(each)["error"].startswith("closed") for each in tries)


async def test_days_of_nothing_but_failure_disable_the_subscription(hooks: Hooks) -> None:
    hooks.receiver.answers["/fails"] = status(500)
    about = await hooks.subscribe("/fails")
    async with hooks.bus.listening(topics.NOTIFIER_EVENTS.name) as log:
        await hooks.happen()
        await hooks.ended(about, 1)
        assert await hooks.sql("SELECT enabled FROM subscriptions WHERE id = $1", about) == [(True,)]
        await hooks.sql(
            "UPDATE subscriptions SET failing_since = failing_since - interval '5 days' WHERE id = $1 RETURNING 1",
            about,
        )
        await hooks.happen()

        async def off() -> bool:
            return await hooks.sql("SELECT enabled FROM subscriptions WHERE id = $1", about) == [(False,)]

        await until(off)
        told = await log.until(lambda records: [r for r in records if (r.key or b"").decode() == about])
        assert header(told[0], "ce_type") == "holdfast.SubscriptionDisabled.v1"
        assert orjson.loads(told[0].value or b"")["subscription"]["disabledReason"] == "failing"


async def test_a_receiver_that_has_moved_is_not_gone(hooks: Hooks) -> None:
    """The former URL answers 410 when the subscription has a new one already: the delivery goes there."""
    moved = asyncio.Event()

    async def gone(_request: web.Request, _body: bytes) -> web.StreamResponse:
        await moved.wait()
        return web.Response(status=410)

    hooks.receiver.answers["/old-place"] = gone
    about = await hooks.subscribe("/old-place")
    [event] = await hooks.happen()
    await hooks.arrive("/old-place", 1)
    async with hooks.bus.listening(topics.CLIENTS_REPLIES.name) as log:
        change = ChangeSubscription(subscription_id=about, url=hooks.receiver.url + "/new-place")
        await hooks.asked(log, change, "SubscriptionAnswer")
    moved.set()
    assert await hooks.ended(about, 1) == {"delivered": 1}
    assert [each.id for each in hooks.receiver.at("/new-place")] == [delivery_of(about, event)]


async def test_the_failures_of_a_former_url_are_not_those_of_the_new_one(hooks: Hooks) -> None:
    hooks.receiver.answers |= {"/failed": status(500), "/fails-once": status(500)}
    about = await hooks.subscribe("/failed")
    await hooks.happen()
    await hooks.ended(about, 1)
    await hooks.sql(
        "UPDATE subscriptions SET failing_since = now() - interval '6 days' WHERE id = $1 RETURNING 1", about
    )
    async with hooks.bus.listening(topics.CLIENTS_REPLIES.name) as log:
        change = ChangeSubscription(subscription_id=about, url=hooks.receiver.url + "/fails-once")
        await hooks.asked(log, change, "SubscriptionAnswer")
    await hooks.happen()

    async def both_failed() -> bool:
        tried = "SELECT count(*) FROM deliveries WHERE subscription_id = $1 AND cardinality(tries) > 0"
        return await hooks.sql(tried, about) == [(2,)]

    await until(both_failed)
    lasts = "SELECT enabled, failing_since > now() - interval '1 day' FROM subscriptions WHERE id = $1"
    assert await hooks.sql(lasts, about) == [(True, True)]


async def test_what_is_retried_counts_the_attempts_that_were_made(hooks: Hooks) -> None:
    about = await hooks.subscribe("/again")
    [event] = await hooks.happen()
    await hooks.ended(about, 1)
    async with hooks.bus.listening(topics.CLIENTS_REPLIES.name) as log:
        await hooks.asked(log, RetryDelivery(delivery_id=delivery_of(about, event)), "DeliveryAnswer")
    await hooks.arrive("/again", 2)
    assert await hooks.ended(about, 1) == {"delivered": 1}
    [(attempts, tries)] = await hooks.sql("SELECT attempts, tries FROM deliveries WHERE subscription_id = $1", about)
    assert (attempts, [orjson.loads(each)["number"] for each in tries]) == (2, [1, 2])
