"""Each worker is killed under load, with the sessions of production: how long until somebody is answered again."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable

from bench import commands, lines, log_times
from bench.setting import Bench
from bench.tables import Row, Table

RATE = 100.0  # commands or requests a second
CONNECTIONS = 8
NOTE = (
    "SIGKILL while 100 commands a second come in. Answered again: from the kill to the first answer to what was sent after "
    "it. Over HTTP 8 clients repeat with the same Idempotency-Key until they are answered. The relay has a table of its own. "
    "An event that is sent again has the same id and the same bytes: whoever reads it knows it."
)


async def measure(bench: Bench) -> list[Table]:
    """Availability and booking over Kafka, the gateway over HTTP."""
    rows = [await _worker(bench, name) for name in ("availability-1", "booking-1")]
    rows.append(await _gateway(bench))
    return [Table("Killed under load", rows, NOTE)]


class Kill:
    """Kills a process some seconds from now; `at` is when, `ready` when its successor was."""

    def __init__(self, bench: Bench, name: str, after: float) -> None:
        self.at = self.ready = 0.0
        self._task = asyncio.create_task(self._kill(bench, name, after))

    async def _kill(self, bench: Bench, name: str, after: float) -> None:
        await asyncio.sleep(after)
        self.at = time.perf_counter()
        await bench.platform.restarted(name, await bench.platform.kill(name))
        self.ready = time.perf_counter()

    async def done(self) -> None:
        """Return when the successor is ready."""
        await self._task


async def _worker(bench: Bench, name: str) -> Row:
    seconds, kafka = bench.of(20.0, 6.0), bench.platform.kafka
    bench.say(f"{name} is killed under load")
    ready = commands.fresh(bench.house, round(RATE * seconds))
    marks = await log_times.mark(kafka)
    kill = Kill(bench, name, seconds / 4)
    flight = await bench.driver.fly(ready, per_second=RATE)
    await kill.done()
    found = await log_times.holds(kafka, marks)
    later = [flight.answers[key].at for key, sent in flight.sent.items() if sent > kill.at]
    return _row(name, kill, min(later), max(flight.latencies), len(ready), flight.held, found)


async def _gateway(bench: Bench) -> Row:
    seconds, kafka, url = bench.of(20.0, 6.0), bench.platform.kafka, bench.platform.url
    bench.say("gateway-1 is killed under load")
    marks = await log_times.mark(kafka)
    until, told = time.perf_counter() + seconds, list[lines.Told]()
    took = list[float]()
    kill = Kill(bench, "gateway-1", seconds / 4)

    async def client() -> None:
        ask = _persistent(url)
        while (began := time.perf_counter()) < until:
            key = f"Idempotency-Key: {uuid.uuid4()}"
            told.append(await ask(lines.hold(url, bench.house.product, bench.house.fresh(), key)))
            took.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(max(0.0, began + CONNECTIONS / RATE - time.perf_counter()))

    await asyncio.gather(*[client() for _ in range(CONNECTIONS)])
    await kill.done()
    found = await log_times.holds(kafka, marks)
    later = [each.sent + each.ms / 1000 for each in told if each.sent > kill.at]
    held = sum(each.status == 201 for each in told)
    return _row("gateway-1", kill, min(later), max(took), len(told), held, found)


def _persistent(url: str) -> Callable[[bytes], Awaitable[lines.Told]]:
    line: lines.Line | None = None

    async def ask(request: bytes) -> lines.Told:
        nonlocal line
        while True:
            try:
                line = line or await lines.connect(url)
                answer = await line.timed(request)
            except OSError:
                line = None
            else:
                if answer.status not in (202, 503):
                    return answer
            await asyncio.sleep(0.05)

    return ask


def _row(name: str, kill: Kill, answered: float, longest: float, asked: int, held: int, found: log_times.Holds) -> Row:
    return {
        "killed": name,
        "ready again after s": kill.ready - kill.at,
        "answered again after s": answered - kill.at,
        "longest wait s": longest / 1000,
        "asked": asked,
        "held": held,
        "created": len(found.created),
        "lost": found.lost,
        "twice": found.twice,
        "events sent again": found.sent_again,
        "asked for": "≤ 15 s, 0 lost, 0 twice",
    }
