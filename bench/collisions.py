"""Commands over Kafka that collide: 100 slots, 100 commands for each, a tenth of them sent twice with the same id."""

import asyncio
import random
from collections import Counter, defaultdict

import orjson

from bench import commands, log_times
from bench.commands import REPLIES, Command
from bench.setting import Bench
from bench.tables import Row, Table
from contracts import topics
from contracts.booking import BookingAnswer, BookingCreated

IN_FLIGHT = 1_000
NOTE = (
    "Shuffled, 1,000 in flight. Winners are counted in the log of events, answers in the log of replies: each command "
    "has one outcome, whether it was sent once or twice. `judged` counts how often the exclusion constraint had to refuse what was decided."
)


async def measure(bench: Bench) -> list[Table]:
    """Send them, then read the topics."""
    slots, each = bench.of(100, 10), bench.of(100, 20)
    bench.say(f"{slots * each:,} colliding commands over Kafka, a tenth repeated")
    drawn = [bench.house.fresh() for _ in range(slots)]
    unique = [commands.create(bench.house.product, slot) for slot in drawn for _ in range(each)]
    choice = random.Random(1)
    sent = unique + choice.sample(unique, len(unique) // 10)
    choice.shuffle(sent)
    kafka = bench.platform.kafka
    marks = await log_times.ends(kafka, topics.BOOKING_EVENTS.name, REPLIES)
    again, before = await bench.begun_again(), bench.snapshot()
    flight = await bench.driver.fly(sent, in_flight=IN_FLIGHT)
    used = bench.used_since(before)
    await asyncio.sleep(1.0)  # answers to repeats may still come
    winners, outcomes, replayed = await _read(kafka, marks, unique)
    judged, reasons = await bench.again_since(again)
    row: Row = {
        "slots": slots,
        "commands": len(unique),
        "sent": len(sent),
        "slots with one winner": sum(count == 1 for count in winners.values()),
        "winners in all": winners.total(),
        "told they won": flight.held,
        "unanswered": len(unique) - len(outcomes),
        "with two outcomes": sum(len(told) > 1 for told in outcomes.values()),
        "answers given again": replayed,
        "judged": judged,
        "begun again": reasons,
        "commands a second": len(sent) / used.seconds,
        "asked for": "one each, 0 judged",
    }
    return [Table("Collisions over Kafka", [row], NOTE)]


async def _read(
    kafka: str, marks: log_times.Marks, unique: list[Command]
) -> tuple[Counter[tuple[str, str]], dict[str, set[str]], int]:
    """Winners by slot, outcomes by command, and how many answers were given again."""
    ours = {command.id: (command.slot[0], command.slot[1].from_.isoformat()) for command in unique}
    winners, outcomes, replayed = Counter(dict.fromkeys(ours.values(), 0)), defaultdict[str, set[str]](set), 0
    events = set[str]()
    async for record in log_times.since(kafka, marks):
        kind, cause = log_times.header(record, "ce_type"), log_times.header(record, "ce_correlationid")
        if kind == BookingCreated.type and cause in ours:
            event = log_times.header(record, "ce_id")
            winners[ours[cause]] += event not in events
            events.add(event)
        elif record.topic == REPLIES and cause in ours:
            body = orjson.loads(record.value or b"null")
            outcomes[cause].add(body["booking"]["id"] if kind == BookingAnswer.type else body["code"])
            replayed += log_times.header(record, "ce_replayed") == "true"
    return winners, outcomes, replayed
