"""Another service of the platform books: over Kafka, with the typed client, without HTTP.

    python -m examples.another_service [--kafka 127.0.0.1:PORT]

It needs `contracts` and nothing else of Holdfast. Run alone it first makes a room of its own.
"""

import argparse
import asyncio
import logging
import sys
import time
import uuid
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from aiokafka.errors import KafkaError

from contracts import examples
from contracts.booking import Booking
from contracts.catalogue import ProductFields
from contracts.client import Client, CommandRefused, NotAccepted, Unanswered
from contracts.model import Slot
from examples import addresses
from examples.telling import Teller, Unexpected
from examples.watch_events import Events, line

T = TypeVar("T")

NAME = "memberships"  # the keys of its commands belong to this name
ANNEXE = "Harbour House Annexe"  # the house itself is what `examples.harbour_house` loads
EVENT_SECONDS = 10.0
FAILURES = (CommandRefused, NotAccepted, Unanswered, KafkaError)


async def book(teller: Teller, kafka: str, product_id: str, space_id: str, slots: Sequence[Slot]) -> None:
    """Book the first of these slots that is free, confirm it, give it back. Raises Unexpected and FAILURES."""
    key = f"season-{uuid.uuid4().hex[:8]}"
    async with Events(kafka) as events, Client(kafka, name=NAME) as holdfast:
        teller.code(
            "from contracts.client import Client, CommandRefused",
            "",
            f'async with Client("{kafka}", name="{NAME}") as holdfast:',
            "    booking = await holdfast.create_booking(",
            f'        product_id, space_id, slot, key="{key}"',
            "    )",
        )
        booking, key = await _first_free(teller, holdfast, product_id, space_id, slots, key)
        _expect(booking, "RESERVED_15_MIN", 2)
        await _event(teller, events, booking)

        teller.code(f'    again = await holdfast.create_booking(product_id, space_id, slot, key="{key}")')
        again = await _timed(teller, holdfast.create_booking(product_id, space_id, booking.slot, key=key))
        if again != booking:
            raise Unexpected("The repeat with the same key was answered otherwise than the first time.")
        teller.done("The same key, the same answer: nothing was booked twice.")

        teller.code("    await holdfast.create_booking(product_id, space_id, slot)  # somebody else")
        try:
            await holdfast.create_booking(product_id, space_id, booking.slot)
        except CommandRefused as refusal:
            if refusal.refused.code != "SLOT_UNAVAILABLE":
                raise
            teller.happens(f"raises CommandRefused: {refusal}")
        else:
            raise Unexpected("The same slot was given to two bookings.")

        teller.code("    email, phone = 'ada@example.org', '+33 4 91 00 00 00'")
        teller.code("    booking = await holdfast.confirm_booking(booking.id, email=email, phone=phone)")
        email, phone = "ada@example.org", "+33 4 91 00 00 00"
        booking = await _timed(teller, holdfast.confirm_booking(booking.id, email=email, phone=phone))
        _expect(booking, "CONFIRMED", 3)
        await _event(teller, events, booking)

        teller.code("    booking = await holdfast.cancel_booking(booking.id)")
        booking = await _timed(teller, holdfast.cancel_booking(booking.id))
        _expect(booking, "CANCEL", 4)
        await _event(teller, events, booking)
        teller.done("Three changes, three events with versions 2, 3 and 4. The slot is on sale again.")


async def _first_free(
    teller: Teller, holdfast: Client, product_id: str, space_id: str, slots: Sequence[Slot], key: str
) -> tuple[Booking, str]:
    for number, slot in enumerate(slots):
        this = key if number == 0 else f"{key}-{number}"  # another command, another key
        try:
            return await _timed(teller, holdfast.create_booking(product_id, space_id, slot, key=this)), this
        except CommandRefused as refusal:
            if refusal.refused.code != "SLOT_UNAVAILABLE":
                raise
            teller.happens(f"{slot.from_:%Y-%m-%d %H:%MZ}: {refusal.refused.message}")
    raise Unexpected(f"None of {len(slots)} slots was free.")


async def _timed(teller: Teller, answer: Awaitable[Booking]) -> Booking:
    began = time.monotonic()
    booking = await answer
    milliseconds = (time.monotonic() - began) * 1000
    until = f", held until {booking.expires_at:%H:%M:%SZ}" if booking.expires_at else ""
    teller.happens(f"answered: {booking.status}, version {booking.version}{until}  ({milliseconds:.0f} ms)")
    return booking


async def _event(teller: Teller, events: Events, booking: Booking) -> None:
    """The event that this change of the booking has made."""
    try:
        event = await events.next(booking.id, within=EVENT_SECONDS)
    except TimeoutError:
        raise Unexpected(f"No event of version {booking.version} came in {EVENT_SECONDS:.0f} s.") from None
    if event.booking != booking:
        raise Unexpected(f"The event says {event.booking.status} v{event.booking.version}, not what was answered.")
    teller.happens(f"event: {line(event)}")


def _expect(booking: Booking, status: str, version: int) -> None:
    if (booking.status, booking.version) != (status, version):
        raise Unexpected(f"The booking is {booking.status} v{booking.version}, expected was {status} v{version}.")


# ---- alone, beside `make up`


async def alone(teller: Teller, kafka: str) -> None:
    """The whole of it, with a room of its own: it asks nobody for the free slots, it tries."""
    teller.says(f"The service `{NAME}` makes {ANNEXE} and a room in the catalogue, over Kafka at {kafka}.")
    annexe = examples.VENUE_FIELDS.model_copy(
        update={"name": ANNEXE, "label": "harbour-house-annexe"}
    )  # else there were two houses of one name
    async with Client(kafka, name=NAME) as holdfast:
        await _made(holdfast.put_venue(examples.HARBOUR_HOUSE.id, annexe, create=True))
        await _made(holdfast.put_space(examples.LIGHTHOUSE.id, examples.SPACE_FIELDS, create=True))
        product = ProductFields(
            name="Meeting room, one hour, for members",
            reference="room-1h-members",
            price=2000,
            currency="EUR",
            spaces=(examples.LIGHTHOUSE.id,),
        )
        await _made(holdfast.put_product(examples.ROOM_ONE_HOUR.id, product, create=True))
    await book(teller, kafka, examples.ROOM_ONE_HOUR.id, examples.LIGHTHOUSE.id, next_mornings(datetime.now(UTC)))


async def _made(entry: Awaitable[object]) -> None:
    try:
        await entry
    except CommandRefused as refusal:
        if refusal.refused.code != "CONFLICT":  # it is there since an earlier run
            raise


def next_mornings(now: datetime) -> list[Slot]:
    """9 to 10 o'clock in Marseille on each workday of the next two weeks."""
    zone = ZoneInfo(examples.HARBOUR_HOUSE.timezone)
    days = [now.astimezone(zone).date() + timedelta(days=number) for number in range(1, 15)]
    nines = [datetime(day.year, day.month, day.day, 9, tzinfo=zone) for day in days if day.weekday() < 5]
    return [Slot(from_=nine, to=nine + timedelta(hours=1)) for nine in nines]


def main() -> None:
    parser = argparse.ArgumentParser(description="Book over Kafka as another service of the platform does.")
    parser.add_argument("--kafka", help="host:port; else what the data folder says")
    parser.add_argument("--data", type=Path, default=addresses.DATA, help="the data folder of `make up`")
    given = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it has to say comes as an exception too
    teller = Teller()
    try:
        asyncio.run(alone(teller, given.kafka or addresses.of("kafka", given.data)))
    except KeyboardInterrupt:
        sys.exit(130)
    except (Unexpected, *FAILURES) as error:
        teller.fails(told(error))
        sys.exit(1)


def told(error: BaseException) -> str:
    """The failure as a sentence."""
    if isinstance(error, (NotAccepted, Unanswered)):
        return f"{type(error).__doc__} (command {error})"
    return str(error) or repr(error)


if __name__ == "__main__":
    main()
