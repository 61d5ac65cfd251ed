"""What is processed and what is published is marked, never too high, and never too low for long."""

import asyncio
import uuid

from aiokafka import TopicPartition
from answering import replies
from bus import REPLIES, Bus, Trouble, until

from chassis import inbox
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
    async with bus.listening(REPLIES) as log, bus.deciding() as decider:
        publish, acks = decider.publisher.publish, list[asyncio.Future[None]]()

        async def cut(_sends: object) -> list[asyncio.Future[None]]:
            acks.append(asyncio.get_running_loop().create_future())
            return [acks[-1]]

        decider.publisher.publish = cut  # type: ignore[method-assign]
        before = (await bus.marks("booking"))[at]
        _, sent = await bus.tell(ask(), partition=0)

        async def cut_off() -> bool:
            return bool(acks) and (await bus.marks("booking"))[at][0] == sent.offset + 1

        await until(cut_off)
        decider.publisher.publish = publish  # type: ignore[method-assign]
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
