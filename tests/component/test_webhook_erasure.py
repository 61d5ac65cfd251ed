"""What the notifier keeps of a booking names its customer no more once the booking is deleted (item 35)."""

import shutil
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson
from bus import Bus
from hooks import MIGRATIONS, Hooks, delivery_of
from receiving import status

from chassis import migrations
from contracts import topics
from contracts.booking import Booking, BookingDeleted, Customer
from contracts.examples import BOOKING
from contracts.notifier import ReplayEvents, RetryDelivery
from services.notifier import deliveries, erasing

CANARY = "canary-7f3a@example.org"
# What would lead a careless pattern astray.
NAMES = [
    "Ada",
    'Ada "the {first}" }',
    "\\",
    '\\"}',
    '","customer":{"id":"x"}',
    '"customer":{',
    "{[}]",
    "Зоя",
    "a\\u0000b",
]


def named(booking: Booking, name: str = "Ada") -> Booking:
    customer = Customer(id=booking.space.id, email=CANARY, name=name, phone="+33491000000")
    return booking.model_copy(update={"customer": customer})


async def deleted(hooks: Hooks, booking: Booking) -> str:
    """A booking's deletion, as booking tells it."""
    gone = booking.model_copy(update={"customer": None, "status": "CANCEL", "version": booking.version + 1})
    return await hooks.tell(BookingDeleted(booking=gone, previous_status="CANCEL"))


async def stored(hooks: Hooks) -> list[Any]:
    sql = "SELECT body FROM events WHERE organisation_id = $1 ORDER BY position"
    return [orjson.loads(body) for (body,) in await hooks.sql(sql, hooks.organisation)]


async def test_a_deleted_booking_s_customer_is_in_no_event_and_in_nothing_that_is_sent_again(hooks: Hooks) -> None:
    sent = await hooks.subscribe("/sent")
    mine, other = named(hooks.booked()), named(hooks.booked())
    await hooks.update(other)
    await hooks.arrive("/sent", 1)
    hooks.receiver.answers["/later"] = status(500)
    waiting = await hooks.subscribe("/later", "booking.updated")
    first = await hooks.update(mine)
    assert await hooks.ended(waiting, 1) == {"exhausted": 1}
    assert (await hooks.arrive("/sent", 2))[0].event["data"]["customer"]["email"] == CANARY
    await deleted(hooks, mine)
    await hooks.arrive("/sent", 3)
    kept = {each["data"]["id"]: each["data"]["customer"] for each in await stored(hooks)}
    assert kept[mine.id] is None
    assert kept[other.id]["email"] == CANARY
    assert all(each["data"]["customer"] is None for each in await stored(hooks) if each["data"]["id"] == mine.id)
    del hooks.receiver.answers["/later"]
    came = len(hooks.receiver.at("/later"))
    async with hooks.bus.listening(topics.CLIENTS_REPLIES.name) as log:
        for about in waiting, sent:
            await hooks.asked(log, RetryDelivery(delivery_id=delivery_of(about, first)), "DeliveryAnswer")
    [late, *_], again = (await hooks.arrive("/later", came + 1))[came:], (await hooks.arrive("/sent", 4))[3]
    for each in late, again:
        assert (each.event["id"], each.event["data"]["customer"]) == (first, None)
        assert CANARY.encode() not in each.body


async def test_the_database_and_the_batch_erase_the_same_whatever_the_name(hooks: Hooks) -> None:
    for name in NAMES:
        body = f'{{"data":{named(BOOKING, name).model_dump_json()},"previous":{{"status":"CONFIRMED"}}}}'
        expected = {**orjson.loads(body), "data": {**orjson.loads(body)["data"], "customer": None}}
        [(there, about)] = await hooks.sql("SELECT without_customer($1), booking_of($1)::text", body)
        assert orjson.loads(there) == expected
        assert erasing.without_customer(body) == there
        assert about == BOOKING.id


async def test_a_replay_after_the_deletion_names_nobody(hooks: Hooks) -> None:
    booking = named(hooks.booked())
    await hooks.update(booking)
    await deleted(hooks, booking)
    about = await hooks.subscribe("/replayed-later")
    async with hooks.bus.listening(topics.CLIENTS_REPLIES.name) as log:
        always = {"from_": datetime(2020, 1, 1, tzinfo=UTC), "to": datetime(2199, 1, 1, tzinfo=UTC)}
        period = ReplayEvents(subscription_id=about, **always)
        await hooks.asked(log, period, "ReplayAnswer")
    for each in await hooks.arrive("/replayed-later", 2):
        assert each.event["data"]["customer"] is None


async def test_what_comes_after_the_deletion_names_nobody_however_late(hooks: Hooks) -> None:
    """A dead letter that is replayed, say. Of the deletion's own event nothing is left by then."""
    await hooks.subscribe("/late")
    mine, other = named(hooks.booked()), named(hooks.booked())
    await deleted(hooks, mine)
    await hooks.arrive("/late", 1)
    await hooks.sql("UPDATE events SET stored_at = stored_at - interval '10 days'")
    for statement in deliveries.prunes(timedelta(days=8)):
        await hooks.sql(statement)
    assert await stored(hooks) == []
    for booking in mine, other:
        await hooks.update(booking)
    arrived = {
        each.event["data"]["id"]: each.event["data"]["customer"] for each in (await hooks.arrive("/late", 3))[1:]
    }
    assert arrived[mine.id] is None
    assert arrived[other.id]["email"] == CANARY
    assert {each["data"]["id"]: each["data"]["customer"] for each in await stored(hooks)} == arrived


async def test_a_deletion_is_remembered_for_longer_than_anything_is_kept_that_could_come_late(hooks: Hooks) -> None:
    mine = hooks.booked()
    await hooks.subscribe("/remembered")
    await deleted(hooks, mine)
    await hooks.arrive("/remembered", 1)
    longest = topics.BOOKING_EVENTS.retention + topics.dead_letters("notifier").retention
    for days, left in ((longest.days, [(mine.id,)]), (3 * longest.days, [])):
        await hooks.sql("UPDATE erased SET erased_at = clock_timestamp() - make_interval(days => $1)", days)
        for statement in deliveries.prunes(timedelta(days=8)):
            await hooks.sql(statement)
        assert (
            await hooks.sql("SELECT booking_id::text FROM erased WHERE organisation_id = $1", hooks.organisation)
            == left
        )


async def test_deletions_from_before_the_migration_are_remembered(whole_bus: Bus, tmp_path: Path) -> None:
    """Those whose event is still there; one that was told twice counts once."""
    name, mine = f"notifier{uuid.uuid4().hex[:8]}", named(BOOKING)
    url = await whole_bus.infra.create_database(name)
    for path in sorted(MIGRATIONS.glob("000[1-3]_*.sql")):
        shutil.copy(path, tmp_path)
    await migrations.migrate(url, tmp_path)
    connection = await asyncpg.connect(url)
    insert = "INSERT INTO events (id, organisation_id, type, created_at, body) VALUES (gen_random_uuid(), 'a', $1, now(), $2)"
    for kind in "booking.updated", "booking.deleted", "booking.deleted":
        await connection.execute(insert, kind, f'{{"data":{mine.model_dump_json()}}}')
    await migrations.migrate(url, MIGRATIONS)
    assert [tuple(row) for row in await connection.fetch("SELECT organisation_id, booking_id::text FROM erased")] == [
        ("a", mine.id)
    ]
    await connection.close()
    await whole_bus.infra.drop_database(name)
