"""The typed client: publish a command, await its answer. The gateway uses it, and so does any other service of the platform.

    async with Client("127.0.0.1:9092", organisation="demo", name="billing") as holdfast:
        booking = await holdfast.create_booking(product_id, space_id, slot, key="order-17")

`key` makes a command repeatable: the same key and the same command give the first answer again, however often and from
wherever it is sent; the same key with another command is refused. Without a key the client draws one.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from contracts import booking, catalogue, claims, connecting, header_names, notifier, topics
from contracts.answers import Refused
from contracts.booking_commands import BookingCommands
from contracts.booking_commands import booking_id as booking_id  # the name that everybody knows it by
from contracts.catalogue_commands import CatalogueCommands
from contracts.envelope import edge_id, request_hash, stamp, write
from contracts.model import Message
from contracts.outcomes import CommandRefused as CommandRefused
from contracts.outcomes import NotAccepted as NotAccepted
from contracts.outcomes import Reply as Reply
from contracts.outcomes import Unanswered as Unanswered
from contracts.outcomes import Unclaimed as Unclaimed
from contracts.webhook_commands import WebhookCommands

log = logging.getLogger(__name__)

ANSWERS: dict[str, type[Message]] = {
    answer.type: answer
    for answer in (
        Refused,
        booking.BookingAnswer,
        booking.BookingDeletedAnswer,
        booking.CustomerAnswer,
        catalogue.VenueAnswer,
        catalogue.SpaceAnswer,
        catalogue.ProductAnswer,
        catalogue.ArchiveAnswer,
        claims.KeyClaimed,
        notifier.SubscriptionAnswer,
        notifier.SubscriptionDeletedAnswer,
        notifier.DeliveryAnswer,
        notifier.ReplayAnswer,
    )
}


class Client(BookingCommands, CatalogueCommands, WebhookCommands):
    """Publishes commands for one organisation, or for any that `ask` names, and awaits their answers.

    `name` is the client within the organisation that keys belong to; `reply_topic` must exist. Times in seconds.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        organisation: str = "demo",
        name: str,
        reply_topic: str = topics.CLIENTS_REPLIES.name,
        acknowledged_within: float = 5.0,
        answered_within: float = 10.0,
    ) -> None:
        self.bootstrap, self.organisation, self.name, self.reply_topic = bootstrap, organisation, name, reply_topic
        self.acknowledged_within, self.answered_within = acknowledged_within, answered_within
        self._source = f"/clients/{name}".encode()
        self._waiting: dict[tuple[str, str], list[asyncio.Future[Reply]]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect; returns when the client would see any answer from now on. Raises KafkaError, and LookupError when there is
        no such reply topic."""
        self._producer = AIOKafkaProducer(
            **connecting.address(self.bootstrap).options,
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=topics.RECORD_BYTES // 2,  # by default 16 KiB a partition and round trip: too few commands
        )
        header_names.tolerate()
        # No group: every instance reads all answers from now on and keeps those it waits for.
        self._consumer = AIOKafkaConsumer(
            self.reply_topic,
            **connecting.address(self.bootstrap).options,
            auto_offset_reset="latest",
            fetch_max_wait_ms=500,
        )
        try:
            await self._producer.start()
            if self.reply_topic not in (await self._producer.client.fetch_all_metadata()).topics():
                raise LookupError(f"there is no topic {self.reply_topic} to be answered at")
            await self._consumer.start()
            await self._consumer.seek_to_end()
            for partition in self._consumer.assignment():
                await self._consumer.position(partition)
        except BaseException:
            await self.stop()
            raise
        self._reader = asyncio.create_task(self._read())

    async def stop(self) -> None:
        """Disconnect; whoever still waits gets Unanswered."""
        if self._reader:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
            self._reader = None
        for futures in self._waiting.values():
            for future in futures:
                future.cancel()
        await _closed(self._consumer.stop())
        await _closed(self._producer.stop())

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def ready(self) -> bool:
        """Whether answers are being read."""
        return self._reader is not None and not self._reader.done()

    def command_id(self, key: str, organisation: str | None = None, client: str | None = None) -> str:
        """The id that a command with this key has."""
        return edge_id(organisation or self.organisation, client or self.name, key)

    async def ask(
        self,
        command: Message,
        *,
        command_id: str,
        organisation: str | None = None,
        traceparent: bytes | None = None,
    ) -> Reply:
        """Publish the command and await its answer. Raises NotAccepted or Unanswered; a Refused is an answer.

        What another service than booking decides is published once its key is claimed there: one ledger knows every key.
        """
        organisation, within = organisation or self.organisation, self.answered_within
        if topics.address(command)[0] != topics.BOOKING_COMMANDS.name:
            began, claim = time.monotonic(), claims.claim(command_id, organisation, command)
            try:
                claimed = await self._asked(claim, command_id, organisation, traceparent, within)
            except Unanswered:
                # The command itself is not in Kafka yet: to say that nothing is lost would not be true.
                raise Unclaimed(command_id) from None
            if isinstance(claimed.message, Refused):
                return claimed
            within -= time.monotonic() - began
        return await self._asked(command, command_id, organisation, traceparent, within)

    async def _asked(
        self, command: Message, command_id: str, organisation: str, traceparent: bytes | None, within: float
    ) -> Reply:
        waits_for = (command_id, request_hash(organisation, command))
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(waits_for, []).append(future)
        try:
            await self._publish(command, command_id, organisation, traceparent, self.reply_topic)
            async with asyncio.timeout(within):
                return await future
        except TimeoutError:
            raise Unanswered(command_id) from None
        except asyncio.CancelledError:
            if future.cancelled() and not self.ready:
                raise Unanswered(command_id) from None
            raise
        finally:
            futures = self._waiting[waits_for]
            futures.remove(future)
            if not futures:
                del self._waiting[waits_for]

    async def tell(
        self, command: Message, *, command_id: str, organisation: str, traceparent: bytes | None = None
    ) -> None:
        """Publish what nobody answers; returns when Kafka has it. Raises NotAccepted."""
        await self._publish(command, command_id, organisation, traceparent, None)

    async def _publish(
        self, command: Message, command_id: str, organisation: str, traceparent: bytes | None, reply_to: str | None
    ) -> None:
        topic, key = topics.address(command)
        headers = write(
            self._source,
            command_id,
            type(command).type,
            organisation,
            command_id,
            stamp(datetime.now(UTC)),
            key,
            reply_to=reply_to,
            traceparent=traceparent,
        )
        body = command.__pydantic_serializer__.to_json(command, exclude_none=True)
        try:
            async with asyncio.timeout(self.acknowledged_within):
                acknowledged = await self._producer.send(topic, body, key=key.encode(), headers=headers)
                # Shielded: the record is on its way, a caller who gives up must not take it back half-sent.
                await asyncio.shield(acknowledged)
        except (TimeoutError, KafkaError) as error:
            raise NotAccepted(command_id) from error

    async def _read(self) -> None:
        while True:
            try:
                for records in (await self._consumer.getmany(timeout_ms=1000)).values():
                    for record in records:
                        self._deliver(record)
            except Exception as error:  # whatever it is, those who wait for the next answer must not wait in vain
                log.warning("answers are not readable: %r", error)
                await asyncio.sleep(0.2)

    def _deliver(self, record: ConsumerRecord[bytes, bytes]) -> None:
        headers = dict(record.headers)
        try:
            waited_for = (headers["ce_causationid"].decode("ascii"), headers["ce_requesthash"].decode("ascii"))
            futures = self._waiting.get(waited_for)
            if not futures:
                return  # somebody else's, or too late
            answer = ANSWERS[headers["ce_type"].decode("ascii")].model_validate_json(record.value or b"")
        except (KeyError, AttributeError, UnicodeDecodeError, ValidationError) as error:  # a header may be null
            log.warning("unreadable answer at %s/%s/%s: %r", record.topic, record.partition, record.offset, error)
            return
        replayed = headers.get("ce_replayed") == b"true"
        for number, future in enumerate(futures):
            if not future.done():
                # They asked the same at once: it is the answer to the first of them, and a repetition for the others.
                future.set_result(Reply(answer, replayed or number > 0))


async def _closed(closing: Awaitable[None]) -> None:
    try:
        await closing
    except (KafkaError, asyncio.CancelledError) as error:
        # With Kafka away aiokafka cancels itself when it is stopped; only whoever stops us may cancel us.
        if (task := asyncio.current_task()) and task.cancelling():
            raise
        log.warning("the line to Kafka broke while it was closed: %r", error)
