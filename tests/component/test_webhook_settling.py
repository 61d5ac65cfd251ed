"""Outcomes are written whatever Kafka does: who is to be disabled is asked for beside them, all at once."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from awaiting import until
from bus import Bus
from hooks import Hooks, hooks_of

from chassis import database
from chassis.entries import Send
from services.notifier.deliveries import Claimed, Outcome
from services.notifier.settling import Settler

FAILING = 15
_DELIVER = """
INSERT INTO deliveries (id, organisation_id, subscription_id, event_id, type, attempts, claimed_until)
SELECT gen_random_uuid(), $1, u, gen_random_uuid(), 'booking.created', 1, now() + interval '1 minute' FROM unnest($2::uuid[]) u
RETURNING id::text, subscription_id::text
"""


class Away:
    """Stands where Kafka is: takes what it is told, and answers nothing until it is back."""

    def __init__(self) -> None:
        self.told: list[Sequence[Send]] = []
        self.back = asyncio.Event()

    async def publish(self, sends: Sequence[Send]) -> list[Any]:
        self.told.append(sends)
        await self.back.wait()
        return []


@pytest.fixture
async def hooks(whole_bus: Bus) -> AsyncIterator[Hooks]:
    async with hooks_of(whole_bus) as hooks:
        yield hooks


async def failed(hooks: Hooks, settler: Settler, subscriptions: list[str]) -> None:
    for delivery, about in await hooks.sql(_DELIVER, hooks.organisation, subscriptions):
        claimed = Claimed(delivery, about, hooks.organisation, 1, 0, "", (), 1, "", "booking.created", 0.0, "", None)
        settler.add(Outcome(claimed, False, 60.0, "{}"))


async def test_outcomes_are_written_while_kafka_is_away_and_the_disables_are_one_question(hooks: Hooks) -> None:
    kafka: Any = Away()
    pool: asyncpg.Pool = await database.connect(hooks.bus.infra.dsn(hooks.database), 2, "settler")
    settler = Settler(pool, kafka, timedelta(days=5))
    try:
        subscriptions = [await hooks.there("/", "*") for _ in range(FAILING)]
        await hooks.sql("UPDATE subscriptions SET failing_since = now() - interval '6 days' RETURNING 1")
        for _ in range(2):  # the second time the first question is still open
            await failed(hooks, settler, subscriptions)
            began = time.monotonic()
            await settler.flush()
            assert time.monotonic() - began < 2
        written = (
            "SELECT count(*) FROM deliveries WHERE claimed_until IS NULL AND due_at > now() + interval '30 seconds'"
        )
        assert await hooks.sql(written) == [(2 * FAILING,)]

        async def asked() -> bool:
            return bool(kafka.told)

        await until(asked)
        assert [sorted((send.key or b"").decode() for send in sends) for sends in kafka.told] == [sorted(subscriptions)]
        kafka.back.set()

        async def asked_again() -> bool:
            await failed(hooks, settler, subscriptions[:1])
            await settler.flush()
            return len(kafka.told) > 1

        await until(asked_again)
    finally:
        await settler.stop()
        await pool.close()
