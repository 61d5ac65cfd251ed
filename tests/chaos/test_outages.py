"""Kafka and Postgres die under load, and sessions are cut: nothing acknowledged is lost, and work goes on by itself."""

import signal

import asyncpg
import pytest
from flows import pressure
from scenes import Scene
from waiting import every_timer_fired, halted, nothing_wrong, resumed

pytestmark = pytest.mark.chaos

BACK_WITHIN = 30.0  # seconds from when they answer again


@pytest.mark.parametrize("name", ["kafka", "postgres"])
async def test_work_goes_on_after_a_kill(scene: Scene, name: str) -> None:
    platform = scene.platform
    async with pressure(scene.street) as load:
        await resumed(load, 60)
        await platform.restarted(name, await platform.kill(name))
        await resumed(load, 60, BACK_WITHIN)
    await every_timer_fired(platform)
    await nothing_wrong(platform)


async def test_work_goes_on_after_kafka_was_frozen(scene: Scene) -> None:
    """Longer than sessions last: every flow comes to a halt meanwhile."""
    platform = scene.platform
    async with pressure(scene.street) as load:
        await resumed(load, 60)
        await platform.kill("kafka", signal.SIGSTOP)
        await halted(load)
        await platform.kill("kafka", signal.SIGCONT)
        await resumed(load, 60, BACK_WITHIN)
    await every_timer_fired(platform)
    await nothing_wrong(platform)


async def test_sessions_of_the_databases_that_are_cut_again_and_again_change_nothing(scene: Scene) -> None:
    platform = scene.platform
    connections = [await asyncpg.connect(platform.dsn(database)) for database in ("booking", "availability")]
    cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    async with pressure(scene.street) as load:
        await resumed(load, 60)
        for _ in range(20):
            for connection in connections:
                assert await connection.fetchval(cut) > 0
            await resumed(load, 5)
        await resumed(load, 60)
    for connection in connections:
        await connection.close()
    await every_timer_fired(platform)
    await nothing_wrong(platform)
