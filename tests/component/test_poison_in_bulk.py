"""Spoilt records all at once, and those that a producer squeezed: nothing stops, whatever service reads them."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from bus import REPLIES, Bus, header, headers
from poison import SPOILT, Raw, squeezing

from contracts.availability import ReleaseSlot
from contracts.booking import ConfirmBooking

OUTCOMES = {"booking": REPLIES, "availability": "availability.events"}


def good(service: str, message_id: str) -> Raw:
    """A message that is answered by itself: there is no such booking."""
    entity = str(uuid.uuid4())
    command: Any = ConfirmBooking(booking_id=entity)
    if service == "availability":
        command = ReleaseSlot(booking_id=entity, question=message_id, space_id=entity)
    return Raw(entity.encode(), command.model_dump_json().encode(), list(headers(command, message_id)))


async def write(bus: Bus, service: str, raw: Raw) -> int:
    sent = await bus.raw(f"{service}.commands", raw.value, raw.headers, raw.key, 2)
    return sent.offset


@pytest.mark.parametrize("service", OUTCOMES)
async def test_every_spoilt_record_of_a_batch_is_buried_once_and_every_good_one_handled(bus: Bus, service: str) -> None:
    letters, commands, spoilt = f"{service}.dead-letters", [], []
    for spoil, _ in SPOILT.values():
        commands.append(str(uuid.uuid4()))
        await write(bus, service, good(service, commands[-1]))
        spoilt.append(f"{service}.commands/2/{await write(bus, service, spoil(good(service, str(uuid.uuid4()))))}")
    async with bus.listening(letters, OUTCOMES[service]) as log, bus.deciding(service):
        await bus.quiet(service)
        for command in commands:
            assert len(await log.caused_by(command, OUTCOMES[service])) == 1
        buried = await log.until(lambda records: (found := [r for r in records if r.topic == letters]) and found)
        assert sorted(header(record, "dead-letter-origin") or "" for record in buried) == sorted(spoilt)


@pytest.fixture
async def squeezer(bus: Bus) -> AsyncIterator[AIOKafkaProducer]:
    """A producer that compresses, and sends what no other would."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bus.infra.kafka, compression_type="gzip", max_request_size=100 * 2**20, linger_ms=0
    )
    await producer.start()
    yield producer
    await producer.stop()


async def test_a_record_that_unpacks_to_more_than_a_record_may_have_is_not_taken(
    bus: Bus, squeezer: AIOKafkaProducer
) -> None:
    """Else it would be dead, and its letter too large for the dead letters: a worker that dies at each start."""
    async with bus.listening(REPLIES) as log, bus.deciding():
        bomb = good("booking", str(uuid.uuid4())).holding(b" " * 5_000_000)
        with pytest.raises(MessageSizeTooLargeError):
            await squeezer.send_and_wait("booking.commands", bomb.value, headers=bomb.headers, partition=2)
        await write(bus, "booking", good("booking", heard := str(uuid.uuid4())))
        assert await log.caused_by(heard, REPLIES)


async def test_a_command_that_came_squeezed_by_any_codec_is_handled(bus: Bus) -> None:
    """Java producers often use snappy, lz4 or zstd; a worker that cannot read them would stand still for ever."""
    async with bus.listening(REPLIES) as log, bus.deciding():
        raw = good("booking", command := str(uuid.uuid4()))
        async with squeezing(bus.infra.kafka) as producer:
            await producer.send_and_wait("booking.commands", raw.value + b" " * 4000, headers=raw.headers, partition=2)
        assert await log.caused_by(command, REPLIES)
