"""Everything at once, again and again, as the dice fall: what breaks alone must not break together."""

import os
import random
import signal

import asyncpg
import pytest
from flows import Load, pressure
from scenes import TWICE, Scene, opened
from waiting import every_timer_fired, nothing_wrong, resumed

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

SEED = int(os.environ.get("HOLDFAST_STORM_SEED", "20270110"))
GUSTS = int(os.environ.get("HOLDFAST_STORM_GUSTS", "25"))
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


class Storm:
    """One fault after the other; whoever is hit comes back by itself or is brought back."""

    def __init__(self, scene: Scene, load: Load) -> None:
        self.platform, self.load, self.dice = scene.platform, load, random.Random(SEED)
        self.both = dict.fromkeys(TWICE, False)  # of which services the second worker runs
        self.said: list[str] = []

    async def blows(self) -> None:
        """The next gust."""
        gust = self.dice.choice(
            [self.kill, self.kill, self.everybody, self.second, self.second, self.freeze, self.cut, self.restart]
        )
        service = self.dice.choice(TWICE)
        self.said.append(f"{gust.__name__} {service}")
        await gust(service)

    async def hit(self, name: str, by: signal.Signals) -> bool:
        """Whether there was somebody to hit: a worker that was killed may not be back yet."""
        if running := name in self.platform.pids:
            await self.platform.kill(name, by)
        return running

    async def kill(self, service: str) -> None:
        await self.hit(f"{service}-1", signal.SIGKILL)

    async def everybody(self, _service: str) -> None:
        for name in self.platform.pids:
            if name.rpartition("-")[0] in TWICE:
                await self.hit(name, signal.SIGKILL)

    async def second(self, service: str) -> None:
        """A second worker joins, or leaves."""
        name = f"{service}-2"
        await (self.platform.stop_process(name) if self.both[service] else self.platform.start_process(name))
        self.both[service] = not self.both[service]

    async def freeze(self, service: str) -> None:
        """Past its session, if another can go on; else just so."""
        if await self.hit(name := f"{service}-1", signal.SIGSTOP):
            if self.both[service]:
                await resumed(self.load, 40, 40)
            await self.hit(name, signal.SIGCONT)

    async def cut(self, service: str) -> None:
        connection = await asyncpg.connect(self.platform.dsn("booking" if service == "booking" else "availability"))
        await connection.execute(CUT)
        await connection.close()

    async def restart(self, _service: str) -> None:
        """The worst, so not often."""
        if self.dice.random() < 0.4:
            name = self.dice.choice(["kafka", "postgres"])
            self.said[-1] = f"restart {name}"
            if name in self.platform.pids:
                await self.platform.restarted(name, await self.platform.kill(name))


async def test_a_storm_of_faults_breaks_nothing() -> None:
    async with opened() as scene:
        async with pressure(scene.street) as load:
            storm = Storm(scene, load)
            for _ in range(GUSTS):
                try:
                    await resumed(load, storm.dice.choice([1, 5, 30, 60]), 40)
                    await storm.blows()
                except BaseException as error:
                    error.add_note(f"seed {SEED}: {', '.join(storm.said)}")
                    raise
            await resumed(load, 60, 40)
        for service in TWICE:
            if storm.both[service]:
                await scene.platform.stop_process(f"{service}-2")
        await every_timer_fired(scene.platform)
        await nothing_wrong(scene.platform)
