"""Everybody wants the same slot: 64 clients ask for one slot at a time, and all but one are refused."""

import collections

from bench import lines, over_http, rounds
from bench.rounds import Round
from bench.setting import Bench
from bench.tables import Row, Table

CLIENTS = 64
NOTE = (
    "64 connections; of each 64 requests all ask for the same slot, the next 64 for the next one. Answers a second, "
    "beside the same 64 connections asking for a slot each, in turns; the milliseconds are the client's. One winner a "
    "slot; `judged` counts how often the exclusion constraint had to refuse what was decided."
)


async def measure(bench: Bench) -> list[Table]:
    """In turns with the uncontended load."""
    free: list[Round] = []
    contended: list[Round] = []
    for number in range(bench.of(3, 1)):
        bench.say(f"contended, round {number + 1}")
        free.append(await over_http.round_(bench, CLIENTS))
        contended.append(await _round(bench))
    ratio = (rounds.typical(contended).per_second or 0) / (rounds.typical(free).per_second or 1)
    rows = [(free, ""), (contended, f"≥ the rate above (is {ratio:.2f})")]
    return rounds.tables("64 clients, one slot at a time", rows, bench.plain_rate, NOTE)


async def _round(bench: Bench) -> Round:
    slots, url = bench.of(100, 5), bench.platform.url
    one_of = [lines.hold(url, bench.house.product, bench.house.fresh()) for _ in range(slots)]
    again = await bench.begun_again()
    before = bench.snapshot()
    told = await lines.ask_all(url, slots * CLIENTS, CLIENTS, lambda number: one_of[number // CLIENTS])
    used = bench.used_since(before)
    judged, _ = await bench.again_since(again)
    statuses = collections.Counter(each.status for each in told)
    others = sum(statuses.values()) - statuses[201] - statuses[409]
    remarks: Row = {
        "winners": f"{statuses[201]} of {slots}",
        "others": others,
        "judged": judged,
    }
    seen = [each.ms for each in told]
    return Round("contended", CLIENTS, len(told), len(told) / used.seconds, seen, used, remarks=remarks)
