"""What is not a message's fault never brings it to the dead letters: it is tried again until it works."""

import uuid
from collections.abc import AsyncIterator

import asyncpg
import pytest
from answering import replies
from bus import REPLIES, Bus, Log
from trouble import Trouble

from contracts.booking import ConfirmBooking

LETTERS = "booking.dead-letters"

PASSING = (
    asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError,
    asyncpg.AdminShutdownError, asyncpg.CrashShutdownError, asyncpg.CannotConnectNowError, asyncpg.DiskFullError,
    asyncpg.TooManyConnectionsError, asyncpg.OutOfMemoryError, asyncpg.ConnectionDoesNotExistError,
    asyncpg.ConnectionFailureError, asyncpg.InterfaceError, asyncpg.InternalClientError, ConnectionResetError, TimeoutError,
    asyncpg.ReadOnlySQLTransactionError, asyncpg.PostgresIOError, asyncpg.InternalServerError,
)  # fmt: skip


class Failing(Trouble):
    """A database that fails with each write, so many times."""

    def __init__(self) -> None:
        super().__init__(self.fail)
        self.errors: list[BaseException] = []

    async def fail(self, sql: str) -> None:
        if self.errors and "INSERT INTO inbox" in sql:
            raise self.errors.pop()


@pytest.fixture(scope="module")
async def failing() -> Failing:
    return Failing()


@pytest.fixture(scope="module")
async def log(whole_bus: Bus, failing: Failing) -> AsyncIterator[Log]:
    """What a booking decider writes whose database fails."""
    await whole_bus.skip("booking")
    async with whole_bus.listening(LETTERS, REPLIES) as log, whole_bus.deciding(meets=failing):
        yield log


@pytest.mark.parametrize("error", PASSING)
async def test_a_command_is_handled_when_the_database_failed_three_times(
    whole_bus: Bus, log: Log, failing: Failing, error: type[BaseException]
) -> None:
    failing.errors = [error("not the message's fault") for _ in range(3)]
    command, _ = await whole_bus.tell(ConfirmBooking(booking_id=str(uuid.uuid4())))
    [answer] = await log.until(lambda records: replies(records, command))
    assert b"NOT_FOUND" in (answer.value or b"")
    assert failing.errors == []
    assert [record for record in log.records if record.topic == LETTERS] == []
