"""Sessions that are cut, rows that somebody locks: nothing is lost, nothing is buried."""

import asyncio
import itertools
import uuid

import asyncpg
import pytest
from answering import create, granted, replies
from bus import REPLIES, Bus, until
from trouble import Trouble

from contracts.booking import ConfirmBooking
from contracts.examples import DETAILS

LETTERS = "booking.dead-letters"


async def test_sessions_that_are_cut_again_and_again_lose_nothing(bus: Bus) -> None:
    cut = """
    SELECT count(pg_terminate_backend(pid))
    FROM pg_stat_activity
    WHERE datname = 'booking' AND application_name = 'decider of booking'
    """
    statements = itertools.count(1)

    async def before(_sql: str) -> None:
        if next(statements) % 4 == 0:
            await bus.pools["availability"].fetchval(cut)

    async with bus.listening(LETTERS, REPLIES, "availability.commands") as log, bus.deciding(meets=Trouble(before)):
        for _ in range(20):
            command = str(uuid.uuid4())
            await bus.tell(create(command), command)
            await granted(bus, log, command)
            [answer] = await log.until(lambda records, command=command: replies(records, command))
            assert b"RESERVED_15_MIN" in (answer.value or b"")
        await bus.quiet("booking")
        assert [record for record in log.records if record.topic == LETTERS] == []


@pytest.mark.parametrize("table", ["progress", "bookings", "inbox"])
async def test_a_row_that_somebody_locks_longer_than_we_wait_loses_nothing(bus: Bus, table: str) -> None:
    """Locks are given up after 2 s, and taken again."""
    command, confirm = str(uuid.uuid4()), str(uuid.uuid4())
    async with bus.listening(LETTERS, REPLIES, "availability.commands") as log, bus.deciding():
        await bus.tell(create(command), command)
        event = await granted(bus, log, command)
        await log.until(lambda records: replies(records, command))
        await bus.quiet("booking")
        locked = {
            "progress": "true",
            "bookings": f"id = '{create(command).booking_id}'",
            "inbox": f"id IN ('{command}', '{event}')",
        }
        connection = await asyncpg.connect(bus.infra.dsn("booking"))
        async with connection.transaction():
            await connection.execute(f"SELECT 1 FROM {table} WHERE {locked[table]} FOR UPDATE")
            await bus.tell(ConfirmBooking(booking_id=create(command).booking_id, **DETAILS), confirm)
            await bus.tell(create(command), command)  # a retry touches the command's own row

            async def given_up() -> bool:
                sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'booking' AND wait_event_type = 'Lock'"
                waits: int = await bus.pools["booking"].fetchval(sql)
                return waits > 0

            await until(given_up)
            ended = asyncio.get_running_loop().time() + 2.5
            await until(lambda: _after(ended))
        await connection.close()
        assert await log.caused_by(confirm, "availability.commands")
        assert len(await log.until(lambda records: (r := replies(records, command)) and len(r) == 2 and r)) == 2
        assert [record for record in log.records if record.topic == LETTERS] == []


async def _after(moment: float) -> bool:
    return asyncio.get_running_loop().time() > moment
