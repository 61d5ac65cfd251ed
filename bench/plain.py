"""Baseline (b): the plain service over 32 connections, each hold of another slot."""

from bench import lines
from bench.rounds import PLAIN, Round
from bench.setting import Bench

CONNECTIONS = 32


async def round_(bench: Bench) -> Round:
    """One round; what the others are compared with learns of it."""
    (count, first), url = bench.of((12_000, 1_000), (600, 100)), await bench.plain_url()
    requests = [lines.hold(url, bench.house.product, bench.house.fresh()) for _ in range(first + count)]
    await lines.ask_all(url, first, CONNECTIONS, lambda number: requests[number])
    before = bench.snapshot()
    told = await lines.ask_all(url, count, CONNECTIONS, lambda number: requests[first + number])
    used = bench.used_since(before)
    refused = sum(each.status != 201 for each in told)
    if refused:
        raise RuntimeError(f"the plain service refused {refused} of {len(told)} free slots")
    rate = len(told) / used.seconds
    bench.plain_rates.append(rate)
    return Round(PLAIN, CONNECTIONS, len(told), rate, [each.ms for each in told], used)
