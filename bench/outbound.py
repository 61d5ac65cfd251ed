"""What the guard of addresses costs on kept connections: the notifier's `Sender.post` beside a bare aiohttp session, in turns."""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import aiohttp

from bench.setting import Bench
from bench.tables import Row, Table
from embedded.jars import PROJECT
from services.notifier.addresses import AddressRules
from services.notifier.sending import Sender

AT_ONCE = 32
HEADERS = {"webhook-id": "1", "webhook-timestamp": "1", "webhook-signature": "v1," + "a" * 44}
BODY = b"a" * 1500
NOTE = (
    "Both in this process, the same body to the same receiver on loopback, 32 at a time on kept connections. Nothing is signed and no database "
    "is asked: what is measured is the request alone. Each in turns, so that a slow minute is slow for both."
)


async def measure(bench: Bench) -> list[Table]:
    """Several rounds of each."""
    receiver = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.receiver", "whsec_", cwd=PROJECT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert receiver.stdout is not None
        url = f"http://127.0.0.1:{int(await receiver.stdout.readline())}/outbound"
        return [await _side_by_side(bench, url)]
    finally:
        receiver.kill()
        await receiver.wait()


async def _side_by_side(bench: Bench, url: str) -> Table:
    async with (
        Sender(AddressRules(development=True)) as sender,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
    ):

        async def bare() -> None:
            async with session.post(url, data=BODY, headers=HEADERS) as answer:
                await answer.read()

        async def guarded() -> None:
            sent = await sender.post(url, BODY, HEADERS)
            if not sent.delivered:
                raise RuntimeError(f"not delivered: {sent.error or sent.status}")

        await _rate(bare, AT_ONCE)  # connections
        await _rate(guarded, AT_ONCE)
        rounds = []
        for number in range(bench.of(5, 1)):
            bench.say(f"with the guard and without, round {number + 1}")
            count = bench.of(3_000, 100)
            rounds.append((await _rate(bare, count), await _rate(guarded, count)))
    without, with_ = zip(*rounds, strict=True)
    shares = [100 * theirs.cpu / mine.cpu for theirs, mine in rounds]
    rows: list[Row] = [
        {"what": "bare aiohttp session", **_typical(without)},
        {
            "what": "Sender.post",
            **_typical(with_),
            "of the bare session, by CPU, %": statistics.median(shares),
            "from-to": f"{min(shares):.0f}-{max(shares):.0f} %",
        },
    ]
    return Table("Webhooks, the guard of addresses", rows, NOTE)


@dataclass(frozen=True)
class Rate:
    """Of a round: posts per second, and microseconds of this process's CPU for each, which neighbours on the machine disturb less."""

    second: float
    cpu: float


def _typical(rounds: Sequence[Rate]) -> Row:
    return {
        "per second": statistics.median(each.second for each in rounds),
        "CPU us each": statistics.median(each.cpu for each in rounds),
    }


async def _rate(post: Callable[[], Awaitable[None]], posts: int) -> Rate:
    waiting = iter(range(posts))

    async def worker() -> None:
        for _ in waiting:
            await post()

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return Rate(posts / (time.perf_counter() - began), (time.process_time() - cpu) / posts * 1e6)
