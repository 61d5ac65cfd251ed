"""The delay relay as a process: whatever happens to it, what waits is forwarded, and never early."""

import signal

import pytest
from bus import PARTITIONS, Bus, until
from delays import TARGET, Waiting, committed, delay_topics, gated, over, relaying, times
from workers import worker

from chassis.failpoints import EXIT_CODE
from chassis.service import CANNOT_GO_ON


async def test_what_waits_is_forwarded_when_it_is_due_and_once(bus: Bus) -> None:
    waiting = Waiting(bus)
    async with delay_topics(bus) as (topic,), bus.listening(TARGET) as log, worker(bus, "relay"):
        ids = await waiting.put(topic, over(3, 300))
        came = await log.until(waiting.all_there)
        assert waiting.in_order(came)
        assert times(came) == dict.fromkeys(ids, 1)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
async def test_what_waits_is_forwarded_when_the_relay_is_stopped_in_the_middle(bus: Bus, how: signal.Signals) -> None:
    waiting = Waiting(bus)
    async with delay_topics(bus) as (topic,), bus.listening(TARGET) as log:
        async with worker(bus, "relay") as first:
            await waiting.put(topic, over(3, 300))
            await log.until(lambda records: len(waiting.forwarded(records)) >= 100)
            first.process.send_signal(how)
            assert await first.ended() == (0 if how == signal.SIGTERM else -how)
        assert waiting.all_there(await log.read()) is None, "nothing was left to forward"
        async with worker(bus, "relay"):
            assert waiting.in_order(await log.until(waiting.all_there))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
async def test_what_waits_is_forwarded_when_a_second_relay_joins_and_leaves(bus: Bus, how: signal.Signals) -> None:
    waiting = Waiting(bus)
    async with delay_topics(bus) as (topic,), bus.listening(TARGET) as log, worker(bus, "relay"):
        await waiting.put(topic, over(6, 600))
        await log.until(lambda records: len(waiting.forwarded(records)) >= 50)
        async with worker(bus, "relay") as second:
            await waiting.put(topic, over(3, 300))
            seen = len(waiting.forwarded(await log.read()))
            await log.until(lambda records: len(waiting.forwarded(records)) >= seen + 50)
            second.process.send_signal(how)
            await second.ended()
        assert waiting.all_there(await log.read()) is None, "nothing was left to forward"
        came = await log.until(waiting.all_there)
        assert waiting.in_order(came)


async def test_what_waits_is_forwarded_again_when_the_relay_dies_before_it_commits(bus: Bus) -> None:
    waiting = Waiting(bus)
    async with delay_topics(bus) as (topic,), bus.listening(TARGET) as log:
        async with worker(bus, "relay", HOLDFAST_FAILPOINT="forwarded:1") as first:
            await waiting.put(topic, over(1, 40))
            assert await first.ended() == EXIT_CODE
        lost_sight_of = times(await log.until(waiting.forwarded))
        assert await committed(bus, topic) == {}
        async with worker(bus, "relay"):
            came = times(await log.until(waiting.all_there))
            assert {each: came[each] for each in lost_sight_of} == dict.fromkeys(lost_sight_of, 2)


async def test_what_waits_is_not_lost_when_the_relay_dies_before_it_forwards(bus: Bus) -> None:
    waiting = Waiting(bus)
    async with delay_topics(bus) as (topic,), bus.listening(TARGET) as log:
        async with worker(bus, "relay", HOLDFAST_FAILPOINT="due:3") as first:
            ids = await waiting.put(topic, over(1, 40))
            assert await first.ended() == EXIT_CODE
        async with worker(bus, "relay"):
            assert set(times(await log.until(waiting.all_there))) == set(ids)


async def ends(bus: Bus, topic: str, at: int) -> bool:
    """Whether the group is here in every partition."""
    return await committed(bus, topic) == dict.fromkeys(range(PARTITIONS), at)


async def test_nothing_is_committed_before_it_is_acknowledged(bus: Bus) -> None:
    waiting = Waiting(bus)
    async with delay_topics(bus) as (topic,), bus.listening(TARGET) as log, relaying(bus) as relay:
        await waiting.put(topic, over(0, 8, later=0))
        await log.until(waiting.all_there)
        await until(lambda: ends(bus, topic, 2))  # 8 records on 4 partitions
        under_way, opened = gated(relay)
        await waiting.put(topic, over(0, 8, later=0))
        await under_way()
        await log.until(waiting.all_there)
        await relay.committed_again(2)
        assert await ends(bus, topic, 2)
        opened.set()
        await until(lambda: ends(bus, topic, 4))


async def test_nothing_is_committed_for_what_is_under_way_when_the_partitions_go_to_another(bus: Bus) -> None:
    """The first relay's acks come after a second has joined: what it then may not claim is forwarded by whoever has it."""
    waiting = Waiting(bus)
    async with delay_topics(bus) as (topic,), bus.listening(TARGET) as log, relaying(bus) as relay:
        under_way, opened = gated(relay)
        ids = await waiting.put(topic, over(0, 8, later=0))
        await under_way()
        async with worker(bus, "relay"):
            assert not await ends(bus, topic, 2)
            opened.set()
            await until(lambda: ends(bus, topic, 2))
        assert set(times(await log.until(waiting.all_there))) == set(ids)


async def test_a_delay_topic_that_is_new_is_read_by_a_relay_that_comes_back_under_its_name(bus: Bus) -> None:
    """Kafka gives a member that it knows by name its old partitions, whatever it asks for."""
    mine = {"HOLDFAST_INSTANCE": "relay-back", "HOLDFAST_SESSION_TIMEOUT_MS": "6000"}
    waiting = Waiting(bus)
    async with bus.listening(TARGET) as log, delay_topics(bus) as (old,):
        async with worker(bus, "relay", **mine):
            await waiting.put(old, over(0.1, 8, later=0))
            await log.until(waiting.all_there)
        async with delay_topics(bus) as (new,), worker(bus, "relay", **mine):
            await waiting.put(old, over(0.1, 8, later=0))
            await waiting.put(new, over(0.1, 8, later=0))
            await log.until(waiting.all_there)


async def test_a_delay_topic_that_appears_is_read_by_the_relay_that_is_started_anew_for_it(bus: Bus) -> None:
    waiting = Waiting(bus)
    async with bus.listening(TARGET) as log, worker(bus, "relay") as first, delay_topics(bus) as (new,):
        await waiting.put(new, over(0.1, 8, later=0))
        assert await first.ended() == CANNOT_GO_ON
        async with worker(bus, "relay"):
            await log.until(waiting.all_there)
