"""Holds a second with one, two and three booking workers: as fast as the machine goes, and each with a share of a core alone."""

import asyncio
import contextlib
import dataclasses
import sys
from collections.abc import AsyncIterator

from bench import house, over_kafka, rounds
from bench.driver import Driver
from bench.rounds import Round
from bench.setting import Bench
from bench.tables import Table
from embedded.jars import PROJECT
from embedded.platform import Platform, running

WORKERS = (1, 2, 3)
SHARE, PERIOD = 0.006, 0.040  # seconds: 15 % of a core for each worker
IN_FLIGHT, FEWER = 1_000, 256
NOTE = (
    "One platform, workers stopped and started, in turns. In the first rows nobody is held back: where all processes share few "
    "cores, the machine is the limit and more workers only share it. In the others each booking worker runs for "
    f"{SHARE * 1000:.0f} of every {PERIOD * 1000:.0f} ms, one after the other, and everybody else as before: booking is the limit, and the "
    "figures say whether work is shared evenly. With 4 partitions three workers have 2, 1 and 1 lanes, so the first of them is "
    "the limit then."
)


async def measure(bench: Bench) -> list[Table]:
    """Each number of workers, some rounds, unlimited and with shares."""
    measured: dict[tuple[bool, int], list[Round]] = {
        (limited, count): [] for limited in (False, True) for count in WORKERS
    }
    async with (
        running(hold=f"{bench.hold_seconds}s", scale={"booking": max(WORKERS)}) as platform,
        Driver(platform.kafka) as driver,
    ):
        mine = dataclasses.replace(bench, platform=platform, house=await house.furnish(platform.kafka), driver=driver)
        for number in range(bench.of(2, 1)):
            for count in WORKERS:
                await _workers(platform, count)
                bench.say(f"scale, round {number + 1}, {count} booking workers")
                await over_kafka.round_(
                    mine, FEWER, bench.of(3_000, 200)
                )  # whoever came or went has its partitions then, and warm caches
                measured[False, count].append(
                    _named(await over_kafka.round_(mine, IN_FLIGHT, bench.of(12_000, 1_000)), count, limited=False)
                )
                async with _shared(platform, count):
                    measured[True, count].append(
                        _named(await over_kafka.round_(mine, FEWER, bench.of(4_000, 400)), count, limited=True)
                    )
    return rounds.tables("Booking workers", [(several, "") for several in measured.values()], None, NOTE)


def _named(measured: Round, count: int, *, limited: bool) -> Round:
    share = f", {SHARE / PERIOD:.0%} of a core each" if limited else ""
    return dataclasses.replace(measured, what=f"{count} booking worker{'s' if count > 1 else ''}{share}")


async def _workers(platform: Platform, count: int) -> None:
    """Have so many."""
    for number in range(1, max(WORKERS) + 1):
        name = f"booking-{number}"
        if number > count and name in platform.pids:
            await platform.stop_process(name)
        elif number <= count and name not in platform.pids:
            await platform.start_process(name)


@contextlib.asynccontextmanager
async def _shared(platform: Platform, count: int) -> AsyncIterator[None]:
    """Each worker has its share of a core, and no more."""
    pids = [str(platform.pids[f"booking-{number}"]) for number in range(1, count + 1)]
    dealer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.shares", str(SHARE), str(PERIOD), *pids), cwd=PROJECT
    )
    try:
        yield
    finally:
        dealer.terminate()
        await dealer.wait()
