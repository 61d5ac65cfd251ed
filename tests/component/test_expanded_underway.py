"""A new release's migrations come while builds of the old one are at work: nobody notices, and going back needs nothing."""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from answering import House
from bus import REPLIES, Bus, Log, header

from chassis.migrations import migrate
from contracts.booking import CancelBooking, ConfirmBooking
from contracts.client import booking_id
from contracts.examples import DETAILS
from releases import frozen
from releases.survival import dangers

EXPANDED = "9000_expanded.sql"
LETTERS = ("booking.dead-letters", "availability.dead-letters")
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'migrations'"


@pytest.fixture
async def newer(bus: Bus, tmp_path: Path) -> AsyncIterator[dict[str, Path]]:
    """The migrations of a release to come, which adds to every table there is; the tables are as they were afterwards."""
    folders, tables = {}, {}
    for service in ("booking", "availability"):
        tables[service] = [row[0] for row in await bus.pools[service].fetch(TABLES)]
        added = [f"ALTER TABLE {table} ADD later text, ADD more int NOT NULL DEFAULT 1;" for table in tables[service]]
        added.append("CREATE TABLE later (id uuid PRIMARY KEY);\nCREATE INDEX later_index ON later (id);")
        folder = tmp_path / service
        shutil.copytree(frozen.PROJECT / "services" / service / "migrations", folder)
        (folder / EXPANDED).write_text("\n".join(added))
        assert dangers((folder / EXPANDED).read_text()) == []
        folders[service] = folder
    yield folders
    for service, mine in tables.items():
        connection = await asyncpg.connect(bus.infra.dsn(service))
        for table in mine:
            await connection.execute(f"ALTER TABLE {table} DROP COLUMN IF EXISTS later, DROP COLUMN IF EXISTS more")
        await connection.execute("DROP TABLE IF EXISTS later")
        await connection.execute("DELETE FROM migrations WHERE name = $1", EXPANDED)
        await connection.close()


async def customer(bus: Bus, log: Log, house: House, numbers: range, until: asyncio.Event) -> int:
    """Books one slot after the other, confirms and gives back; how many, when all is over."""
    done = 0
    for number in numbers:
        if until.is_set():
            break
        command = str(uuid.uuid4())
        booking = booking_id(command)
        asked = [
            (house.create(command, number), command),
            (ConfirmBooking(booking_id=booking, **DETAILS), str(uuid.uuid4())),
            (CancelBooking(booking_id=booking), str(uuid.uuid4())),
        ]
        for message, message_id in asked:
            await bus.tell(message, message_id, organisation=house.organisation)
            [answer] = await log.caused_by(message_id, REPLIES)
            assert header(answer, "ce_type") == "holdfast.BookingAnswer.v1", answer.value
        done += 1
    return done


async def test_builds_at_work_do_not_notice_that_their_tables_are_added_to(bus: Bus, newer: dict[str, Path]) -> None:
    over = asyncio.Event()
    async with bus.listening(REPLIES, "booking.events", *LETTERS) as log:
        async with bus.deciding("availability"), bus.deciding("booking"):
            house = await House().open(bus, log)
            assert await customer(bus, log, house, range(3), over) == 3
            busy = asyncio.create_task(customer(bus, log, house, range(3, 2000), over))
            for service, folder in newer.items():
                assert await migrate(bus.infra.dsn(service), folder) == [EXPANDED]
            assert await customer(bus, log, house, range(2000, 2005), asyncio.Event()) == 5
            over.set()
            assert await busy > 0
        # The old release's one-shot and its workers start again beside the new tables, as in a roll back.
        for service in newer:
            old = frozen.PROJECT / "services" / service / "migrations"
            assert await migrate(bus.infra.dsn(service), old) == []
        async with bus.deciding("availability"), bus.deciding("booking"):
            assert await customer(bus, log, house, range(2010, 2013), asyncio.Event()) == 3
        assert [record for record in log.records if record.topic in LETTERS] == []
