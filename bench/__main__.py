"""`python -m bench`: start a platform of its own, measure, print tables, write JSON. A bench measures; nothing fails it."""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from rich.console import Console

from bench import (
    collisions,
    commands,
    contended,
    house,
    idle,
    lines,
    machine,
    one_winner,
    outbound,
    over_http,
    over_kafka,
    processes,
    relay_killed,
    release,
    resume,
    scale,
    side_by_side,
    waiting,
    webhooks,
)
from bench.driver import Driver
from bench.setting import Bench
from bench.tables import Row, Table, show
from embedded import folder
from embedded.jars import PROJECT
from embedded.platform import Platform, running
from embedded.problem import Problem
from examples import tokens

MEASUREMENTS: dict[str, Callable[[Bench], Awaitable[list[Table]]]] = {
    "idle": idle.measure,
    "side-by-side": side_by_side.measure,
    "kafka": over_kafka.measure,
    "http": over_http.measure,
    "contended": contended.measure,
    "one-winner": one_winner.measure,
    "collisions": collisions.measure,
    "release": release.measure,
    "relay-killed": relay_killed.measure,
    "waiting": waiting.measure,
    "resume": resume.measure,
    "webhooks": webhooks.measure,
    "outbound": outbound.measure,
    "scale": scale.measure,
}
MODULES = {name: sys.modules[measure.__module__] for name, measure in MEASUREMENTS.items()}
DATA = PROJECT / ".data" / "bench"
RESULTS = PROJECT / "bench" / "results" / "latest.json"
PARTIAL = PROJECT / ".data" / "bench.json"  # of a quick or a partial run: never beside what is committed
HOLD = {False: 30, True: 6}  # seconds, by whether it is quick: long enough to make all holds before the first is due
SESSION_MS = 6000  # of production
WIDTH = 150  # columns, at least: a file or a pipe has none of its own


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=list(MEASUREMENTS), metavar="NAME", help="repeatable")
    parser.add_argument("--quick", action="store_true", help="everything tiny: whether it works, not how fast")
    parser.add_argument("--list", action="store_true", help="say what is measured, and end")
    parser.add_argument("--json", type=Path, help="where the results go (full runs: bench/results/latest.json)")
    return parser.parse_args()


def say(line: str) -> None:
    """Progress, which is no result."""
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


async def measured(asked: argparse.Namespace) -> tuple[list[Table], bool]:
    """All tables, and whether every measurement came to its end."""
    load, busy = os.getloadavg(), machine.busy_before()
    if (busy or 0) > machine.BUSY:
        say(f"warning: {busy} % of this machine is busy already, take no figure for what Holdfast can do")
    DATA.mkdir(parents=True, exist_ok=True)
    tables, complete = [machine.machine(DATA, load, busy)], True
    hold = HOLD[asked.quick]
    say("starting a platform of its own")
    async with contextlib.AsyncExitStack() as stack:
        platform = await stack.enter_async_context(running(DATA, hold=f"{hold}s", say=say))
        driver = await stack.enter_async_context(Driver(platform.kafka))
        bench = Bench(platform, await house.furnish(platform.kafka), driver, asked.quick, hold, say, stack)
        lines.sign_in(await tokens.authorization(platform.url))
        tables.append(await machine.settings(platform, f"{hold} s", SESSION_MS))
        at_start = _memory(platform)
        await _warm_up(bench)
        for name in asked.only or MEASUREMENTS:
            try:
                tables += await MEASUREMENTS[name](bench)
            except Exception as error:  # what else is to be measured is measured
                traceback.print_exc()
                tables.append(Table(name, [{"failed": f"{type(error).__name__}: {error}"}]))
                complete = False
        tables.append(_grown(at_start, _memory(platform)))
    return tables, complete


async def _warm_up(bench: Bench) -> None:
    """Caches, prepared statements, Java: nobody measures the first minute of a process that runs for weeks."""
    say("warming up")
    count = bench.of(8_000, 200)
    await bench.driver.fly(commands.fresh(bench.house, count), in_flight=256)
    url, product = bench.platform.url, bench.house.product
    requests = [lines.hold(url, product, bench.house.fresh()) for _ in range(count // 2)]
    await lines.ask_all(url, len(requests), 32, requests.__getitem__)


def _memory(platform: Platform) -> dict[str, float | None]:
    return {
        name: processes.family_mb(pid) if name == "postgres" else processes.memory_mb(pid)
        for name, pid in platform.pids.items()
    }


def _grown(before: dict[str, float | None], after: dict[str, float | None]) -> Table:
    rows: list[Row] = [
        {"process": name, "at the start": before.get(name), "at the end": now} for name, now in after.items()
    ]
    note = "Resident; of Postgres with its backends, shared pages counted once. Workers are wanted below 120 MB."
    return Table("Memory, MB", rows, note)


def main() -> int:
    """Measure what was asked for; 1 if a measurement broke."""
    asked = arguments()
    if asked.list:
        for name, module in MODULES.items():
            print(f"{name:13} {(module.__doc__ or '').splitlines()[0]}")
        return 0
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it logs every attempt to reach a Kafka that starts
    try:
        folder.forget(DATA)  # what a killed bench left
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            tables, complete = runner.run(measured(asked))
        folder.forget(DATA)
    except KeyboardInterrupt:
        folder.forget(DATA)
        return 130
    except Problem as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    console = Console()
    console.width = max(console.width, WIDTH)
    show(console, tables)
    path = asked.json or (PARTIAL if asked.quick or asked.only or not complete else RESULTS)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"quick": asked.quick, "tables": [each.as_json() for each in tables]}, indent=1) + "\n")
    say(f"written to {os.path.relpath(path)}")
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
