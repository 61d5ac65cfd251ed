"""`python -m services.gateway`: serve until SIGTERM or SIGINT, then finish what is under way."""

import asyncio
import logging
import socket
import sys

import uvicorn

from chassis import memory, serving, telemetry, tracing
from chassis.listening import shared_socket
from chassis.notify import notify
from services.gateway.app import NobodyTrusted, build
from services.gateway.connection import Connection
from services.gateway.replies import Replies
from services.gateway.settings import Settings

log = logging.getLogger("services.gateway")


class Server(serving.Server):
    """Says when it is ready, and lets nobody wait in vain when it ends."""

    def __init__(self, config: uvicorn.Config, replies: Replies, drained_within: float) -> None:
        super().__init__(config)
        self._replies, self._drained_within = replies, drained_within

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announcement = asyncio.create_task(self._announce())

    async def _announce(self) -> None:
        await self._replies.connected.wait()
        memory.settle()
        notify("READY=1")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        notify("STOPPING=1")
        self._announcement.cancel()
        # Whoever still waits for an answer then is told to come again: the command is in Kafka, nothing is lost.
        loop = asyncio.get_running_loop()
        hanging_up = loop.call_later(self._drained_within, lambda: asyncio.ensure_future(self._replies.hang_up()))
        await super().shutdown(sockets)
        hanging_up.cancel()


def main() -> None:
    """Serve."""
    settings = Settings()
    telemetry.configure("gateway")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        listening = shared_socket(settings.host, settings.port)
        telemetry.expose(settings.host, settings.metrics_port)
    except OSError as error:
        ports = f"{settings.port}, or {settings.metrics_port} for the metrics"
        sys.exit(f"cannot listen on {settings.host}:{ports}: {error.strerror}")
    try:
        app = build(settings)
    except NobodyTrusted as error:
        sys.exit(error.__doc__)
    Connection.arrived_within = settings.arrived_within
    traces = tracing.of("gateway", settings)
    config = uvicorn.Config(
        traces.server(app) if traces else app,
        http=Connection,
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        headers=[("cache-control", "no-store"), ("x-content-type-options", "nosniff")],
        timeout_keep_alive=settings.kept_alive,
        timeout_graceful_shutdown=round(settings.drained_within) + 1,
    )
    Server(config, app.state.replies, settings.drained_within).run(sockets=[listening])
    tracing.close()


if __name__ == "__main__":
    main()
