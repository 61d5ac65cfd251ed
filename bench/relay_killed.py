"""The delay relay is killed in the middle of releasing, and started again: none is lost, none is early."""

import time

from bench import release
from bench.setting import Bench
from bench.tables import Table

NOTE = (
    "SIGKILL when half of them were due; the supervisor starts it again. What was due meanwhile is as late as that takes. "
    "Whatever is forwarded a second time, availability releases once."
)


async def measure(bench: Bench) -> list[Table]:
    """2,000 within ten seconds, with a kill."""
    count, over = bench.of(2_000, 100), bench.of(10.0, 2.0)
    bench.say(f"{count:,} holds that run out within {over:.0f} s, the relay killed meanwhile")
    took = 0.0

    async def kill() -> None:
        nonlocal took
        began = time.perf_counter()
        await bench.platform.restarted("relay-1", await bench.platform.kill("relay-1"))
        took = time.perf_counter() - began

    measured = await release.round_(bench, count, over, kill)
    row = release.row("relay killed", count, over, measured, "all, 0 early, ≤ 15 s")
    row = {name: cell for name, cell in row.items() if name != "relay ms CPU each"} | {"ready again after s": took}
    return [Table("A relay killed in the middle", [row], NOTE)]
