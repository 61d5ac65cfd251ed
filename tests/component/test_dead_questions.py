"""R14: booking is told of each question to payment that could not be handled, so that nobody waits for ever; a redrive is handled."""

import contextlib
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import orjson
import pytest
from awaiting import until
from bus import Bus, Log, header
from tills import MIGRATIONS

from chassis import database, migrations
from chassis.decider import Decider
from chassis.messages import Incoming, Output
from contracts.examples import CREATE_CHECKOUT
from contracts.model import Message
from contracts.payment import CreateCheckout, RefundPayment
from services.payment.handlers import PaymentService

TOPICS = ("payment.events", "payment.dead-letters")


class Stumbling(PaymentService):
    """A bug, until it is mended."""

    broken = True
    database: asyncpg.Pool

    def decide(self, accounts: Any, message: Incoming, now: datetime) -> Sequence[Output]:
        if self.broken:
            raise RuntimeError("stumbled")
        return super().decide(accounts, message, now)


@pytest.fixture
async def payment(bus: Bus) -> AsyncIterator[Stumbling]:
    """A decider of payment alone, with a database of its own: no caller, so nobody asks a provider."""
    name = f"payment_{uuid.uuid4().hex[:8]}"
    url = await bus.infra.create_database(name)
    await migrations.migrate(url, MIGRATIONS)
    connection = await asyncpg.connect(url)
    for at, end in (await bus.ends(["payment.commands"])).items():
        await connection.execute("INSERT INTO progress VALUES ($1, $2, $3, $3)", at.topic, at.partition, end)
    await connection.close()
    pool, failures = await database.connect(url, 4, "decider of payment"), list[BaseException]()
    service = Stumbling(live=False)
    service.database = pool
    decider = Decider(service, bus.settings("booking"), pool, failures.append)
    await decider.start()
    yield service
    with contextlib.suppress(Exception) if failures else contextlib.nullcontext():
        await decider.stop()
    await pool.close()
    await bus.infra.drop_database(name)
    assert failures == []


async def heard(log: Log, booking: str, count: int) -> list[dict[str, Any]]:
    """The events about this booking, once there are so many."""

    def found(records: list[Any]) -> list[Any] | None:
        mine = [each for each in records if each.topic == "payment.events" and each.key == booking.encode()]
        return mine if len(mine) >= count else None

    told = await log.until(found)
    assert told
    return [{"type": header(each, "ce_type"), **orjson.loads(each.value)} for each in told]


def question(kind: type[Message], booking: str) -> Message:
    if kind is CreateCheckout:
        return CREATE_CHECKOUT.model_copy(update={"booking_id": booking})
    return RefundPayment(booking_id=booking, payment="pi_1", amount=2500)


@pytest.mark.parametrize(
    ("kind", "event", "reason", "names"),
    [
        (CreateCheckout, "PaymentFailed", "internal", "checkoutId"),
        (RefundPayment, "RefundFailed", "impossible", "refundId"),
    ],
)
async def test_a_dead_question_about_money_is_answered_by_a_refusal_and_handled_when_it_is_replayed(
    bus: Bus, payment: Stumbling, kind: type[Message], event: str, reason: str, names: str
) -> None:
    booking = str(uuid.uuid4())
    async with bus.listening(*TOPICS) as log:
        message_id, _ = await bus.tell(question(kind, booking), causation=str(uuid.uuid4()), reply_to=None)
        [told] = await heard(log, booking, 1)
        assert (told["type"], told["reason"], told[names]) == (f"holdfast.{event}.v1", reason, message_id)
        assert await buried(log, 1) == [(message_id, "failed with RuntimeError: stumbled")]
        payment.broken = False
        await bus.tell(question(kind, booking), message_id, causation=str(uuid.uuid4()), reply_to=None)
        if kind is RefundPayment:  # nobody ever paid: that is a decision, for people too, and not the bug again
            assert (await heard(log, booking, 2))[1]["reason"] == "impossible"
            assert (await buried(log, 2))[1] == (message_id, "failed with NotBelieved: no such payment: pi_1")
        else:
            assert await until(lambda: payment.database.fetchval("SELECT count(*) FROM calls WHERE kind = 'open'")) == 1
            assert len(await buried(log, 1)) == 1


async def buried(log: Log, count: int) -> list[tuple[str, str]]:
    """The dead letters, once there are so many: id and reason."""

    def found(records: list[Any]) -> list[Any] | None:
        letters = [each for each in records if each.topic == "payment.dead-letters"]
        return letters if len(letters) >= count else None

    letters = await log.until(found)
    assert letters
    return [(str(header(each, "ce_id")), str(header(each, "dead-letter-reason"))) for each in letters]
