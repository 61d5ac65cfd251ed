"""What every measurement gets: the running platform, its house, a driver, and the plain service beside it."""

import asyncio
import contextlib
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp
import asyncpg

from bench import guarded, processes
from bench.driver import Driver
from bench.house import House
from bench.processes import Snapshot, Used
from embedded import child, ports
from embedded.child import Program
from embedded.jars import PROJECT
from embedded.platform import Platform

T = TypeVar("T")


@dataclass
class Bench:
    """`quick` makes everything tiny: to see whether it works, not how fast."""

    platform: Platform
    house: House
    driver: Driver
    quick: bool
    hold_seconds: int
    say: Callable[[str], None]
    stack: contextlib.AsyncExitStack
    plain_rates: list[float] = field(default_factory=list)
    _plain: child.Child | None = None
    _plain_url: str = ""

    def of(self, full: T, quick: T) -> T:
        """The size of something."""
        return quick if self.quick else full

    @property
    def plain_rate(self) -> float | None:
        """Holds per second of the plain service in this run: what everything is compared with."""
        return statistics.median(self.plain_rates) if self.plain_rates else None

    def snapshot(self) -> Snapshot:
        """CPU of all processes, now."""
        plain = {"plain": self._plain.pid} if self._plain else {}
        return processes.snapshot({**self.platform.pids, **plain})

    def used_since(self, before: Snapshot) -> Used:
        """CPU since then."""
        return processes.used(before, self.snapshot())

    async def baseline_database(self) -> str:
        """The address of a database with an empty table of holds."""
        dsn = await self.platform.create_database("baseline")
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(guarded.SCHEMA)
            await connection.execute(guarded.EMPTY)
        finally:
            await connection.close()
        return dsn

    async def plain_url(self) -> str:
        """The address of the plain service, which runs from now on, on an empty table."""
        dsn = await self.baseline_database()
        if self._plain is None:
            port = ports.hold()
            self.stack.callback(port.release)
            self._plain_url = f"http://{ports.HOST}:{port.number}"
            argv = [sys.executable, "-m", "bench.plain_service", dsn, str(port.number)]
            log = self.platform.data / "logs" / "plain.log"
            plain = Program("plain", argv, child.environment(), PROJECT, lambda: _answers(self._plain_url), log)
            self._plain = await child.start(plain)
            self.stack.push_async_callback(self._plain.stop)
            await self._plain.until_ready()
        return self._plain_url

    async def begun_again(self) -> dict[str, float]:
        """Batches that had to be decided again, by what broke, summed over the workers' lives of now."""
        found: dict[str, float] = {}
        async with aiohttp.ClientSession() as session:
            for service in ("availability", "booking"):
                port = self.platform.environment[f"HOLDFAST_{service.upper()}_PORT"]
                async with session.get(f"http://{ports.HOST}:{port}/metrics") as told:
                    for line in (await told.text()).splitlines():
                        if line.startswith("holdfast_batches_again_total{"):
                            reason = line.partition('reason="')[2].partition('"')[0]
                            found[reason] = found.get(reason, 0.0) + float(line.rpartition(" ")[2])
        return found

    async def again_since(self, before: dict[str, float]) -> tuple[int, str]:
        """How often the constraint was the judge since then, and every other reason to begin again, in words."""
        after = await self.begun_again()
        more = {reason: round(times - before.get(reason, 0.0)) for reason, times in after.items()}
        judged = more.pop("slots_never_overlap", 0)
        return judged, ", ".join(f"{reason} {times}" for reason, times in more.items() if times) or "none"


async def _answers(url: str) -> None:
    port = int(url.rpartition(":")[2])
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(ports.HOST, port)
            writer.close()
            return
        await asyncio.sleep(0.05)
