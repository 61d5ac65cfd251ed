"""Slots that move, in one batch with those that are given back, moved and held: the constraint meets them as decided."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from interleaved import Worker, next_monday

from chassis.entries import Send
from contracts.availability import CommitSlot, HoldSlot, MoveSlot, QuoteExtras, ReleaseSlot
from contracts.catalogue import ArchiveProduct, ProductFields, PutProduct, PutSpace, SpaceFields
from contracts.examples import COFFEE, HARBOUR_HOUSE, LIGHTHOUSE, ROOM_ONE_HOUR
from contracts.model import Message


def new() -> str:
    return str(uuid.uuid4())


def told(message: Message) -> tuple[str, Message]:
    return new(), message


def hold(who: str, hour: int) -> tuple[str, Message]:
    fields: dict[str, Any] = {
        "booking_id": who,
        "question": new(),
        "space_id": LIGHTHOUSE.id,
        "slot": next_monday(hour),
    }
    return told(HoldSlot(**fields, product_id=ROOM_ONE_HOUR.id))


def move(who: str, hour: int) -> tuple[str, Message]:
    fields: dict[str, Any] = {
        "booking_id": who,
        "question": new(),
        "space_id": LIGHTHOUSE.id,
        "slot": next_monday(hour),
    }
    return told(MoveSlot(**fields, accepted_at=datetime.now(UTC)))


def commit(who: str) -> tuple[str, Message]:
    fields: dict[str, Any] = {"booking_id": who, "question": new(), "space_id": LIGHTHOUSE.id}
    return told(CommitSlot(**fields, accepted_at=datetime.now(UTC)))


def release(who: str) -> tuple[str, Message]:
    return told(ReleaseSlot(booking_id=who, question=new(), space_id=LIGHTHOUSE.id))


def types(sends: Sequence[Send]) -> list[str]:
    """What is told, but for timers."""
    names = [dict(send.headers)["ce_type"].decode().split(".")[1] for send in sends]
    return [name for name in names if name != "ExpireHold"]


async def rows(worker: Worker) -> dict[str, tuple[int, str, int]]:
    """Hour on the wall, state and revision of each booking."""
    sql = "SELECT booking_id::text, slot_from, slot_to, during, state, revision FROM slots"
    found = {}
    for row in await worker.database.pool.fetch(sql):
        assert (row["during"].lower, row["during"].upper) == (row["slot_from"], row["slot_to"])
        hour = row["slot_from"].astimezone(ZoneInfo(HARBOUR_HOUSE.timezone)).hour
        found[row["booking_id"]] = (hour, row["state"], row["revision"])
    return found


async def test_a_slot_is_moved_and_its_row_grows_by_one(worker: Worker) -> None:
    ada = new()
    await worker.decide_together(hold(ada, 10))
    before = await worker.database.pool.fetchrow("SELECT expires_at, held_at, hold_seconds FROM slots")
    assert types(await worker.decide_together(move(ada, 11))) == ["SlotMoved"]
    assert await rows(worker) == {ada: (11, "HELD", 2)}
    assert await worker.database.pool.fetchrow("SELECT expires_at, held_at, hold_seconds FROM slots") == before


async def test_slots_follow_each_other_in_one_batch(worker: Worker) -> None:
    ada, bob, cat = new(), new(), new()
    await worker.decide_together(hold(ada, 10), hold(bob, 11))
    sends = await worker.decide_together(move(bob, 12), move(ada, 11), hold(cat, 10))
    assert types(sends) == ["SlotMoved", "SlotMoved", "SlotHeld"]
    assert await rows(worker) == {ada: (11, "HELD", 2), bob: (12, "HELD", 2), cat: (10, "HELD", 1)}


async def test_slots_change_places_in_one_batch(worker: Worker) -> None:
    ada, bob = new(), new()
    await worker.decide_together(hold(ada, 10), hold(bob, 11), commit(ada))
    sends = await worker.decide_together(move(ada, 12), move(bob, 10), move(ada, 11))
    assert types(sends) == ["SlotMoved"] * 3
    assert await rows(worker) == {ada: (11, "COMMITTED", 2), bob: (10, "HELD", 2)}


async def test_what_is_released_is_moved_into_and_what_is_left_is_held_in_one_batch(worker: Worker) -> None:
    ada, bob, cat = new(), new(), new()
    await worker.decide_together(hold(ada, 10), hold(bob, 11))
    sends = await worker.decide_together(release(bob), move(ada, 11), hold(cat, 10), commit(ada))
    assert types(sends) == ["SlotReleased", "SlotMoved", "SlotHeld", "SlotCommitted"]
    assert await rows(worker) == {ada: (11, "COMMITTED", 2), bob: (11, "RELEASED", 2), cat: (10, "HELD", 1)}


async def test_what_was_moved_and_given_back_in_one_batch_is_remembered_at_its_new_place(worker: Worker) -> None:
    ada, bob, cat = new(), new(), new()
    await worker.decide_together(hold(ada, 10))
    sends = await worker.decide_together(move(ada, 11), release(ada), hold(bob, 10), hold(cat, 11))
    assert types(sends) == ["SlotMoved", "SlotReleased", "SlotHeld", "SlotHeld"]
    assert (await rows(worker))[ada] == (11, "RELEASED", 2)


async def test_a_lapsed_hold_is_kept_after_all_in_the_place_that_another_leaves_in_one_batch(worker: Worker) -> None:
    ada, bob = new(), new()
    await worker.decide_together(hold(ada, 10))
    await worker.database.pool.execute("UPDATE slots SET state = 'RELEASED', lapsed = true")
    await worker.decide_together(hold(bob, 10))
    assert types(await worker.decide_together(move(bob, 11), commit(ada))) == ["SlotMoved", "SlotCommitted"]
    assert await rows(worker) == {ada: (10, "COMMITTED", 2), bob: (11, "HELD", 2)}


async def test_a_slot_moves_into_another_unit_when_its_own_is_taken(worker: Worker) -> None:
    ada, bob = new(), new()
    await worker.decide_together(told(PutSpace(space_id=LIGHTHOUSE.id, fields=SpaceFields(units=2))))
    await worker.decide_together(hold(ada, 10), hold(bob, 11))
    assert types(await worker.decide_together(move(ada, 11))) == ["SlotMoved"]
    sql = "SELECT unit FROM slots WHERE booking_id = $1"
    assert await worker.database.pool.fetchval(sql, ada) == 2


async def test_a_move_is_refused_and_nothing_is_written_where_somebody_has_the_slot(worker: Worker) -> None:
    ada, bob = new(), new()
    await worker.decide_together(hold(ada, 10), hold(bob, 11))
    before = await rows(worker)
    [refused] = await worker.decide_together(move(ada, 11))
    assert types([refused]) == ["MoveRefused"]
    assert b'"reason":"held"' in refused.value
    assert await rows(worker) == before


async def test_a_move_of_a_product_that_went_off_sale_goes_by_its_last_rules(worker: Worker) -> None:
    """Off sale though somebody has a slot: only one that is over lets a product go."""
    ada = new()
    await worker.decide_together(hold(ada, 10), commit(ada))
    await worker.database.pool.execute(
        "UPDATE slots SET slot_from = slot_from - interval '90 days', slot_to = slot_to - interval '90 days', "
        "during = tstzrange(slot_from - interval '90 days', slot_to - interval '90 days')"
    )
    sends = await worker.decide_together(told(ArchiveProduct(product_id=ROOM_ONE_HOUR.id)))
    assert types(sends) == ["ArchiveAnswer"]
    assert types(await worker.decide_together(move(ada, 11))) == ["SlotMoved"]
    bob = new()
    assert types(await worker.decide_together(hold(bob, 10))) == ["SlotRefused"]


@pytest.mark.parametrize(
    ("meddle", "guard"),
    [
        ("UPDATE slots SET revision = revision + 1", "slots_leave_once"),
        (
            """
            INSERT INTO slots (organisation_id, booking_id, space_id, product_id, unit, slot_from, slot_to, during, state,
              held_at, hold_seconds, expires_at, revision)
            SELECT organisation_id, gen_random_uuid(), space_id, product_id, unit, f, f + interval '1 hour',
              tstzrange(f, f + interval '1 hour'), 'COMMITTED', now(), 900, now(), 1
            FROM (SELECT *, slot_from + interval '1 hour' AS f FROM slots) t
            """,
            "moved_slots_never_overlap",
        ),
    ],
)
async def test_a_move_is_not_written_when_somebody_was_faster(worker: Worker, meddle: str, guard: str) -> None:
    ada = new()
    await worker.decide_together(hold(ada, 10))
    worker.database.meddle = meddle
    with pytest.raises(asyncpg.SerializationError, match=guard):
        await worker.decide_together(move(ada, 11))
    assert (await rows(worker))[ada][:2] == (10, "HELD")


async def test_extras_are_quoted_as_they_are_on_sale(worker: Worker) -> None:
    fields = ProductFields(name="Coffee", reference="coffee", price=500, currency="EUR", category="additional")
    ask = QuoteExtras(booking_id=new(), question=new(), space_id=LIGHTHOUSE.id, products=(COFFEE.id,), currency="EUR")
    sends = await worker.decide_together(
        told(ask), told(PutProduct(product_id=COFFEE.id, create=True, fields=fields)), told(ask)
    )
    assert types(sends) == ["ExtrasRefused", "ProductAnswer", "ExtrasQuoted"]
    [_, quoted] = await worker.decide_together(
        told(PutProduct(product_id=COFFEE.id, fields=ProductFields(price=400))), told(ask)
    )
    assert b'"price":400' in quoted.value
    [_, refused] = await worker.decide_together(told(ArchiveProduct(product_id=COFFEE.id)), told(ask))
    assert b'"unknown_product"' in refused.value


async def test_extras_of_another_organisation_are_unknown(worker: Worker) -> None:
    """The question says whose they must be; the id alone opens nothing."""
    sql = """
    INSERT INTO products (organisation_id, id, reference, buffer_before, buffer_after, document)
    VALUES ('rival', $1, 'coffee', '0', '0', $2)
    """
    await worker.database.pool.execute(sql, COFFEE.id, COFFEE.model_dump_json(exclude={"spaces"}))
    ask = QuoteExtras(booking_id=new(), question=new(), space_id=LIGHTHOUSE.id, products=(COFFEE.id,), currency="EUR")
    [refused] = await worker.decide_together(told(ask))
    assert b'"unknown_product"' in refused.value


async def test_a_slot_is_refused_by_buffers_that_grew_in_the_same_batch(worker: Worker) -> None:
    """Else the batch could never be written, and would be tried for ever."""
    ada, bob, cat, double = new(), new(), new(), new()
    fields = ProductFields(name="Double", reference="2", price=1, currency="EUR", spaces=(LIGHTHOUSE.id,))
    await worker.decide_together(told(PutProduct(product_id=double, create=True, fields=fields)))
    await worker.decide_together(hold(ada, 10), _of(double, hold(bob, 13)))
    wider = ProductFields(buffer_before=timedelta(minutes=30))
    sends = await worker.decide_together(
        told(PutProduct(product_id=double, fields=wider)), _of(double, hold(cat, 11)), move(bob, 11), move(bob, 12)
    )
    assert types(sends) == ["ProductAnswer", "SlotRefused", "MoveRefused", "SlotMoved"]


async def test_a_slot_of_a_product_that_is_made_in_the_same_batch_is_refused_where_somebody_has_it(
    worker: Worker,
) -> None:
    ada, bob, double = new(), new(), new()
    await worker.decide_together(hold(ada, 10))
    fields = ProductFields(name="Double", reference="2", price=1, currency="EUR", spaces=(LIGHTHOUSE.id,))
    sends = await worker.decide_together(
        told(PutProduct(product_id=double, create=True, fields=fields)), _of(double, hold(bob, 10))
    )
    assert types(sends) == ["ProductAnswer", "SlotRefused"]


def _of(product: str, question: tuple[str, Message]) -> tuple[str, Message]:
    return question[0], question[1].model_copy(update={"product_id": product})


async def test_a_hold_and_its_move_in_one_batch_see_whoever_has_the_new_place(worker: Worker) -> None:
    """As after a failover that lost the hold: both commands come again, at once."""
    ada, bob, cat = new(), new(), new()
    await worker.decide_together(hold(bob, 11))
    assert types(await worker.decide_together(hold(ada, 10), move(ada, 11))) == ["SlotHeld", "MoveRefused"]
    assert types(await worker.decide_together(hold(cat, 13), move(cat, 12))) == ["SlotHeld", "SlotMoved"]
