"""The connection to PostgreSQL: a pool with the limits of R9, and which errors pass by themselves."""

from typing import Any

import asyncpg

# R10: worth another try; everything else is the message's fault, or ours.
TRANSIENT: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.TransactionRollbackError,  # class 40: serialization, deadlock
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.OperatorInterventionError,  # class 57: shutdown, crash
    asyncpg.InsufficientResourcesError,  # class 53: disk full, too many connections
    asyncpg.PostgresSystemError,  # class 58: a disk that cannot be read
    asyncpg.InternalServerError,  # class XX: a damaged file, a table changed under our hands
    asyncpg.ReadOnlySQLTransactionError,  # this is a standby, or one no longer
    asyncpg.exceptions.InterfaceError,
    asyncpg.exceptions.InternalClientError,
)


async def _no_reset(_connection: Any) -> None:
    """Every statement of ours stands alone; resetting the session at each release costs a round trip."""


async def connect(url: str, connections: int, application: str, *, durable: bool = True) -> asyncpg.Pool:
    """A pool whose sessions give up instead of blocking others: statements after 5 s, locks after 2 s.

    Not `durable`: a commit does not wait for the disk. Only for what may be forgotten by a database that crashes.
    """
    pool: asyncpg.Pool = await asyncpg.create_pool(
        url,
        min_size=2,
        max_size=connections,
        reset=_no_reset,
        timeout=10,
        command_timeout=10,
        server_settings={
            "application_name": application,
            "idle_in_transaction_session_timeout": "5s",
            "statement_timeout": "5s",
            "lock_timeout": "2s",
            "tcp_user_timeout": "10s",
            "timezone": "UTC",
            "enable_seqscan": "off",  # a plan made while a table was empty would else serve until it is analysed
            "max_parallel_workers_per_gather": "0",  # nothing here is worth the start of a process
            "plan_cache_mode": "force_generic_plan",  # planning these statements takes longer than running them on a small batch
            "synchronous_commit": "on" if durable else "off",
            "jit": "off",  # the statements are short; compiling them costs more than it saves
        },
    )
    return pool
