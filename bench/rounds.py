"""One round of a measurement of speed, and how rounds become the rows of two tables: speed, and CPU by process."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench import processes
from bench.processes import Used
from bench.stats import spread
from bench.tables import Row, Table

PLAIN = "(b) plain service"
ORDER = ("booking", "availability", "relay", "gateway", "plain", "postgres", "kafka", "driver")


@dataclass(frozen=True)
class Round:
    """`latencies` are Kafka's, or the client's where no record is written; `client` are the client's."""

    what: str
    at_once: int
    count: int
    per_second: float | None
    latencies: Sequence[float]
    used: Used
    client: Sequence[float] = ()
    remarks: Row = field(default_factory=dict)


def typical(rounds: Sequence[Round]) -> Round:
    """The one with the median rate."""
    median = statistics.median_low([each.per_second or 0.0 for each in rounds])
    return next(each for each in rounds if (each.per_second or 0.0) == median)


def speed(rounds: Sequence[Round], plain: float | None, target: str = "") -> Row:
    """How fast: of several rounds the typical one, with the slowest and the fastest."""
    shown = typical(rounds)
    rates = [each.per_second or 0.0 for each in rounds]
    row: Row = {
        "what": shown.what,
        "at once": shown.at_once,
        "count": shown.count,
        "a second": shown.per_second,
        **({"from-to": f"{min(rates):,.0f}-{max(rates):,.0f}"} if len(rates) > 1 else {}),
        "of (b)": shown.per_second / plain if plain and shown.per_second else None,
        **spread(shown.latencies),
    }
    if shown.client:
        row |= spread(shown.client, "ms client")
    row |= {"driver %": shown.used.driver_percent, "others %": shown.used.others_percent}
    return row | shown.remarks | {"asked for": target}


def cpu(rounds: Sequence[Round]) -> Row:
    """CPU milliseconds for each hold, by process."""
    shown = typical(rounds)
    spent: dict[str, float] = {}
    for name, each in shown.used.per(shown.count).items():
        service = name.rpartition("-")[0] or name
        spent[service] = spent.get(service, 0.0) + each
    # What a measurement does not touch idles along, and says nothing.
    row: Row = {"what": shown.what, "at once": shown.at_once}
    row |= {name: spent[name] for name in ORDER if name in spent}
    return row | {"sum": sum(spent.values())} if spent else row


def tables(title: str, measured: Sequence[tuple[Sequence[Round], str]], plain: float | None, note: str) -> list[Table]:
    """Both tables of some measurements, each with what is asked of it."""
    speeds = Table(title, [speed(rounds, plain, target) for rounds, target in measured], note)
    costs = Table(f"{title}: CPU ms each, by process", [cpu(rounds) for rounds, _ in measured])
    return [speeds, costs] if processes.KNOWN else [speeds]
