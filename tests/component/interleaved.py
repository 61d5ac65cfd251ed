"""A batch against a real database, with somebody else's statement slipped in just before it is written."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from shop import empty

from chassis import inbox
from chassis.batch import Batches
from chassis.entries import Send
from chassis.messages import open_record
from contracts import topics
from contracts.catalogue import HOLD_LENGTHS, PutProduct, PutSpace, PutVenue
from contracts.envelope import stamp, write
from contracts.examples import (
    HARBOUR_HOUSE,
    LIGHTHOUSE,
    ORGANISATION,
    PRODUCT_FIELDS,
    ROOM_ONE_HOUR,
    SPACE_FIELDS,
    VENUE_FIELDS,
)
from contracts.model import Message, Slot
from embedded.infrastructure import Infrastructure
from services.availability.handlers import AvailabilityService

LANE = TopicPartition("availability.commands", 0)


class Lengths:
    """What availability's settings say of holds."""

    hold, most_held = timedelta(minutes=15), timedelta(minutes=60)
    hold_lengths = tuple(timedelta(minutes=minutes) for minutes in HOLD_LENGTHS)


class Meddled:
    """A database whose `meddle`, if set, runs right before the statement that writes a batch, and once only."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool, self.meddle = pool, ""

    async def fetch(self, sql: str, *arguments: Any) -> Any:
        if "one_worker_at_a_time" in sql and self.meddle:
            meddle, self.meddle = self.meddle, ""
            await self.pool.execute(meddle)
        return await self.pool.fetch(sql, *arguments)


@dataclass
class Worker:
    """Decides one message after the other, as the decider would."""

    database: Meddled
    batches: Batches
    offset: int = 0

    async def decide(self, message_id: str, message: Message, *, age: timedelta = timedelta(0)) -> Sequence[Send]:
        """Decide the message at the next offset; nothing moves on if that fails."""
        return await self.decide_together((message_id, message), age=age)

    async def decide_together(self, *messages: tuple[str, Message], age: timedelta = timedelta(0)) -> Sequence[Send]:
        """Decide these messages at the next offsets as one batch."""
        created = stamp(datetime.now(UTC) - age)
        opened = [
            open_record(_record(self.offset + n, message_id, message, created), topics.models())
            for n, (message_id, message) in enumerate(messages)
        ]
        span = {LANE: (self.offset, self.offset + len(opened))}
        sends = await self.batches.decide(opened, span, {}, {LANE: 0}, {})
        self.offset += len(opened)
        return sends


def _record(offset: int, message_id: str, message: Message, created: bytes) -> "ConsumerRecord[bytes, bytes]":
    key = topics.address(message)[1]
    headers = write(
        b"/tests",
        message_id,
        type(message).type,
        ORGANISATION,
        message_id,
        created,
        key,
        reply_to="clients.replies",
    )
    body = message.__pydantic_serializer__.to_json(message, exclude_none=True)
    now = round(datetime.now(UTC).timestamp() * 1000)
    return ConsumerRecord(LANE.topic, 0, offset, now, 1, key.encode(), body, None, 36, len(body), tuple(headers))


def next_monday(hour: int) -> Slot:
    """That hour of a Monday soon, in the well-known house."""
    zone = ZoneInfo(HARBOUR_HOUSE.timezone)
    day = datetime.now(zone).date() + timedelta(days=7)
    day += timedelta(days=-day.weekday() % 7)
    begin = datetime(day.year, day.month, day.day, hour, tzinfo=zone).astimezone(UTC)
    return Slot(from_=begin, to=begin + timedelta(hours=1))


@pytest.fixture
async def worker(infra: Infrastructure) -> AsyncIterator[Worker]:
    """Availability's, with a database of its own."""
    async with empty(infra) as pool:
        yield await availability(pool)


async def availability(pool: asyncpg.Pool) -> Worker:
    """Availability with the well-known house, on an empty database."""
    await pool.execute(inbox.MAKE_PROGRESS_ROWS, [LANE.topic], [LANE.partition])
    database = Meddled(pool)
    worker = Worker(database, Batches(AvailabilityService(Lengths()), database))  # type: ignore[arg-type]
    for number, put in enumerate(
        (
            PutVenue(venue_id=HARBOUR_HOUSE.id, create=True, fields=VENUE_FIELDS),
            PutProduct(
                product_id=ROOM_ONE_HOUR.id, create=True, fields=PRODUCT_FIELDS.model_copy(update={"spaces": ()})
            ),
            PutSpace(
                space_id=LIGHTHOUSE.id,
                create=True,
                fields=SPACE_FIELDS.model_copy(update={"products": (ROOM_ONE_HOUR.id,)}),
            ),
        )
    ):
        [answer] = await worker.decide(f"00000000-0000-5000-8000-00000000000{number}", put)
        assert b"Refused" not in dict(answer.headers)["ce_type"], answer.value
    return worker
