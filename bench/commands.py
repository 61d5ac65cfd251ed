"""CreateBooking commands, made before the clock starts, as any service of the platform would send them."""

import uuid
from datetime import UTC, datetime
from typing import NamedTuple

from aiokafka.partitioner import murmur2

from bench.house import House
from contracts import topics
from contracts.booking import CreateBooking
from contracts.envelope import Headers, stamp, write
from contracts.model import Slot
from embedded.platform import PARTITIONS

REPLIES = topics.CLIENTS_REPLIES.name


class Command(NamedTuple):
    """A record to be sent."""

    id: str
    slot: tuple[str, Slot]
    partition: int
    key: bytes
    value: bytes
    headers: Headers


def create(product: str, slot: tuple[str, Slot]) -> Command:
    """A booking of this slot, under an id of its own."""
    command_id, booking_id = str(uuid.uuid4()), str(uuid.uuid4())
    space, hour = slot
    body = CreateBooking.model_construct(booking_id=booking_id, product_id=product, space_id=space, slot=hour)
    now = stamp(datetime.now(UTC))
    sent = write(
        b"/clients/bench", command_id, CreateBooking.type, "demo", command_id, now, booking_id, reply_to=REPLIES
    )
    key, value = booking_id.encode(), body.__pydantic_serializer__.to_json(body)
    return Command(command_id, slot, partition_of(key), key, value, sent)


def fresh(house: House, count: int, *, brief: bool = False) -> list[Command]:
    """So many bookings, each of another slot."""
    product = house.brief if brief else house.product
    return [create(product, house.fresh()) for _ in range(count)]


def partition_of(key: bytes) -> int:
    """The partition that every client puts a key in; worked out beforehand, aiokafka would do it in Python each time."""
    number: int = (murmur2(key) & 0x7FFFFFFF) % PARTITIONS
    return number
