"""Whoever has no booking left is forgotten with the last one, whoever else writes at that moment."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from answering import House, replies
from bus import REPLIES, Bus, Log, until

from contracts.booking import (
    CancelBooking,
    DeleteBooking,
    FindOrCreateCustomer,
    UpdateBooking,
    customer_id,
)
from contracts.model import Message

WATCHED = ("availability.commands", "availability.events", REPLIES)
EMAIL = "ada@example.org"


@dataclass
class Desk:
    """A house with somebody who asks."""

    bus: Bus
    log: Log
    house: House
    booked: int = 0
    asked: list[str] = field(default_factory=list)

    @property
    def customer(self) -> str:
        return customer_id(self.house.organisation, EMAIL)

    async def ask(self, command: Message, command_id: str | None = None) -> str:
        return (await self.bus.tell(command, command_id, organisation=self.house.organisation))[0]

    async def told(self, command_id: str) -> Any:
        [first, *_] = await self.log.until(lambda records: replies(records, command_id))
        return json.loads(first.value or b"")

    async def says(self, command: Message) -> Any:
        return await self.told(await self.ask(command))

    async def booking(self, email: str = EMAIL, **more: str) -> str:
        """A cancelled booking of this customer: whoever deletes it need not ask for its slot."""
        command_id = str(uuid.uuid4())
        await self.ask(self.house.create(command_id, self.booked), command_id)
        self.booked += 1
        booking_id: str = (await self.told(command_id))["booking"]["id"]
        await self.says(UpdateBooking(booking_id=booking_id, email=email, **more))
        await self.says(CancelBooking(booking_id=booking_id))
        return booking_id

    async def is_known(self) -> bool:
        sql = "SELECT count(*) FROM customers WHERE organisation_id = $1 AND id = $2"
        known: int = await self.bus.pools["booking"].fetchval(sql, self.house.organisation, self.customer)
        return known > 0

    async def find(self) -> Any:
        return await self.says(FindOrCreateCustomer(customer_id=self.customer, email=EMAIL))


@contextlib.asynccontextmanager
async def desk(bus: Bus) -> AsyncIterator[Desk]:
    async with bus.listening(*WATCHED) as log, bus.deciding("availability"), bus.deciding("booking"):
        yield Desk(bus, log, await House().open(bus, log))


@contextlib.asynccontextmanager
async def another_writer(bus: Bus, *statements: tuple[Any, ...]) -> AsyncIterator[None]:
    """Somebody who has written this and commits at the end, once others wait for it."""
    connection = await asyncpg.connect(bus.infra.dsn("booking"))
    try:
        async with connection.transaction():
            for sql, *arguments in statements:
                await connection.execute(sql, *arguments)
            yield

            async def waited_for() -> bool:
                own = await connection.fetchval("SELECT pg_backend_pid()")
                sql = "SELECT count(*) FROM pg_stat_activity WHERE $1::int = ANY(pg_blocking_pids(pid))"
                return bool(await bus.pools["booking"].fetchval(sql, own))

            await until(waited_for)
    finally:
        await connection.close()


TELL = "UPDATE customers SET name = 'Countess' WHERE organisation_id = $1 AND id = $2"
TAKE = "UPDATE bookings SET customer_id = $3 WHERE organisation_id = $1 AND id = $2"
LET_GO = "UPDATE bookings SET customer_id = NULL, hidden = true WHERE organisation_id = $1 AND id = $2"
STAYS = "UPDATE customers SET created_at = created_at WHERE organisation_id = $1 AND id = $2"


async def test_customer_is_forgotten_with_the_last_booking_and_made_afresh_by_the_next_request(bus: Bus) -> None:
    async with desk(bus) as at:
        first, last = await at.booking(name="Ada", phone="+33491000000"), await at.booking()
        await at.says(DeleteBooking(booking_id=first))
        assert (await at.find())["customer"] == {
            "id": at.customer,
            "email": EMAIL,
            "name": "Ada",
            "phone": "+33491000000",
        }
        await at.says(DeleteBooking(booking_id=last))
        assert not await at.is_known()
        afresh = await at.find()
        assert (afresh["created"], afresh["customer"]["name"], afresh["customer"]["phone"]) == (True, None, None)


async def test_customer_is_forgotten_when_the_deletes_are_decided_together(bus: Bus) -> None:
    async with desk(bus) as at:
        bookings = [await at.booking() for _ in range(6)]
        deletes = [await at.ask(DeleteBooking(booking_id=each)) for each in bookings]
        await asyncio.gather(*map(at.told, deletes))
        assert not await at.is_known()


async def test_customer_stays_when_the_same_batch_names_them_again(bus: Bus) -> None:
    async with bus.listening(*WATCHED) as log, bus.deciding("availability"):
        async with bus.deciding("booking"):
            at = Desk(bus, log, await House().open(bus, log))
            gone = await at.booking()
            command_id = str(uuid.uuid4())
            await at.ask(at.house.create(command_id, 9), command_id)
            live = (await at.told(command_id))["booking"]["id"]
            await bus.quiet("booking")
        # All of them lie in one partition when the worker comes: they are one batch.
        said = {"partition": 0, "organisation": at.house.organisation}
        told = UpdateBooking(booking_id=live, email=EMAIL, name="Countess")
        sent = [(await bus.tell(each, **said))[0] for each in (told, DeleteBooking(booking_id=gone))]
        async with bus.deciding("booking"):
            await asyncio.gather(*map(at.told, sent))
            assert (await at.find())["customer"]["name"] == "Countess"


async def test_customer_stays_when_another_writer_takes_them_for_a_booking_meanwhile(bus: Bus) -> None:
    async with desk(bus) as at:
        gone, other = await at.booking(), await at.booking("eve@example.org")
        me = (at.house.organisation, at.customer)
        async with another_writer(bus, (TELL, *me), (TAKE, me[0], other, me[1])):
            deleting = await at.ask(DeleteBooking(booking_id=gone))
        await at.told(deleting)
        assert await at.is_known()


async def test_customer_is_forgotten_when_another_writer_deletes_their_other_booking_meanwhile(bus: Bus) -> None:
    async with desk(bus) as at:
        gone, other = await at.booking(), await at.booking()
        me = (at.house.organisation, at.customer)
        async with another_writer(bus, (STAYS, *me), (LET_GO, me[0], other)):
            deleting = await at.ask(DeleteBooking(booking_id=gone))
        await at.told(deleting)
        assert not await at.is_known()


async def test_customer_of_another_organisation_stays(bus: Bus) -> None:
    async with desk(bus) as at:
        gone = await at.booking()
        rival = Desk(bus, at.log, await House().open(bus, at.log))
        await rival.booking()
        await at.says(DeleteBooking(booking_id=gone))
        assert (await at.is_known(), await rival.is_known()) == (False, True)
