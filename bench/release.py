"""Holds that nobody confirms: how late the slot is back on sale, from `expiresAt` to the record of SlotReleased."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from bench import commands, log_times
from bench.log_times import Marks
from bench.processes import Used
from bench.setting import Bench
from bench.stats import percentile
from bench.tables import Row, Table
from contracts import topics
from contracts.availability import ExpireHold, SlotHeld, SlotReleased

LATEST = 60.0  # seconds after the last one was due
NOTE = (
    "Kafka's times are whole milliseconds, cut off, so `expiresAt` is cut to whole ones too before they are compared: "
    "below 0 would be early for sure, and no figure is off by 1 ms or more. The command is what the relay forwards, the "
    "release what availability makes of it."
)


@dataclass
class Released:
    """By booking, in milliseconds since 1970: when it was due, forwarded by the relay, and released."""

    due: dict[str, int] = field(default_factory=dict)
    forwarded: dict[str, int] = field(default_factory=dict)
    released: dict[str, int] = field(default_factory=dict)
    events: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))  # SlotReleased, by its id

    @property
    def lateness(self) -> list[float]:
        """From due to SlotReleased."""
        return [float(at - self.due[booking]) for booking, at in self.released.items()]

    @property
    def relays(self) -> list[float]:
        """From due to the command that the relay forwards."""
        return [float(at - self.due[booking]) for booking, at in self.forwarded.items()]


async def round_(
    bench: Bench, count: int, over: float, meanwhile: Callable[[], Awaitable[object]] | None = None
) -> tuple[Released, Used]:
    """Hold so many slots within `over` seconds, and wait until they are back; `meanwhile` is done halfway through."""
    kafka = bench.platform.kafka
    marks = await log_times.ends(kafka, topics.AVAILABILITY_EVENTS.name, topics.AVAILABILITY_COMMANDS.name)
    ready = commands.fresh(bench.house, count, brief=True)
    flight = await bench.driver.fly(ready, per_second=count / over)
    if flight.held != count:
        raise RuntimeError(f"{count} asked, {flight.held} held")
    found = await _read(kafka, marks)
    first, last = min(found.due.values()) / 1000, max(found.due.values()) / 1000
    begun = datetime.now(UTC).timestamp()
    if begun > first:
        raise RuntimeError("the first hold ran out before the last one was there: this machine is too slow for it")
    await asyncio.sleep(first - begun - 0.2)
    before = bench.snapshot()
    if meanwhile:
        await asyncio.sleep(0.2 + (last - first) / 2)
        await meanwhile()
    await asyncio.sleep(max(0.0, last + 0.5 - datetime.now(UTC).timestamp()))
    used = bench.used_since(before)
    while len(found.released) < count and datetime.now(UTC).timestamp() < last + LATEST:
        await asyncio.sleep(0.5)
        found = await _read(kafka, marks)
    return found, used


def row(what: str, count: int, over: float, measured: tuple[Released, Used], target: str) -> Row:
    """As a row of a table."""
    found, used = measured
    late, relays = found.lateness, found.relays
    return {
        "what": what,
        "holds": count,
        "due within s": over,
        "released": len(found.released),
        "twice": sum(len(events) > 1 for events in found.events.values()),
        "early": sum(each < 0 for each in late),
        "p50 ms": percentile(late, 0.5),
        "p99 ms": percentile(late, 0.99),
        "max ms": percentile(late, 1.0),
        "command p50 ms": percentile(relays, 0.5),
        "command p99 ms": percentile(relays, 0.99),
        "relay ms CPU each": next((spent for name, spent in used.per(count).items() if name.startswith("relay")), None),
        "others %": used.others_percent,
        "asked for": target,
    }


async def measure(bench: Bench) -> list[Table]:
    """2,000 and 10,000 within ten seconds."""
    over = bench.of(10.0, 2.0)
    rows = []
    for count, target in ((bench.of(2_000, 100), "p99 ≤ 50 ms"), (bench.of(10_000, 300), "p99 ≤ 250 ms")):
        bench.say(f"{count:,} holds that run out within {over:.0f} s")
        rows.append(row("running out", count, over, await round_(bench, count, over), f"0 early, {target}"))
    return [Table("Release of holds that ran out", rows, NOTE)]


async def _read(kafka: str, marks: Marks) -> Released:
    found = Released()
    async for record in log_times.since(kafka, marks):
        kind = log_times.header(record, "ce_type")
        if kind == SlotHeld.type:
            body = orjson.loads(record.value or b"null")
            ends = datetime.fromisoformat(body["expiresAt"]).timestamp()
            found.due[body["bookingId"]] = math.floor(ends * 1000)
        elif kind in (SlotReleased.type, ExpireHold.type):
            body = orjson.loads(record.value or b"null")
            where = found.released if kind == SlotReleased.type else found.forwarded
            where.setdefault(body["bookingId"], record.timestamp)
            if kind == SlotReleased.type:
                found.events[body["bookingId"]].add(log_times.header(record, "ce_id"))
    for times in (found.released, found.forwarded):  # of holds from before the marks
        for booking in times.keys() - found.due.keys():
            del times[booking]
    return found
