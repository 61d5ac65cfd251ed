"""Kafka and Postgres in one process tree, under a supervisor."""

import contextlib
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from embedded import folder, kafka, ports, postgres, servers
from embedded.folder import DataFolder
from embedded.problem import Problem, side_by_side
from embedded.servers import Servers
from embedded.supervisor import Supervisor

KAFKA_ATTEMPTS = 3  # where a port cannot be held, somebody may take it between choosing and binding
FAST_SESSION_MS = 1000
SERVERS = ("kafka", "postgres")

Say = Callable[[str], None]


def silent(_line: str) -> None:
    """Tests and benches have no terminal to talk to."""


class Infrastructure:
    """A running Kafka (`kafka` is its host:port) and Postgres (`dsn(database)`), with what runs beside them."""

    def __init__(self, data: DataFolder, say: Say, fast_sessions: bool) -> None:
        self.data = data.path
        self.kafka = ""
        self._folder, self._say, self._fast_sessions = data, say, fast_sessions
        self._supervisor = Supervisor(self._record, say)
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._ports: list[ports.Port] = []
        self._state = "starting"
        # A data folder of its own holds the servers' data too, so they are child processes then.
        self._servers: Servers | None = servers.chosen() if servers.chosen and data.temporary else None

    @property
    def pids(self) -> dict[str, int]:
        """The pids of what runs at this moment, by process name."""
        return self._supervisor.pids

    @property
    def environment(self) -> dict[str, str]:
        """What every process of ours has to be told, beside its own addresses."""
        session = {"HOLDFAST_SESSION_TIMEOUT_MS": str(FAST_SESSION_MS)} if self._fast_sessions else {}
        return {
            "HOLDFAST_KAFKA": self.kafka,
            "HOLDFAST_INTERNAL_TOKEN": self._folder.token(),
            "HOLDFAST_DEVELOPMENT": "1",
            "HOLDFAST_GATEWAY_KEYS": str(self.data / "keys"),
            **session,
        }

    def dsn(self, database: str) -> str:
        """The address of a database, for asyncpg."""
        if self._servers is not None:
            return servers.at(self._servers.postgres, database)
        return postgres.dsn(self._folder.runtime / "pg", database)

    async def create_database(self, name: str) -> str:
        """Have a database of this name; its address."""
        return await servers.create_database(self.dsn("postgres"), name)

    async def drop_database(self, name: str) -> None:
        """Have no database of this name any more, whoever is connected to it."""
        await servers.drop_database(self.dsn("postgres"), name)

    async def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to a process, which is started again if it ends by it; the pid it had."""
        return self._supervisor.kill(name, number)

    async def stop_process(self, name: str) -> int | None:
        """Stop a process, and do not start it again; its exit code."""
        if self._servers is not None and name in SERVERS:
            await self._servers.halt(name)
            return None
        return await self._supervisor.stop(name)

    async def start_process(self, name: str, env: Mapping[str, str] | None = None) -> int:
        """Start a stopped process and return its pid when it is ready.

        `env` (a failpoint, say) counts until this life of it ends; the restart after a crash goes without.
        """
        if self._servers is not None and name in SERVERS:
            await self._servers.resume(name)
            return 0
        return await self._supervisor.start_again(name, env or {})

    async def restarted(self, name: str, after_pid: int) -> int:
        """The pid of the ready successor of this process, as soon as there is one."""
        return await self._supervisor.restarted(name, after_pid)

    async def start(self, databases: Iterable[str]) -> None:
        """Start both, and have these databases."""
        if self._servers is not None:
            await self._servers.start()
            self.kafka = self._servers.kafka
            for name in databases:
                await self.create_database(name)
            return
        async with side_by_side() as group:
            group.create_task(self._start_kafka())
            group.create_task(self._start_postgres(databases))

    def settled(self) -> None:
        """All of it is ready: `holdfast status` says so from now on."""
        self._state = "running"
        self._record()

    async def stop(self) -> None:
        """Stop everything, the data stays."""
        self._state = "stopping"
        await self._supervisor.stop_all()
        if self._servers is not None:
            await self._servers.stop()
        for port in self._ports:
            port.release()

    async def _start_kafka(self) -> None:
        await kafka.prepare(self._folder, self._say)
        for attempt in range(1, KAFKA_ATTEMPTS + 1):
            broker, controller = self._kafka_port(again=attempt > 1), self._port()
            self.kafka = f"{ports.HOST}:{broker}"
            try:
                await self._supervisor.start([kafka.program(self._folder, broker, controller)])
            except Problem as problem:
                if attempt == KAFKA_ATTEMPTS or "already in use" not in str(problem):
                    raise
            else:
                return

    def _kafka_port(self, again: bool) -> int:
        """The one that this data folder's Kafka had last, which its clients know; another one is said aloud."""
        last = kafka.last_port(self._folder)
        if last is None:
            return self._port()
        if not again:
            with contextlib.suppress(Problem):
                return self._port(last)
        fresh = self._port()
        self._say(f"Kafka's last port {last} is taken by others: it is at {fresh} now, tell its clients")
        return fresh

    async def _start_postgres(self, databases: Iterable[str]) -> None:
        began, fresh = time.monotonic(), not (self._folder.path / "pg").exists()
        await postgres.prepare(self._folder)
        if fresh:
            self._say(f"postgres made its folder ({time.monotonic() - began:.1f} s)")
        await self._supervisor.start([postgres.program(self._folder)])
        for name in databases:
            await self.create_database(name)

    def _port(self, number: int = 0, *, shared: bool = False) -> int:
        port = ports.hold(number, shared=shared)
        self._ports.append(port)
        return port.number

    def _record(self) -> None:
        self._folder.record(self._run())

    def _run(self) -> dict[str, Any]:
        return {
            "supervisor": os.getpid(),
            "started": self._started,
            "state": self._state,
            "kafka": self.kafka,
            "postgres": self.dsn("postgres") if self._servers else str(self._folder.runtime / "pg"),
            "processes": self.pids,
        }


@contextlib.asynccontextmanager
async def infrastructure(
    data: Path | None = None, *, databases: Iterable[str] = (), fast_sessions: bool = False, say: Say = silent
) -> AsyncIterator[Infrastructure]:
    """Kafka and Postgres alone, in this data folder or in a temporary one; nothing is left running afterwards.

    Kafka has no topics and accepts sessions from 0.5 s; Postgres has these databases.
    """
    with opened(data) as mine:
        running = Infrastructure(mine, say, fast_sessions)
        try:
            await running.start(databases)
            running.settled()
            yield running
        finally:
            await running.stop()


@contextlib.contextmanager
def opened(data: Path | None) -> Iterator[DataFolder]:
    """The data folder for us alone; None makes a temporary one, which is removed at the end."""
    with contextlib.ExitStack() as stack:
        if data is None:
            folder.sweep()
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=folder.TEMPORARY)))
        yield stack.enter_context(folder.opened(data))
