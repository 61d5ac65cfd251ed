"""Webhooks: deliveries per second and event to receipt, beside a bare aiohttp loop that posts the same signed bodies."""

import asyncio
import base64
import json
import os
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiokafka import AIOKafkaProducer

from bench import processes, stats
from bench.setting import Bench
from bench.tables import Row, Table
from chassis.sealing import Seal
from contracts import examples, topics
from contracts.booking import BookingCreated
from contracts.client import Client
from contracts.envelope import stamp, write
from contracts.notifier import CreateSubscription, DeleteSubscription
from embedded.jars import PROJECT

SIDE_BY_SIDE = 16  # of the bare loop: as many as the notifier sends to one receiver
NOTE = (
    "Events of bookings, each for two subscriptions, to one receiver on loopback that costs next to nothing; every signature judged "
    "by the library standardwebhooks. The bare loop posts the same bodies, signed, 16 side by side, to the same receiver, before "
    "and after. Asked for: 30 % of the bare loop, and 2,700/s where that reaches 10,000/s."
)


async def measure(bench: Bench) -> list[Table]:
    """A burst beside the bare loop; a steady stream, alone and beside a receiver that hangs."""
    secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()
    receiver = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.receiver", secret, cwd=PROJECT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert receiver.stdout is not None
        url = f"http://127.0.0.1:{int(await receiver.stdout.readline())}"
        world = World(bench, url, secret)
        async with Client(bench.platform.kafka, organisation=world.organisation, name="bench") as world.client:
            return [await _burst(world), await _steady(world), await _neighbours(world)]
    finally:
        receiver.kill()
        await receiver.wait()


class World:
    """A receiver, and an organisation whose bookings it is told of."""

    client: Client

    def __init__(self, bench: Bench, url: str, secret: str) -> None:
        self.bench, self.url, self.secret = bench, url, secret
        self.organisation = f"hooks-{uuid.uuid4().hex[:8]}"
        self.seal = Seal(json.loads(bench.platform.environment["HOLDFAST_SEALING_KEYS"]))

    async def subscribe(self, path: str) -> str:
        new = str(uuid.uuid4())
        sealed = self.seal.seal(self.secret.encode(), f"webhook secret of {self.organisation}/{new}")
        command = CreateSubscription(subscription_id=new, url=self.url + path, events=("*",), secret=sealed)
        await self.client.ask(command, command_id=str(uuid.uuid4()))
        return new

    async def unsubscribe(self, subscription: str) -> None:
        await self.client.ask(DeleteSubscription(subscription_id=subscription), command_id=str(uuid.uuid4()))

    async def happen(self, count: int, a_second: float | None = None) -> None:
        """So many bookings are made, all at once or at this pace."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bench.platform.kafka, linger_ms=5 if a_second is None else 0)
        await producer.start()
        try:
            acks = []
            for number in range(count):
                acks.append(await self._tell(producer))
                if a_second and number % 10 == 9:
                    await asyncio.sleep(10 / a_second)
            await asyncio.gather(*acks)
        finally:
            await producer.stop()

    async def _tell(self, producer: AIOKafkaProducer) -> Any:
        booking = examples.BOOKING.model_copy(update={"id": str(uuid.uuid4())})
        event, message = BookingCreated(booking=booking, previous_status="PENDING"), str(uuid.uuid4())
        now = stamp(datetime.now(UTC))
        headers = write(b"booking", message, event.type, self.organisation, message, now, booking.id, causation=message)
        return await producer.send(
            topics.BOOKING_EVENTS.name, event.model_dump_json().encode(), key=booking.id.encode(), headers=headers
        )

    async def told(self, paths: Sequence[str], count: int, within: float = 120.0) -> dict[str, Any]:
        """What came, once so many came to each of these paths."""
        async with aiohttp.ClientSession() as session, asyncio.timeout(within):
            while True:
                async with session.get(f"{self.url}/count") as answer:
                    counts = await answer.json(content_type=None)
                if all(counts.get(path, 0) >= count for path in paths):
                    break
                await asyncio.sleep(0.1)
            async with session.get(f"{self.url}/told") as answer:
                told: dict[str, Any] = await answer.json(content_type=None)
                return told

    async def stop(self) -> None:
        """From now on receivers under `/later` answer nothing."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/stop"):
            pass

    async def bare(self, count: int) -> float:
        """Posts per second of the bare loop."""
        booking = examples.BOOKING.model_dump_json(by_alias=True)
        body = f'{{"id":"{uuid.uuid4()}","type":"booking.created","createdAt":"{stamp(datetime.now(UTC)).decode()}","sequence":1,'
        body += f'"data":{booking},"previous":{{"status":"PENDING"}}}}'
        argv = ["-m", "bench.bare", f"{self.url}/bare", str(count), str(SIDE_BY_SIDE), self.secret]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *argv, cwd=PROJECT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate(body.encode())
        await self.told(["/bare"], count)
        return float(out)


async def _burst(world: World) -> Table:
    bench, events = world.bench, world.bench.of(10_000, 300)
    mine = [await world.subscribe("/a"), await world.subscribe("/b")]
    await world.happen(events // 10)  # connections, prepared statements
    await world.told(["/a", "/b"], events // 10)
    bench.say("bare loop")
    before = await world.bare(events)
    bench.say(f"{events:,} events for two subscriptions")
    used = bench.snapshot()
    await world.happen(events)
    told = await world.told(["/a", "/b"], events)
    cpu = bench.used_since(used)
    after = await world.bare(events)
    for each in mine:
        await world.unsubscribe(each)
    first, last = min(each["first"] for each in told.values()), max(each["last"] for each in told.values())
    rate, bare = 2 * events / (last - first), (before + after) / 2
    came = sum(each["count"] for each in told.values())
    rows: list[Row] = [
        {"what": "bare aiohttp loop, before", "per second": before},
        {
            "what": "deliveries",
            "per second": rate,
            "of the bare loop %": 100 * rate / bare,
            "arrived": came,
            "twice": came - sum(each["different"] for each in told.values()),
            "bad signatures": sum(each["bad"] for each in told.values()),
            "asked for": "30 %, all, 0, 0",
        },
        {"what": "bare aiohttp loop, after", "per second": after},
    ]
    note = f"{NOTE} CPU seconds meanwhile: {_cpu(cpu)}."
    return Table("Webhooks, a burst", rows, note)


def _cpu(used: processes.Used) -> str:
    return ", ".join(f"{name} {ms / 1000:.1f}" for name, ms in used.cpu_ms.items() if ms >= 100)


async def _steady(world: World) -> Table:
    bench = world.bench
    count, pace = bench.of(2_000, 100), bench.of(100.0, 50.0)
    mine = [await world.subscribe("/quick")]
    rows: list[Row] = []
    for what, other in (("alone", None), ("beside one that hangs on each", "/hang")):
        if other:
            mine.append(await world.subscribe(other))
            backlog = bench.of(10_000, 300)
            bench.say(f"{backlog:,} deliveries for a receiver that hangs")
            await world.happen(backlog)
            await world.told(["/quick"], backlog)
        bench.say(f"{pace:.0f} events a second, {what}")
        await world.happen(count, pace)
        told = (await world.told(["/quick"], count))["/quick"]
        rows.append({"what": what, "events": told["count"], **stats.spread(told["ms"])})
    for each in mine:
        await world.unsubscribe(each)
    rows[1]["asked for"] = "p99 at most twice"
    note = f"{pace:.0f} events a second; milliseconds from the event's record to its receipt. The one that hangs has 10,000 due all the time."
    return Table("Webhooks, a stream", rows, note)


async def _neighbours(world: World) -> Table:
    """Thirty that were quick and begin to hang all at once, in two organisations beside the one that is measured."""
    bench, rows = world.bench, list[Row]()
    pace, count = bench.of(50.0, 25.0), bench.of(1_000, 50)
    mine = await world.subscribe("/near")
    others = [World(bench, world.url, world.secret) for _ in range(2)]
    for at, other in enumerate(others):
        async with Client(bench.platform.kafka, organisation=other.organisation, name="bench") as other.client:
            for number in range(bench.of(15, 2)):
                await other.subscribe(f"/later-{at}-{number}")
    bench.say("thirty receivers that are quick")
    for other in others:
        await other.happen(bench.of(200, 20))
    paths = [f"/later-{at}-{number}" for at in range(2) for number in range(bench.of(15, 2))]
    await world.told(paths, bench.of(200, 20))
    for what in ("beside 30 that are quick", "beside the same 30 when they begin to hang at once"):
        busy = asyncio.gather(*(other.happen(bench.of(1_000, 50), pace) for other in others))
        if rows:
            await world.stop()
        await world.happen(count, pace)
        told = (await world.told(["/near"], count))["/near"]
        await busy
        rows.append({"what": what, "events": told["count"], **stats.spread(told["ms"]), "longest ms": max(told["ms"])})
    await world.unsubscribe(mine)
    note = f"{pace:.0f} events a second for it and for each of two organisations with 15 subscriptions; milliseconds from event to receipt."
    return Table("Webhooks, neighbours", rows, note)
