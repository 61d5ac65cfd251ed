"""Payment against cancel, expiry and a second page, on the whole platform: real services, real Kafka and PostgreSQL, the sandbox.

A thousand of them take a minute and a half; `make chaos ARGS="-k money_races -s"` prints what became of them, HOLDFAST_MONEY_RACES says how many.
"""

import asyncio
import itertools
import json
import os
import random
import sys
import time
from collections import Counter
from typing import Any

import aiohttp
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from awaiting import until
from flows import Load, street
from money_races import RACES, Race, Races, bad_weather, findings, settled

from contracts import topics
from embedded.jars import PROJECT
from embedded.platform import PARTITIONS, Platform, running

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

MANY = int(os.environ.get("HOLDFAST_MONEY_RACES", "1000"))
SEED = int(os.environ.get("HOLDFAST_MONEY_SEED", "5"))
AT_ONCE = 16
SETTLES_WITHIN = 120.0  # seconds: the reconciler looks every two, and nothing else is slow
SETTINGS = {
    "HOLDFAST_PAYMENT_EVENTS_SECONDS": "2",
    "HOLDFAST_PAYMENT_SESSIONS_SECONDS": "5",
    "HOLDFAST_SANDBOX_SLOW_SECONDS": "0.3",
}


async def raced(races: Races, plan: "itertools.cycle[Race]", left: "itertools.count[int]") -> None:
    """One customer after the other, until there were enough."""
    while next(left) < MANY:
        race, mine = next(plan), None
        while mine is None:  # somebody who follows may have that very slot
            mine = await races.books(races.street.free())
        await race(races, mine, await races.page(mine))


async def happenings(platform: Platform) -> list[dict[str, Any]]:
    """All that booking has told."""
    consumer = AIOKafkaConsumer(bootstrap_servers=platform.kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = [TopicPartition(topics.BOOKING_EVENTS.name, number) for number in range(PARTITIONS)]
        consumer.assign(places)
        ends, found = await consumer.end_offsets(places), []
        while not all([await consumer.position(place) >= end for place, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [orjson.loads(record.value or b"{}") for record in records]
        return found
    finally:
        await consumer.stop()


async def ledger(platform: Platform) -> tuple[int | None, dict[str, Any]]:
    """What `holdfast payments ledger` says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "embedded.command", "payments", "ledger", "--json", "--data", str(platform.data)),
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return process.returncode, json.loads(said or b"{}")


async def test_every_cent_of_many_races_ends_where_it_belongs() -> None:
    luck = random.Random(SEED)
    async with (
        running(fast_sessions=True, hold="15m", settings=SETTINGS) as platform,
        street(platform.kafka) as there,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as browser,
    ):
        races = await Races(platform, Load(there), browser, luck).opened()
        begun = time.monotonic()
        plan, left = itertools.cycle(RACES), itertools.count()
        async with bad_weather(races) as struck, asyncio.TaskGroup() as customers:
            for _ in range(AT_ONCE):
                customers.create_task(raced(races, plan, left))
            for name in ("payment-1", "booking-1"):  # each dies in the middle of it
                wanted = races.load.answered + MANY // 2

                async def come_so_far(wanted: int = wanted) -> bool:
                    return races.load.answered >= wanted

                await until(come_so_far, 300)
                await platform.restarted(name, await platform.kill(name))
        over, odd = time.monotonic(), ["not looked yet"]

        async def adds_up() -> bool:
            odd[:] = findings(races, await settled(races, await happenings(platform)))
            return not odd

        try:
            await until(adds_up, SETTLES_WITHIN)
        except (AssertionError, TimeoutError):
            raise AssertionError(f"seed {SEED}: {len(odd)} findings:\n" + "\n".join(odd[:20])) from None
        last, now = time.monotonic(), await settled(races, await happenings(platform))
        code, said = await ledger(platform)
        ends = Counter(now.statuses[mine.id] for mine in races.bought)
        theirs = {kind: len(now.theirs[kind]) for kind in ("checkout_sessions", "charges", "refunds", "events")}
        sys.stdout.write(
            f"\n{len(races.bought)} bookings in {over - begun:.0f} s, settled {last - over:.0f} s later: {dict(ends)}"
            f"\nthe provider has {theirs}; its faults: {dict(struck)}\n"
        )
        assert (code, said["problems"]) == (0, [])
        assert len(races.bought) >= MANY
        assert {"PAID", "REFUNDED", "CANCEL"} <= set(ends), "the races are no races"
        assert sum(line["kept"] for line in said["totals"]) == sum(
            each["amount_captured"] - each["amount_refunded"]
            for each in now.theirs["charges"]
            if each["status"] == "succeeded"
        )
