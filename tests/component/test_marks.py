"""What is processed and what is published is marked, never too high, and never too low for long."""

import asyncio
import uuid

import pytest
from aiokafka import TopicPartition
from answering import replies
from bus import REPLIES, Bus, until
from trouble import Trouble

from chassis import decider, inbox
from contracts.booking import ConfirmBooking


def ask() -> ConfirmBooking:
    """A command that is answered by itself: there is no such booking."""
    return ConfirmBooking(booking_id=str(uuid.uuid4()))


async def test_what_is_acknowledged_is_marked_when_the_database_is_away_at_that_very_moment(bus: Bus) -> None:
    broken = []

    async def away(sql: str) -> None:
        if sql == inbox.MARK and not broken:
            broken.append(sql)
            raise ConnectionResetError("the database is away")

    async with bus.listening(REPLIES) as log, bus.deciding(meets=Trouble(away)):
        for _ in range(2):  # the second finds the mark of the first behind
            command, _ = await bus.tell(ask(), partition=0)
            await log.until(lambda records, command=command: replies(records, command))
        await bus.quiet("booking")
    assert broken


async def test_a_mark_that_was_lost_with_the_last_transactions_of_the_database_is_made_good(bus: Bus) -> None:
    """A database that fails over to a standby may forget a mark and nothing else: what follows must not stay unmarked."""
    async with bus.listening(REPLIES) as log, bus.deciding():
        before = await bus.marks("booking")
        command, _ = await bus.tell(ask(), partition=0)
        await log.until(lambda records: replies(records, command))
        await bus.quiet("booking")
        await bus.unpublish("booking", before)
        command, _ = await bus.tell(ask(), partition=0)
        await log.until(lambda records: replies(records, command))
        await bus.quiet("booking")


async def test_nothing_is_marked_as_published_before_it_is_acknowledged(bus: Bus) -> None:
    """The producer is cut off: what is decided stays unpublished however long it lasts."""
    at = TopicPartition("booking.commands", 0)
    async with bus.listening(REPLIES) as log, bus.deciding() as worker:
        publish, acks = worker.publisher.publish, list[asyncio.Future[None]]()

        async def cut(_sends: object) -> list[asyncio.Future[None]]:
            acks.append(asyncio.get_running_loop().create_future())
            return [acks[-1]]

        worker.publisher.publish = cut  # type: ignore[method-assign]
        before = (await bus.marks("booking"))[at]
        _, sent = await bus.tell(ask(), partition=0)

        async def cut_off() -> bool:
            return bool(acks) and (await bus.marks("booking"))[at][0] == sent.offset + 1

        await until(cut_off)
        worker.publisher.publish = publish  # type: ignore[method-assign]
        _, sent = await bus.tell(
            ask(), partition=0
        )  # decided beside the acks that are outstanding, not sent before them

        async def decided() -> bool:
            return (await bus.marks("booking"))[at][0] == sent.offset + 1

        await until(decided)
        assert (await bus.marks("booking"))[at][1] == before[1]
        assert await log.read() == []
        acks[0].set_result(None)
        await bus.quiet("booking")


async def test_a_partition_with_nothing_more_to_decide_is_marked_while_another_never_rests(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a crash would send all of it again, however long ago it was acknowledged."""
    monkeypatch.setattr(decider, "IDLE_SECONDS", 600.0)
    monkeypatch.setattr(decider, "LOOK_SECONDS", 0.2)
    async with bus.deciding():
        _, sent = await bus.tell(ask(), partition=0)

        async def marked() -> bool:
            await bus.tell(ask(), partition=1)
            marks = await bus.marks("booking")
            return marks[TopicPartition("booking.commands", 0)][1] == sent.offset + 1

        await until(marked)


async def test_what_a_failover_took_is_done_again_though_nothing_follows(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decider, "LOOK_SECONDS", 0.2)
    async with bus.listening(REPLIES) as log, bus.deciding():
        command, sent = await bus.tell(ask(), partition=0)
        await log.until(lambda records: replies(records, command))
        await bus.quiet("booking")
        async with bus.pools["booking"].acquire() as connection, connection.transaction():
            await connection.execute("DELETE FROM inbox WHERE id = $1", command)
            await connection.execute(
                "UPDATE progress SET processed = $1, published = $1 WHERE topic = $2 AND partition = 0",
                sent.offset,
                sent.topic,
            )
        await log.until(lambda records: len(replies(records, command)) == 2)
        await bus.quiet("booking")
        assert await bus.pools["booking"].fetchval("SELECT count(*) FROM inbox WHERE id = $1", command) == 1
