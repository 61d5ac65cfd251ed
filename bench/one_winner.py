"""200 clients want one slot, 50 times over: exactly one of them gets it each time, and gives it back."""

import asyncio
import collections

import orjson

from bench import lines
from bench.setting import Bench
from bench.stats import spread
from bench.tables import Row, Table

NOTE = (
    "All send at the same moment; the winner deletes its booking, and whoever asks in the next round asks for the very "
    "same slot. `judged` counts how often the exclusion constraint had to refuse what was decided."
)


async def measure(bench: Bench) -> list[Table]:
    """Count the winners of each round."""
    clients, times, url = bench.of(200, 40), bench.of(50, 4), bench.platform.url
    bench.say(f"{clients} clients, one slot, {times} rounds")
    request = lines.hold(url, bench.house.product, bench.house.fresh())
    connected = await asyncio.gather(*[lines.connect(url) for _ in range(clients)])
    again, before = await bench.begun_again(), bench.snapshot()
    winners, statuses = list[int](), collections.Counter[int]()
    first, latencies = list[float](), list[float]()
    for _ in range(times):
        told = await asyncio.gather(*[line.timed(request) for line in connected])
        won = [each for each in told if each.status == 201]
        winners.append(len(won))
        statuses.update(each.status for each in told)
        first += [each.ms for each in won]
        latencies += [each.ms for each in told]
        for each in won:
            booking = orjson.loads(each.body)["id"]
            gone = await connected[0].timed(lines.delete(url, f"/v1/bookings/{booking}"))
            if gone.status != 204:
                raise RuntimeError(f"a winner could not give its slot back: {gone.status} {gone.body[:300]!r}")
    used = bench.used_since(before)
    judged, reasons = await bench.again_since(again)
    for line in connected:
        line.close()
    others = sum(count for status, count in statuses.items() if status not in (201, 409))
    row: Row = {
        "clients": clients,
        "rounds": times,
        "rounds with one winner": winners.count(1),
        "winners in all": sum(winners),
        "refused": statuses[409],
        "others": others,
        "judged": judged,
        "begun again": reasons,
        "answers a second": sum(statuses.values()) / used.seconds,
        **spread(latencies),
        "winner's p50 ms": spread(first)["p50 ms"],
        "asked for": "one each, 0 judged",
    }
    return [Table("One slot over HTTP", [row], NOTE)]
