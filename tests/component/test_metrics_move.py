"""What a worker tells of itself moves when it should, as Prometheus reads it from the running process."""

import uuid
from datetime import UTC, datetime

import asyncpg
from answering import House, body, create
from bus import REPLIES, Bus, until
from hooks import hooks_of
from measuring import read, total, value
from workers import Worker, worker

from contracts.availability import HoldSlot, SlotReleased
from contracts.booking import ConfirmBooking

EVENTS = "availability.events"
LETTERS = "booking.dead-letters"


def metrics(one: Worker) -> str:
    return f"{one.url}/metrics"


async def test_a_hold_that_ends_by_itself_tells_how_late_it_ended(bus: Bus) -> None:
    """The second one: with the first end those that other tests left behind, long overdue."""
    async with (
        bus.listening(EVENTS, REPLIES) as log,
        worker(bus, "availability") as availability,
        worker(bus, "relay") as relay,
    ):
        house = await House().open(bus, log)
        count, lateness = (f"holdfast_hold_lateness_seconds_{each}" for each in ("count", "sum"))

        async def ends(hold: HoldSlot) -> None:
            await bus.tell(hold, hold.question, organisation=house.organisation, reply_to=None, causation=hold.question)
            expired = SlotReleased(booking_id=hold.booking_id, reason="expired")
            await log.until(lambda records: expired in [body(each) for each in records if each.topic == EVENTS])
            await bus.quiet("availability")

        await ends(house.hold(0))
        before = await read(metrics(availability))
        await ends(house.hold(1))
        after = await read(metrics(availability))
        forwarded = await read(metrics(relay))
        overdue = await value(metrics(relay), "holdfast_delay_overdue_seconds")
    ended = total(after, count) - total(before, count)
    assert ended >= 1
    assert 0 <= total(after, lateness) - total(before, lateness) < 5 * ended
    assert total(forwarded, "holdfast_delay_forwarded_total") >= 1
    assert total(forwarded, "holdfast_delay_lateness_seconds_count") >= 1
    assert overdue < 5


async def test_a_record_that_cannot_be_handled_and_a_message_that_is_known_are_counted(bus: Bus) -> None:
    command, known = ConfirmBooking(booking_id=str(uuid.uuid4())), str(uuid.uuid4())
    async with bus.listening(LETTERS, REPLIES) as log, worker(bus, "booking") as booking:
        before = await read(metrics(booking))
        await bus.raw("booking.commands", b"no message", [], b"key")
        await bus.tell(command, known)
        await log.caused_by(known)
        await bus.tell(command, known)
        await log.caused_by(known, count=2)
        await bus.quiet("booking")
        after = await read(metrics(booking))
    names = ("holdfast_dead_letters_total", "holdfast_replays_total", "holdfast_batch_messages_sum")
    assert [total(after, name) - total(before, name) for name in names] == [1, 1, 3]
    assert total(after, "holdfast_batch_seconds_count") == total(after, "holdfast_batch_messages_count") > 0


async def test_what_waits_is_the_lag_until_it_is_decided(bus: Bus) -> None:
    async with worker(bus, "booking") as booking:
        connection = await asyncpg.connect(bus.infra.dsn("booking"))
        async with connection.transaction():
            await connection.execute("SELECT 1 FROM progress FOR UPDATE")
            for _ in range(5):
                await bus.tell(create(str(uuid.uuid4())), partition=1)

            async def waits() -> bool:
                asked = {"topic": "booking.commands", "partition": "1"}
                return await value(metrics(booking), "holdfast_lag_records", **asked) == 5

            await until(waits)
        await connection.close()

        async def gone() -> bool:
            return await value(metrics(booking), "holdfast_lag_records") == 0

        await until(gone)
        told = await read(metrics(booking))
    assert total(told, "holdfast_assigned_partitions") == 12
    assert (total(told, "holdfast_kafka_up"), total(told, "holdfast_database_up")) == (1, 1)
    polled = total(told, "holdfast_last_poll_timestamp_seconds")
    assert abs(datetime.now(UTC).timestamp() - polled) < 5


async def test_a_version_of_a_booking_that_nobody_told_is_counted_and_what_follows_is_told_all_the_same(
    whole_bus: Bus,
) -> None:
    async with hooks_of(whole_bus) as hooks, hooks.notifying() as notifier:
        about = await hooks.subscribe("/versions")
        booked = hooks.booked()
        for version in (2, 3, 3, 5):
            await hooks.update(booked.model_copy(update={"version": version}))
        await hooks.ended(about, 4)
        assert await value(metrics(notifier), "holdfast_event_gaps_total") == 1
        assert await value(metrics(notifier), "holdfast_deliveries_ended_total", status="delivered") == 4
