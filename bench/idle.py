"""One hold on an idle machine: how long a single customer waits when nobody else is there."""

import asyncio
import itertools

from bench import commands, lines, log_times, rounds
from bench.rounds import Round
from bench.setting import Bench
from bench.tables import Row, Table

PAUSES = (0.1, 0.2, 0.4, 0.7)  # seconds between two: within the time a worker still tidies up after one, and beyond it
NOTE = "One at a time with pauses of 0.1 to 0.7 s; milliseconds by Kafka's times (whole ones) and by the client's."


async def measure(bench: Bench) -> list[Table]:
    """Over Kafka and over HTTP."""
    kafka, over_http = [await _over_kafka(bench)], [await _over_http(bench)]
    measured = [(kafka, "p50 ≤ 12 ms"), (over_http, "client: p50 ≤ 25 ms")]
    tables = rounds.tables("One hold on an idle machine", measured, None, NOTE)
    for table in tables:
        for row in table.rows:
            for name in ("a second", "of (b)"):  # the pauses make them
                row.pop(name, None)
    return [*tables, await _nothing(bench)]


async def _nothing(bench: Bench) -> Table:
    """What a platform costs that nobody uses."""
    before = bench.snapshot()
    await asyncio.sleep(bench.of(10.0, 2.0))
    used = bench.used_since(before)
    row: Row = {name: spent / used.seconds / 1000 for name, spent in used.cpu_ms.items() if name != "driver"}
    return Table("CPU when nothing happens, cores", [row | {"sum": sum(used.cpu_ms.values()) / used.seconds / 1000}])


async def _over_kafka(bench: Bench) -> Round:
    count, kafka = bench.of(100, 8), bench.platform.kafka
    bench.say(f"{count} single holds over Kafka")
    ready = commands.fresh(bench.house, count)
    marks, seen = await log_times.mark(kafka), list[float]()
    before = bench.snapshot()
    for command, pause in zip(ready, itertools.cycle(PAUSES), strict=False):
        await asyncio.sleep(pause)
        seen += (await bench.driver.fly([command], in_flight=1)).latencies
    used = bench.used_since(before)
    found = await log_times.holds(kafka, marks)
    return Round("over Kafka", 1, count, found.per_second, found.latencies, used, client=seen)


async def _over_http(bench: Bench) -> Round:
    count, kafka, url = bench.of(100, 8), bench.platform.kafka, bench.platform.url
    bench.say(f"{count} single holds over HTTP")
    requests = [lines.hold(url, bench.house.product, bench.house.fresh()) for _ in range(count)]
    marks, seen = await log_times.mark(kafka), list[float]()
    line = await lines.connect(url)
    before = bench.snapshot()
    for request, pause in zip(requests, itertools.cycle(PAUSES), strict=False):
        await asyncio.sleep(pause)
        seen.append((await line.timed(request)).ms)
    used = bench.used_since(before)
    line.close()
    found = await log_times.holds(kafka, marks)
    return Round("over HTTP", 1, count, found.per_second, found.latencies, used, client=seen)
