"""A subscriber as it is outside: a real receiver on a real port; and a notifier with a database of its own."""

import base64
import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from bus import Bus, Log, header, until
from receiving import Arrived, Receiver
from workers import Worker, worker

from chassis import migrations
from chassis.sealing import Seal
from contracts import notifier, topics
from contracts.booking import Booking, BookingCreated, BookingUpdated
from contracts.envelope import derived_id
from contracts.examples import BOOKING
from contracts.model import Message
from services.notifier import domain, handlers, storage

KEY = base64.b64encode(bytes(range(64))).decode()
SEAL = Seal([KEY])
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
MIGRATIONS = Path(handlers.__file__).parent / "migrations"


@dataclass
class Hooks:
    """A notifier's world."""

    bus: Bus
    receiver: Receiver
    database: str
    organisation: str = field(default_factory=lambda: f"org-{uuid.uuid4().hex[:12]}")

    def notifying(self, **settings: str) -> contextlib.AbstractAsyncContextManager[Worker]:
        """A worker of the notifier."""
        mine = {
            "HOLDFAST_SEALING_KEYS": f'["{KEY}"]',
            "HOLDFAST_DEVELOPMENT": "true",
            "HOLDFAST_NOTIFIER_DATABASE": self.bus.infra.dsn(self.database),
            "HOLDFAST_NOTIFIER_RETRY_SECONDS": "[0.2, 0.2, 0.4]",
            "HOLDFAST_NOTIFIER_CIRCUIT_SECONDS": "0.3",
        }
        return worker(self.bus, "notifier", **{**mine, **settings})

    async def sql(self, sql: str, *arguments: Any) -> list[Any]:
        connection = await asyncpg.connect(self.bus.infra.dsn(self.database))
        try:
            return [tuple(row) for row in await connection.fetch(sql, *arguments)]
        finally:
            await connection.close()

    async def tell(self, message: Message, message_id: str | None = None) -> str:
        told, _ = await self.bus.tell(message, message_id, organisation=self.organisation)
        return told

    async def asked(self, log: Log, command: Message, kind: str) -> Any:
        """The answer to the command, which must be of this kind."""
        answers = await log.caused_by(await self.tell(command), topics.CLIENTS_REPLIES.name)
        assert header(answers[0], "ce_type") == f"holdfast.{kind}.v1", answers[0].value
        return orjson.loads(answers[0].value or b"")

    def new(self, path: str, *events: str, url: str | None = None) -> notifier.CreateSubscription:
        """A subscription of this path of the receiver."""
        about = str(uuid.uuid4())
        sealed = SEAL.seal(SECRET.encode(), handlers.purpose(self.organisation, about))
        return notifier.CreateSubscription(
            subscription_id=about, url=url or self.receiver.url + path, events=events or ("booking.*",), secret=sealed
        )

    async def subscribe(self, path: str, *events: str) -> str:
        """The id of a subscription of this path."""
        command = self.new(path, *events)
        async with self.bus.listening(topics.CLIENTS_REPLIES.name) as log:
            await self.asked(log, command, "SubscriptionAnswer")
        return command.subscription_id

    async def there(self, path: str, *events: str) -> str:
        """The id of a subscription of this path, written as the notifier writes it, for tests where none runs yet."""
        command, book = self.new(path, *events), storage.Book()
        made = domain.decide(None, command, datetime.now(UTC), domain.Rules(lambda _: None, 1)).state
        assert made is not None
        book.put((self.organisation, command.subscription_id), made)
        [write] = storage.save(book)
        await self.sql(write.sql.format(*(f"${number + 1}" for number in range(len(write.arrays)))), *write.arrays)
        return command.subscription_id

    def booked(self, version: int = 2) -> Booking:
        """A booking of its own."""
        return BOOKING.model_copy(update={"id": str(uuid.uuid4()), "version": version})

    async def happen(self, count: int = 1) -> list[str]:
        """So many bookings are made; the ids of the events."""
        return [await self.tell(BookingCreated(booking=self.booked(), previous_status="PENDING")) for _ in range(count)]

    async def update(self, booking: Booking) -> str:
        return await self.tell(BookingUpdated(booking=booking, previous_status=booking.status))

    async def arrive(self, path: str, count: int, within: float = 30.0) -> list[Arrived]:
        """What came to this path, once there is so much of it."""

        async def enough() -> bool:
            return len(self.receiver.at(path)) >= count

        await until(enough, within)
        return self.receiver.at(path)

    async def ended(self, subscription: str, count: int, within: float = 30.0) -> dict[str, int]:
        """How the deliveries of a subscription ended, once so many have."""

        async def over() -> dict[str, int] | None:
            sql = (
                "SELECT status, count(*) FROM deliveries WHERE subscription_id = $1 AND ended_at IS NOT NULL GROUP BY 1"
            )
            found: dict[str, int] = dict(await self.sql(sql, subscription))
            return found if sum(found.values()) >= count else None

        found = await until(over, within)
        assert found is not None
        return found


def delivery_of(subscription: str, event: str) -> str:
    return derived_id(subscription, event)


@contextlib.asynccontextmanager
async def hooks_of(bus: Bus) -> AsyncIterator[Hooks]:
    """With a database of its own, and nothing to catch up with."""
    name = f"notifier{uuid.uuid4().hex[:8]}"
    url = await bus.infra.create_database(name)
    await migrations.migrate(url, MIGRATIONS)
    ends = await bus.ends([topic.name for topic in handlers.NotifierService.inputs])
    connection = await asyncpg.connect(url)
    await connection.execute(
        "INSERT INTO progress SELECT t, p, e, e FROM unnest($1::text[], $2::int[], $3::bigint[]) u(t, p, e)",
        [tp.topic for tp in ends],
        [tp.partition for tp in ends],
        list(ends.values()),
    )
    await connection.close()
    async with Receiver().serving() as receiver:
        yield Hooks(bus, receiver, name)
    await bus.infra.drop_database(name)
