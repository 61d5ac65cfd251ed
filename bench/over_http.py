"""Holds over HTTP: POST /v1/bookings, each for another slot, over so many connections that are kept."""

from bench import lines, log_times, plain, rounds
from bench.rounds import Round
from bench.setting import Bench
from bench.tables import Table

NOTE = (
    "From the command's record to the record of BookingCreated, by Kafka's own times; what the client of the HTTP API "
    "sees beside them. A typical round of three."
)
# Connections -> how many, at full size and to try.
LEVELS = {1: (300, 20), 32: (6_000, 200), 64: (6_000, 300)}
TARGET = "≥ 0.4 of (b)"


async def round_(bench: Bench, connections: int) -> Round:
    """One round."""
    count, url, kafka = bench.of(*LEVELS[connections]), bench.platform.url, bench.platform.kafka
    requests = [lines.hold(url, bench.house.product, bench.house.fresh()) for _ in range(count)]
    marks = await log_times.mark(kafka)
    before = bench.snapshot()
    told = await lines.ask_all(url, count, connections, requests.__getitem__)
    used = bench.used_since(before)
    found = await log_times.holds(kafka, marks)
    held = sum(each.status == 201 for each in told)
    if held != count or len(found.created) != count or found.twice:
        raise RuntimeError(f"{count} asked, {held} held, {len(found.created)} created, {found.twice} twice")
    client = [each.ms for each in told]
    return Round("Holdfast, HTTP", connections, count, count / used.seconds, found.latencies, used, client=client)


async def measure(bench: Bench) -> list[Table]:
    """Each level, several rounds."""
    if not bench.plain_rates:
        await plain.round_(bench)
    measured = []
    for connections in LEVELS:
        several = []
        for number in range(bench.of(3, 1)):
            bench.say(f"over HTTP, {connections} connections, round {number + 1}")
            several.append(await round_(bench, connections))
        measured.append((several, TARGET if connections > 1 else ""))
    return rounds.tables("Holds over HTTP", measured, bench.plain_rate, NOTE)
