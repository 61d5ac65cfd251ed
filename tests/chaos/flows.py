"""Customers: each books a slot and confirms, cancels, extends, deletes or forgets it, and repeats what is not answered.

They use the typed client as any other service does, in two instances that answer to two topics.
"""

import asyncio
import contextlib
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import aiohttp

from contracts.booking import (
    Booking,
    BookingAnswer,
    CancelBooking,
    ConfirmBooking,
    CreateBooking,
    DeleteBooking,
    ExtendHold,
    RescheduleBooking,
    UpdateBooking,
)
from contracts.catalogue import OpeningHours, ProductFields, SpaceFields, VenueFields
from contracts.client import Client, NotAccepted, Unanswered, booking_id
from contracts.examples import DETAILS
from contracts.model import Message, Slot

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SPACES = 8
PATIENCE = 60.0  # seconds until a command that was never answered is given up


@dataclass
class Street:
    """A house with some rooms, each sold by the hour around the clock; every slot is handed out once."""

    clients: list[Client]
    product: str
    extra: str
    spaces: list[str]
    first: datetime
    turn: "itertools.count[int]" = field(default_factory=itertools.count)

    def free(self) -> tuple[str, Slot]:
        """A room and an hour that nobody else will ask for."""
        number = next(self.turn)
        begin = self.first + timedelta(hours=number // len(self.spaces))
        return self.spaces[number % len(self.spaces)], Slot(from_=begin, to=begin + timedelta(hours=1))

    def free_in(self, space: str) -> Slot:
        """Another hour in this room."""
        while (where := self.free())[0] != space:
            pass
        return where[1]


@dataclass
class Load:
    """Flows under way, and what became of them."""

    street: Street
    answered: int = 0  # final answers, first ones
    finished: int = 0  # flows
    failures: list[BaseException] = field(default_factory=list)
    flows: set["asyncio.Task[None]"] = field(default_factory=set)

    async def ask(self, command: Message, key: str, client: int = 0) -> Message:
        """The final answer; the command is repeated with its key until there is one. A repeat must get the same."""
        asked_by, ends = self.street.clients[client], time.monotonic() + PATIENCE
        while True:
            try:
                reply = await asked_by.ask(command, command_id=asked_by.command_id(key))
                break
            except (NotAccepted, Unanswered):
                assert time.monotonic() < ends, f"{type(command).__name__} {asked_by.command_id(key)} is never answered"
        self.answered += 1
        return reply.message

    async def book(self, key: str, where: tuple[str, Slot], client: int = 0) -> Booking | None:
        """A held booking; None if somebody else has the slot."""
        command_id = self.street.clients[0].command_id(key)
        there = {"product_id": self.street.product, "space_id": where[0], "slot": where[1]}
        answer = await self.ask(CreateBooking(booking_id=booking_id(command_id), **there), key, client)
        return answer.booking if isinstance(answer, BookingAnswer) else None


Flow = Callable[[Load, str], Awaitable[None]]


def _key() -> str:
    return str(uuid.uuid4())


async def confirms(load: Load, key: str) -> None:
    if booking := await load.book(key, load.street.free()):
        await load.ask(ConfirmBooking(booking_id=booking.id, **DETAILS), _key())


async def cancels_and_somebody_follows(load: Load, key: str) -> None:
    where = load.street.free()
    if booking := await load.book(key, where):
        await load.ask(CancelBooking(booking_id=booking.id), _key())
        assert await load.book(_key(), where), "the slot was not given back before the cancel was answered"


async def extends_and_confirms(load: Load, key: str) -> None:
    if booking := await load.book(key, load.street.free()):
        await load.ask(ExtendHold(booking_id=booking.id), _key())
        await load.ask(ConfirmBooking(booking_id=booking.id, **DETAILS), _key())


PAY = {"payment_enabled": True, "success_url": "https://shop.example/paid", "cancel_url": "https://shop.example/left"}


async def pays(load: Load, key: str) -> None:
    """At the page, and comes back; or there is none yet, and nobody waits for it."""
    if booking := await load.book(key, load.street.free()):
        told = await load.ask(ConfirmBooking(booking_id=booking.id, **DETAILS, **PAY), _key())
        if isinstance(told, BookingAnswer) and told.booking.payment_url:
            await _at(told.booking.payment_url)


async def pays_and_cancels(load: Load, key: str) -> None:
    """At once: the cancel may be read before the payment is heard of."""
    if booking := await load.book(key, load.street.free()):
        told = await load.ask(ConfirmBooking(booking_id=booking.id, **DETAILS, **PAY), _key())
        if isinstance(told, BookingAnswer) and told.booking.payment_url:
            await _at(told.booking.payment_url)
        await load.ask(CancelBooking(booking_id=booking.id), _key())


async def _at(page: str) -> None:
    """What the form of the page does; sent again where the provider went away meanwhile."""
    card, ends = {"card": "4242424242424242", "action": "pay"}, time.monotonic() + PATIENCE
    async with aiohttp.ClientSession() as browser:
        while True:
            try:
                async with browser.post(page, data=card, allow_redirects=False) as answer:
                    assert answer.status in (200, 303), answer.status
                    return
            except aiohttp.ClientError:
                assert time.monotonic() < ends, "the provider's page is never there again"
                await asyncio.sleep(0.2)


async def forgets(load: Load, key: str) -> None:
    await load.book(key, load.street.free())


async def deletes(load: Load, key: str) -> None:
    if booking := await load.book(key, load.street.free()):
        await load.ask(DeleteBooking(booking_id=booking.id), _key())


async def moves_and_somebody_follows(load: Load, key: str) -> None:
    where = load.street.free()
    if booking := await load.book(key, where):
        to = load.street.free_in(where[0])
        told = await load.ask(RescheduleBooking(booking_id=booking.id, slot=to), _key())
        if isinstance(told, BookingAnswer):
            assert told.booking.slot == to
            assert await load.book(_key(), where), "the old slot was not given back before the move was answered"
            await load.ask(ConfirmBooking(booking_id=booking.id, **DETAILS), _key())


async def adds_an_extra_and_confirms(load: Load, key: str) -> None:
    if booking := await load.book(key, load.street.free()):
        extra = (load.street.extra,)
        await load.ask(UpdateBooking(booking_id=booking.id, additional_products=extra, **DETAILS), _key())
        told = await load.ask(ConfirmBooking(booking_id=booking.id, additional_products=()), _key())
        if isinstance(told, BookingAnswer):
            assert told.booking.total_price == booking.total_price, "the extra was taken off again"


async def repeats_from_elsewhere(load: Load, key: str) -> None:
    """The same key from two clients at once, then everything that can be asked at once."""
    where = load.street.free()
    one, other = await asyncio.gather(load.book(key, where, 0), load.book(key, where, 1))
    assert one == other, (one, other)
    if one:
        commands = [
            ConfirmBooking(booking_id=one.id, **DETAILS),
            CancelBooking(booking_id=one.id),
            ExtendHold(booking_id=one.id),
        ]
        keys = [_key() for _ in commands]
        first = await asyncio.gather(*(load.ask(each, key, 0) for each, key in zip(commands, keys, strict=True)))
        again = await asyncio.gather(*(load.ask(each, key, 1) for each, key in zip(commands, keys, strict=True)))
        assert first == again


async def collides(load: Load, key: str) -> None:
    where = load.street.free()
    asked = await asyncio.gather(*(load.book(_key(), where) for _ in range(5)))
    won = [booking for booking in asked if booking]
    assert won  # a second one only when the first one's hold has run out meanwhile: the checker knows
    told = await load.ask(ConfirmBooking(booking_id=won[-1].id, **DETAILS), _key())
    if isinstance(told, BookingAnswer):
        assert await load.book(_key(), where) is None, "a confirmed slot was given to somebody else"


FLOWS: tuple[Flow, ...] = (
    confirms, cancels_and_somebody_follows, extends_and_confirms, forgets, moves_and_somebody_follows, deletes,
    adds_an_extra_and_confirms, repeats_from_elsewhere, collides, pays, pays_and_cancels,
)  # fmt: skip


@contextlib.asynccontextmanager
async def street(kafka: str) -> AsyncIterator[Street]:
    """The house, open, and its two clients."""
    async with (
        Client(kafka, name="street", answered_within=30) as one,
        Client(kafka, name="street", answered_within=30, reply_topic="gateway.replies") as other,
    ):
        venue, product, extra, spaces = _key(), _key(), _key(), [_key() for _ in range(SPACES)]
        hours = tuple(OpeningHours(day=day, open="00:00", close="24:00") for day in DAYS)
        await one.put_venue(venue, VenueFields(name="Harbour House", opening_hours=hours), create=True)
        for space in spaces:
            await one.put_space(space, SpaceFields(name="Room", venue_id=venue), create=True)
        sold = {"name": "Hour", "reference": product, "price": 2500, "currency": "EUR", "spaces": tuple(spaces)}
        duration = {"duration": {"value": 1, "type": "hourly"}}
        await one.put_product(product, ProductFields(**sold, metadata=duration), create=True)
        coffee = {"name": "Coffee", "reference": extra, "price": 500, "currency": "EUR", "category": "additional"}
        await one.put_product(extra, ProductFields(**coffee), create=True)
        one.answered_within = other.answered_within = 3
        tomorrow = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=1)
        yield Street([one, other], product, extra, spaces, tomorrow)


@contextlib.asynccontextmanager
async def pressure(street: Street, at_once: int = 12) -> AsyncIterator[Load]:
    """So many flows at any time; at the end those under way are finished, and none must have failed."""
    load, going = Load(street), True

    async def customer(number: int) -> None:
        for flow in itertools.islice(itertools.cycle(FLOWS), number, None):
            if not going:
                return
            try:
                await flow(load, _key())
            except Exception as error:
                load.failures.append(error)
            load.finished += 1

    async with asyncio.TaskGroup() as customers:
        for number in range(at_once):
            customers.create_task(customer(number))
        try:
            yield load
        finally:
            going = False
    if load.failures:
        raise ExceptionGroup(f"{len(load.failures)} of {load.finished} flows", load.failures[:5])  # type: ignore[type-var]
