"""Holds over Kafka: so many commands in flight, each for another slot; a lean driver awaits every answer."""

from bench import commands, log_times, plain, rounds
from bench.rounds import Round
from bench.setting import Bench
from bench.tables import Table

NOTE = (
    "From the command's record to the record of BookingCreated, by Kafka's own times; the client's times beside them. "
    "A typical round of three."
)
# In flight -> how many, at full size and to try.
LEVELS = {1: (300, 20), 32: (4_000, 200), 256: (10_000, 500), 1_000: (15_000, 1_000)}
TARGET = "≥ 1 of (b), later 1.5"


async def round_(bench: Bench, in_flight: int, count: int | None = None) -> Round:
    """One round; of as many as the level has, unless it is said."""
    count = count or bench.of(*LEVELS[in_flight])
    ready = commands.fresh(bench.house, count)
    kafka = bench.platform.kafka
    marks = await log_times.mark(kafka)
    before = bench.snapshot()
    flight = await bench.driver.fly(ready, in_flight=in_flight)
    used = bench.used_since(before)
    found = await log_times.holds(kafka, marks)
    if flight.held != count or len(found.created) != count or found.twice:
        raise RuntimeError(f"{count} asked, {flight.held} held, {len(found.created)} created, {found.twice} twice")
    return Round("Holdfast, Kafka", in_flight, count, found.per_second, found.latencies, used, client=flight.latencies)


async def measure(bench: Bench) -> list[Table]:
    """Each level, several rounds."""
    if not bench.plain_rates:
        await plain.round_(bench)
    measured = []
    for in_flight in LEVELS:
        several = []
        for number in range(bench.of(3, 1)):
            bench.say(f"over Kafka, {in_flight} in flight, round {number + 1}")
            several.append(await round_(bench, in_flight))
        measured.append((several, TARGET if in_flight == 1_000 else ""))
    return rounds.tables("Holds over Kafka", measured, bench.plain_rate, NOTE)
