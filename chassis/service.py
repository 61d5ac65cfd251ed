"""One worker process: the decider, the reads, the probes and the metrics on one event loop.

Kafka or the database being away is no reason to die: liveness stays, readiness goes, and it begins as soon as both answer.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import asyncpg
import uvicorn
from aiokafka.errors import KafkaError
from prometheus_client import generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from chassis import database, inbox, memory, reaching, telemetry, tracing
from chassis.listening import shared_socket
from chassis.notify import notify
from chassis.reaching import Reaching
from chassis.reads import Read, routes
from chassis.serving import Server
from chassis.settings import WorkerSettings

log = logging.getLogger(__name__)

T = TypeVar("T")

CANNOT_GO_ON = 70  # EX_SOFTWARE: whoever supervises starts it again, and what is stored is sent again
PRUNE_SECONDS = 60.0
OWN_CONNECTIONS = 3  # one decides, the others look and prune
CLOSED_WITHIN = 1.0  # seconds


class Part(Protocol):
    """What a worker runs: a decider or a relay."""

    @property
    def joined(self) -> asyncio.Event: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def missing(self) -> list[str]: ...


MakePart = Callable[[asyncpg.Pool, Callable[[BaseException], None]], Part]


class Worker:
    """A part that runs, with its database, its reads and its probes."""

    def __init__(
        self, name: str, settings: WorkerSettings, make: MakePart, reads: Mapping[str, Read], prunes: Sequence[str]
    ) -> None:
        self.name, self.settings, self.make, self.prunes = name, settings, make, prunes
        self.has_reads = bool(reads)
        self.database: asyncpg.Pool | None = None
        self.reading: asyncpg.Pool | None = None  # a pool of its own: decisions never queue behind long lists
        self.reaching: Reaching | None = None
        self.beside: list[asyncio.Task[None]] = []
        self.part: Part | None = None
        token = settings.internal_token.get_secret_value()
        self.app = Starlette(
            routes=[
                Route("/livez", self._alive),
                Route("/readyz", self._ready),
                Route("/metrics", self._metrics),
                *routes(reads, lambda: self.reading, token),
            ],
            lifespan=self._lifespan,
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        beginning = asyncio.create_task(self._begin())
        beginning.add_done_callback(_stop_on_error)
        try:
            yield
        finally:
            notify("STOPPING=1")
            beginning.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beginning
            if self.part:
                await self.part.stop()
            for task in self.beside:
                task.cancel()
            for pool in self.database, self.reading:
                if pool:
                    await _closed(pool)

    async def _begin(self) -> None:
        settings = self.settings
        self.database = await patiently(
            "the database",
            lambda: database.connect(settings.database, OWN_CONNECTIONS, self.name),
            database.TRANSIENT,
        )
        pool = self.database
        self.reaching = Reaching(pool)
        self.beside.append(asyncio.create_task(self.reaching.run()))
        self.beside[-1].add_done_callback(_stop_on_error)
        reaching.measure(pool, self.name)
        if self.has_reads:
            self.reading = await patiently(
                "the database",
                lambda: database.connect(settings.database, settings.read_connections, f"{self.name} reads"),
                database.TRANSIENT,
            )
            reaching.measure(self.reading, f"{self.name} reads")

        async def join() -> Part:
            part = self.make(pool, die)
            try:
                await part.start()
            except BaseException:
                await part.stop()
                raise
            return part

        self.part = await patiently("Kafka", join, (KafkaError, OSError))
        await self.part.joined.wait()
        memory.settle()
        notify("READY=1")
        log.info("ready")
        while True:
            await asyncio.sleep(PRUNE_SECONDS)
            for statement in self.prunes:
                try:
                    await self._prune(pool, statement)
                except database.TRANSIENT as error:
                    log.warning("not deleted, though old enough: %r; by %s", error, " ".join(statement.split()))

    async def _prune(self, pool: asyncpg.Pool, statement: str) -> None:
        """Delete what is old enough, a thousand rows at a time: nobody waits for long, and none is left behind under load."""
        while await pool.execute(statement) == f"DELETE {inbox.PRUNE_ROWS}":
            await asyncio.sleep(0)

    async def _alive(self, _request: Request) -> Response:
        return Response("alive")

    async def _ready(self, _request: Request) -> Response:
        """What is missing, in words; an instance without partitions is ready too, it stands by."""
        missing = self.reaching.missing() if self.reaching else ["database"]
        missing += self.part.missing() if self.part else ["kafka"]
        return JSONResponse({"ready": not missing, "missing": missing}, status_code=503 if missing else 200)

    async def _metrics(self, _request: Request) -> Response:
        return Response(generate_latest(telemetry.metrics), media_type="text/plain; version=0.0.4")


async def _closed(pool: asyncpg.Pool) -> None:
    """A database that no longer answers must not keep us."""
    try:
        async with asyncio.timeout(CLOSED_WITHIN):
            await pool.close()
    except TimeoutError:
        pool.terminate()


def die(error: BaseException) -> None:
    """Crash-only: what is decided is stored, and the next start sends what was not sent."""
    log.critical("cannot go on", exc_info=error)
    os._exit(CANNOT_GO_ON)


def _stop_on_error(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()):
        die(error)


async def patiently(what: str, action: Callable[[], Awaitable[T]], errors: tuple[type[BaseException], ...]) -> T:
    """Try until it works, with pauses of up to 5 seconds, saying so."""
    pause = 0.2
    while True:
        try:
            return await action()
        except errors as error:
            log.warning("%s is away: %r", what, error)
            notify(f"STATUS=waiting for {what}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)


def serve(app: ASGIApp, host: str, port: int, metrics_port: int | None = None) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight have 2 seconds to end."""
    try:
        telemetry.expose(host, metrics_port)
        listening = shared_socket(host, port)
    except OSError as error:
        sys.exit(f"cannot listen on {host}:{port}, or {metrics_port} for the metrics: {error.strerror}")
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", log_config=None, access_log=False, timeout_graceful_shutdown=2
    )
    Server(config).run(sockets=[listening])


def run(
    name: str,
    settings: WorkerSettings,
    make: MakePart,
    reads: Mapping[str, Read] | None = None,
    prunes: Sequence[str] = (),
) -> None:
    """The main function of a worker. `prunes` are DELETE statements of at most `inbox.PRUNE_ROWS` rows, run every minute."""
    telemetry.configure(name)
    worker, traces = Worker(name, settings, make, reads or {}, prunes), tracing.of(name, settings)
    app = traces.server(worker.app) if traces else worker.app
    serve(app, settings.host, settings.port, settings.metrics_port)
    tracing.close()
