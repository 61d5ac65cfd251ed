"""Workers come, go, die and freeze under load; Kafka's own idea of how far they are is made wrong on purpose."""

import asyncio
import contextlib
import signal

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError
from evidence import INPUTS
from flows import pressure
from scenes import Scene, opened
from waiting import died, every_timer_fired, halted, log_has, nothing_wrong, resumed, until

pytestmark = pytest.mark.chaos

SERVICES = ["booking", "availability", "relay"]


@pytest.mark.parametrize("service", SERVICES)
async def test_a_second_worker_joins_and_leaves(scene: Scene, service: str) -> None:
    platform = scene.platform
    async with pressure(scene.street) as load:
        for _ in range(2):
            await platform.start_process(f"{service}-2")
            await resumed(load, 60)
            await platform.stop_process(f"{service}-2")
            await resumed(load, 60)
    await every_timer_fired(platform)
    await nothing_wrong(platform)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_worker_is_killed_beside_another_and_returns(scene: Scene, service: str) -> None:
    platform = scene.platform
    async with pressure(scene.street) as load:
        await platform.start_process(f"{service}-2")
        for name in (f"{service}-2", f"{service}-1", f"{service}-2"):
            await resumed(load, 60)
            await platform.restarted(name, await platform.kill(name))
        await resumed(load, 60)
        await platform.stop_process(f"{service}-2")
        await resumed(load, 60)
    await every_timer_fired(platform)
    await nothing_wrong(platform)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_worker_that_froze_past_its_session_changes_nothing_when_it_wakes(scene: Scene, service: str) -> None:
    platform, frozen, other = scene.platform, f"{service}-1", f"{service}-2"
    async with pressure(scene.street) as load:
        await platform.start_process(other)
        for _ in range(3):
            await resumed(load, 40)
            await platform.kill(frozen, signal.SIGSTOP)
            await resumed(load, 100)  # by the other one, which owns everything by then
            await platform.kill(frozen, signal.SIGCONT)
            await resumed(load, 40)
            frozen, other = other, frozen
        await platform.stop_process(f"{service}-2")
        await resumed(load, 60)
    await every_timer_fired(platform)
    await nothing_wrong(platform)


@pytest.mark.parametrize("service", ["booking", "availability"])
async def test_work_resumes_in_time_with_the_sessions_of_production(service: str) -> None:
    """A worker that is gone, not started again: the other one waits for the end of its session of 6 s."""
    async with opened(fast_sessions=False) as scene:
        platform = scene.platform
        await platform.start_process(f"{service}-2")
        async with pressure(scene.street) as load:
            await resumed(load, 60)
            await platform.kill(f"{service}-1", signal.SIGSTOP)
            await halted(load, 2)
            await resumed(load, 60)
            await platform.kill(f"{service}-1", signal.SIGKILL)
            await resumed(load, 60)
        await every_timer_fired(platform)
        await nothing_wrong(platform)


async def test_everybody_is_killed_at_once(scene: Scene) -> None:
    platform = scene.platform
    async with pressure(scene.street) as load:
        for _ in range(2):
            await resumed(load, 60)
            pids = [(f"{service}-1", await platform.kill(f"{service}-1")) for service in SERVICES]
            await asyncio.gather(*(platform.restarted(name, pid) for name, pid in pids))
        await resumed(load, 60)
    await every_timer_fired(platform)
    await nothing_wrong(platform)


@pytest.mark.parametrize("service", ["booking", "availability"])
async def test_a_wrong_commit_to_kafka_is_seen_and_rewound(scene: Scene, service: str) -> None:
    """The worker believes Kafka for once, which says that what is waiting is done."""
    platform, name = scene.platform, f"{service}-1"
    async with pressure(scene.street, at_once=40) as load:
        await resumed(load, 60)
        await platform.stop_process(name)
        ahead = await _ahead(platform.kafka, platform.dsn(service), service)
        pid = await platform.start_process(name, {"HOLDFAST_SEEK_ON_ASSIGNMENT": "0"})
        await resumed(load, 60)
        await log_has(platform, name, "gap in")
        await platform.kill(name)
        await died(platform, name, pid)
        await resumed(load, 60)
    assert ahead
    await nothing_wrong(platform)


async def _ahead(kafka: str, database: str, service: str) -> dict[TopicPartition, int]:
    """Commit the ends of the logs where something is still to be done."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=service, enable_auto_commit=False)
    await consumer.start()
    connection = await asyncpg.connect(database)
    try:
        rows = await connection.fetch("SELECT topic, partition, processed FROM progress")
        done = {TopicPartition(row[0], row[1]): row[2] for row in rows if row[0] in INPUTS[service]}
        consumer.assign(list(done))

        async def committed() -> dict[TopicPartition, int]:
            ends = await consumer.end_offsets(list(done))
            with contextlib.suppress(CommitFailedError):  # the session of the stopped worker has not ended yet
                await consumer.commit(ends)
                return {at: end for at, end in ends.items() if end > done[at]}
            return {}

        return await until(committed, 20)
    finally:
        await connection.close()
        await consumer.stop()
