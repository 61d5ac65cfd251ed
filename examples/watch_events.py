"""What a service sees that follows `booking.events`.

    python -m examples.watch_events [--kafka 127.0.0.1:PORT] [--from-beginning]

An event carries the whole booking and its version. A repeat has a version that was seen before: it is ignored. A version that
is missing is worth an alarm, never a wait.
"""

import argparse
import asyncio
import contextlib
import logging
import sys
from pathlib import Path
from types import TracebackType
from typing import Self, get_args

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from contracts import connecting, header_names, topics
from contracts.booking import BookingCreated, BookingDeleted, BookingPaid, BookingPaymentFailed, BookingUpdated
from contracts.envelope import UnreadableEnvelope, read
from examples import addresses
from examples.telling import Teller, Unexpected

Event = BookingCreated | BookingUpdated | BookingPaid | BookingPaymentFailed | BookingDeleted
LOOK_SECONDS = 1.0
EVENT_SECONDS = 30.0  # an event comes within milliseconds; who waits longer waits for one that was had already
MODELS: dict[str, type[Event]] = {model.type: model for model in get_args(Event)}


class Events:
    """The events from now on, or from the beginning. It is in no group: whoever watches sees all of them."""

    def __init__(self, kafka: str, *, from_beginning: bool = False) -> None:
        header_names.tolerate()
        self._from_beginning = from_beginning
        self._versions: dict[str, int] = {}  # by booking: the last one seen
        self._consumer = AIOKafkaConsumer(
            topics.BOOKING_EVENTS.name,
            **connecting.address(kafka).options,
            auto_offset_reset="earliest" if from_beginning else "latest",
            fetch_max_wait_ms=100,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
            if not self._from_beginning:
                await self._consumer.seek_to_end()
                for partition in self._consumer.assignment():
                    await self._consumer.position(partition)  # from here on nothing is missed
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def next(self, booking_id: str | None = None, *, within: float | None = EVENT_SECONDS) -> Event:
        """The next event that was not seen before, of this booking or of any. Raises TimeoutError after so many seconds (None: never)."""
        try:
            async with asyncio.timeout(within):
                return await self._next(booking_id)
        except TimeoutError:
            whose = f"of booking {booking_id} " if booking_id else ""
            raise TimeoutError(f"no event {whose}that was not seen before came within {within:g} s") from None

    async def _next(self, booking_id: str | None) -> Event:
        while True:
            record = await self._consumer.getone()
            try:
                envelope = read(record.headers, record.timestamp)
                event = MODELS[envelope.type].model_validate_json(record.value or b"")
            except (UnreadableEnvelope, KeyError, ValidationError):
                continue  # a newer message, or nonsense: not for us
            booking = event.booking
            seen = self._versions.get(booking.id, 0)
            self._versions[booking.id] = max(seen, booking.version)
            if booking.version > seen and booking_id in (None, booking.id):
                return event


def line(event: Event) -> str:
    """The event in a line."""
    booking = event.booking
    reason = f" ({booking.cancel_reason})" if booking.cancel_reason else ""
    change = f"{event.previous_status} → {booking.status}{reason}"
    return f"{type(event).__name__} v{booking.version} {booking.id} {change}"


async def watch(teller: Teller, kafka: str, from_beginning: bool) -> None:
    """Show events until somebody stops it."""
    async with Events(kafka, from_beginning=from_beginning) as events:
        teller.says(f"Watching booking.events at {kafka}. Ctrl-C ends it.")
        losses = asyncio.create_task(_tell_of_losses(teller, kafka))
        try:
            while True:
                teller.happens(line(await events.next(within=None)))
        finally:
            losses.cancel()


async def _tell_of_losses(teller: Teller, kafka: str) -> None:
    """The consumer tries for ever, silently, to reach a Kafka that is gone: somebody has to say so."""
    host, _, port = connecting.address(kafka).servers.partition(",")[0].rpartition(":")
    lost = False
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
        except OSError:
            if not lost:
                teller.says(
                    f"The line is lost: nothing answers at {kafka}. Events go on when Kafka is there again; if the platform "
                    "is started at another address, start this again too."
                )
            lost = True
        else:
            if lost:
                teller.says(f"Kafka answers at {kafka} again.")
            lost = False


def main() -> None:
    parser = argparse.ArgumentParser(description="Show the events of all bookings as they happen.")
    parser.add_argument("--kafka", help="host:port; else what the data folder says")
    parser.add_argument("--data", type=Path, default=addresses.DATA, help="the data folder of `make up`")
    parser.add_argument("--from-beginning", action="store_true", help="begin with the oldest event that Kafka has")
    given = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it has to say comes as an exception too
    try:
        kafka = given.kafka or addresses.of("kafka", given.data)
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(watch(Teller(), kafka, given.from_beginning))
    except (Unexpected, KafkaError) as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
