"""Two workers decide about one thing at the same moment, because its messages lie in two partitions: nobody's work is lost."""

import asyncio
import contextlib
import json
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import TopicPartition
from answering import House, body, replies
from bus import REPLIES, Bus, Log, header, until

from contracts.availability import SlotHeld
from contracts.booking import CancelBooking, ConfirmBooking, ExtendHold
from contracts.catalogue import ProductFields, PutProduct
from contracts.client import booking_id
from contracts.examples import DETAILS
from contracts.model import Message

ROUNDS = 15


@contextlib.asynccontextmanager
async def two(bus: Bus, service: str) -> AsyncIterator[None]:
    """Two deciders, of which each has some partitions."""
    async with bus.deciding(service) as one, bus.deciding(service) as other:

        async def shared() -> bool:
            return all(any(at in decider.stream.expected for decider in (one, other)) for at in lanes) and bool(
                one.stream.expected and other.stream.expected
            )

        lanes = [TopicPartition(f"{service}.commands", number) for number in range(4)]
        await until(shared)
        yield


async def answers(log: Log, commands: list[str]) -> dict[str, Message]:
    """The one answer of each."""
    await log.until(lambda records: all(replies(records, command) for command in commands), 40)
    told = {command: {record.value for record in replies(log.records, command)} for command in commands}
    assert {len(values) for values in told.values()} == {1}
    return {command: json.loads(values.pop() or b"") for command, values in told.items()}


async def test_commands_of_one_booking_in_all_partitions_are_decided_one_after_the_other(bus: Bus) -> None:
    async with bus.listening("booking.events", "booking.dead-letters", REPLIES) as log:
        async with bus.deciding("availability"), two(bus, "booking"):
            house = await House().open(bus, log)
            bookings = [str(uuid.uuid4()) for _ in range(ROUNDS)]
            for number, command in enumerate(bookings):
                await bus.tell(house.create(command, number), command, organisation=house.organisation)
            await answers(log, bookings)
            asked: list[str] = []
            for command in bookings:
                booking = booking_id(command)
                confirm = ConfirmBooking(booking_id=booking, **DETAILS)
                others = (ExtendHold(booking_id=booking), CancelBooking(booking_id=booking))
                for partition, said in enumerate((confirm, *others, confirm)):
                    told = bus.tell(said, partition=partition, organisation=house.organisation)
                    asked.append((await told)[0])
            await answers(log, asked)
            await bus.quiet("booking")
            await bus.quiet("availability")
        assert not [record for record in log.records if record.topic == "booking.dead-letters"]
        events = defaultdict(set)
        for record in log.records:
            if record.topic == "booking.events":
                booking = body(record).booking  # type: ignore[attr-defined]
                events[booking.id].add((booking.version, header(record, "ce_id")))
        sql = "SELECT id::text, version, status FROM bookings WHERE organisation_id = $1"
        for row in await bus.pools["booking"].fetch(sql, house.organisation):
            assert sorted(version for version, _ in events[row["id"]]) == list(range(2, row["version"] + 1))
            assert row["status"] == "CANCEL"


async def test_a_reference_is_given_once_when_two_products_ask_for_it_at_the_same_moment(bus: Bus) -> None:
    async with bus.listening("availability.dead-letters", REPLIES) as log, two(bus, "availability"):
        organisation = f"house-{uuid.uuid4()}"
        for _ in range(ROUNDS):
            pair = [_product(reference := str(uuid.uuid4())), _product(reference)]
            told = await asyncio.gather(
                *(
                    bus.tell(each, partition=number, organisation=organisation)
                    for number, each in zip((0, 3), pair, strict=True)
                )
            )
            answered = await answers(log, [command for command, _ in told])
            assert sorted("product" in answer for answer in answered.values()) == [False, True], answered  # type: ignore[operator]
        assert not [record for record in log.records if record.topic == "availability.dead-letters"]


def _product(reference: str, **changes: Any) -> PutProduct:
    fields = {"name": "Hour", "reference": reference, "price": 1, "currency": "EUR", **changes}
    return PutProduct(product_id=str(uuid.uuid4()), create=True, fields=ProductFields(**fields))


@pytest.mark.parametrize("rivals", [8])
async def test_a_slot_is_given_once_when_rivals_ask_for_it_in_all_partitions(bus: Bus, rivals: int) -> None:
    async with (
        bus.listening("availability.events", "availability.dead-letters", REPLIES) as log,
        two(bus, "availability"),
    ):
        house = await House().open(bus, log)
        for number in range(ROUNDS):
            asked = [house.hold(number) for _ in range(rivals)]
            for partition, each in enumerate(asked):
                said = {"organisation": house.organisation, "reply_to": None, "causation": each.question}
                await bus.tell(each, each.question, partition=partition % 4, **said)
            told = [(await log.caused_by(each.question))[0] for each in asked]
            assert sum(header(record, "ce_type") == SlotHeld.type for record in told) == 1
        assert not [record for record in log.records if record.topic == "availability.dead-letters"]


async def test_holds_are_granted_while_prices_change_all_the_time(bus: Bus) -> None:
    async with (
        bus.listening("availability.events", "availability.dead-letters", REPLIES) as log,
        two(bus, "availability"),
    ):
        house = await House().open(bus, log)
        changes, questions = [], []
        for number in range(ROUNDS):
            put = PutProduct(product_id=house.product, fields=ProductFields(price=number + 1))
            changes.append((await bus.tell(put, partition=0, organisation=house.organisation))[0])
            for partition in (1, 2, 3):
                each = house.hold(number * 3 + partition)
                questions.append(each.question)
                said = {"organisation": house.organisation, "reply_to": None, "causation": each.question}
                await bus.tell(each, each.question, partition=partition, **said)
        await answers(log, changes)
        for partition in range(3):  # what is decided one after the other never sees a price go back
            asked = questions[partition::3]
            held = [body((await log.caused_by(question))[0]) for question in asked]
            prices = [each.product.price for each in held if isinstance(each, SlotHeld)]
            assert len(prices) == ROUNDS
            changed = [price for price in prices if price != 2500]
            assert changed == sorted(changed)
        assert not [record for record in log.records if record.topic == "availability.dead-letters"]
