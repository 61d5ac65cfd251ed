"""The comparison: both baselines and both ways into Holdfast, in turns, so that a slow minute is slow for all of them."""

from bench import over_http, over_kafka, pgbench, plain, rounds
from bench.rounds import Round
from bench.setting import Bench
from bench.tables import Table

NOTE = (
    "In turns on the same Postgres server. (a) and (b) do one guarded insert and nothing else: no record of the request, "
    "no event, no expiry. Their milliseconds are their client's; Holdfast's are Kafka's, from command to BookingCreated."
)
IN_FLIGHT, CONNECTIONS = 1_000, 32


async def measure(bench: Bench) -> list[Table]:
    """Several rounds of each."""
    measured: list[list[Round]] = [[], [], [], []]
    for number in range(bench.of(3, 1)):
        bench.say(f"side by side, round {number + 1}")
        measured[0].append(await pgbench.round_(bench))
        measured[1].append(await plain.round_(bench))
        measured[2].append(await over_kafka.round_(bench, IN_FLIGHT))
        measured[3].append(await over_http.round_(bench, CONNECTIONS))
    asked = ["", "", over_kafka.TARGET, over_http.TARGET]
    return rounds.tables("Side by side", list(zip(measured, asked, strict=True)), bench.plain_rate, NOTE)
