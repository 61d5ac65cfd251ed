"""MoveSlot and QuoteExtras delivered twice, in two places of the log: one effect, and the same bytes."""

import uuid
from datetime import UTC, datetime
from typing import Any

from answering import House, body
from bus import REPLIES, Bus, Log, header

from contracts.availability import (
    ExtrasQuoted,
    ExtrasRefused,
    MoveRefused,
    MoveSlot,
    QuoteExtras,
    SlotLost,
    SlotMoved,
)
from contracts.catalogue import ProductFields, PutProduct
from contracts.model import Message

EVENTS = "availability.events"


async def said_twice(bus: Bus, log: Log, house: House, message: Any) -> Message:
    """The one answer, whose bytes are the same each time."""
    said = {"organisation": house.organisation, "reply_to": None, "causation": message.question}
    for _ in range(2):
        await bus.tell(message, message.question, **said)
    await bus.quiet("availability")
    told = await log.caused_by(message.question, EVENTS)
    assert len({(header(record, "ce_id"), record.key, record.value, tuple(record.headers)) for record in told}) == 1
    return body(told[0])


def move(house: House, booking: str, number: int) -> MoveSlot:
    return MoveSlot(
        booking_id=booking,
        question=str(uuid.uuid4()),
        space_id=house.space,
        slot=house.slot(number),
        accepted_at=datetime.now(UTC),
    )


def quote(house: House, booking: str, *products: str) -> QuoteExtras:
    return QuoteExtras(
        booking_id=booking, question=str(uuid.uuid4()), space_id=house.space, products=products, currency="EUR"
    )


async def test_a_move_that_comes_twice_moves_once(bus: Bus) -> None:
    async with bus.listening(EVENTS, REPLIES) as log, bus.deciding("availability"):
        house = await House().open(bus, log)
        mine, other = house.hold(0), house.hold(1)
        for question in (mine, other):
            await said_twice(bus, log, house, question)
        assert isinstance(await said_twice(bus, log, house, move(house, mine.booking_id, 2)), SlotMoved)
        refused = await said_twice(bus, log, house, move(house, mine.booking_id, 1))
        assert isinstance(refused, MoveRefused)
        assert refused.reason == "held"
        nobody = str(uuid.uuid4())
        assert isinstance(await said_twice(bus, log, house, move(house, nobody, 3)), SlotLost)
        sql = "SELECT slot_from, revision FROM slots WHERE booking_id = $1"
        assert tuple(await bus.pools["availability"].fetchrow(sql, mine.booking_id)) == (house.slot(2).from_, 2)


async def test_a_quote_that_is_asked_for_twice_is_one_answer_though_the_price_changed(bus: Bus) -> None:
    async with bus.listening(EVENTS, REPLIES) as log, bus.deciding("availability"):
        house = await House().open(bus, log)
        coffee, booking = str(uuid.uuid4()), str(uuid.uuid4())
        fields = ProductFields(name="Coffee", reference=coffee, price=500, currency="EUR", category="additional")
        put, _ = await bus.tell(
            PutProduct(product_id=coffee, create=True, fields=fields), organisation=house.organisation
        )
        await log.caused_by(put)
        question = quote(house, booking, coffee)
        quoted = await said_twice(bus, log, house, question)
        assert isinstance(quoted, ExtrasQuoted)
        assert [(extra.id, extra.price) for extra in quoted.extras] == [(coffee, 500)]
        put, _ = await bus.tell(
            PutProduct(product_id=coffee, fields=ProductFields(price=900)), organisation=house.organisation
        )
        await log.caused_by(put)
        assert await said_twice(bus, log, house, question) == quoted
        refused = await said_twice(bus, log, house, quote(house, booking, house.product))
        assert isinstance(refused, ExtrasRefused)
        assert [extra.reason for extra in refused.extras] == ["not_additional"]
