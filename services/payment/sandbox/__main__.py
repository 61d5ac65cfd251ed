"""`python -m services.payment.sandbox`: serve until SIGTERM or SIGINT."""

import logging
import socket
import sys

import uvicorn

from chassis import serving, telemetry
from chassis.notify import notify
from services.payment.sandbox.app import build
from services.payment.sandbox.connection import Connection
from services.payment.sandbox.settings import Settings
from services.payment.sandbox.store import InUse, Store

log = logging.getLogger("services.payment.sandbox")


class Server(serving.Server):
    """Says when it is ready."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        notify("READY=1")


def main() -> None:
    """Serve."""
    settings = Settings()
    telemetry.configure("sandbox")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    try:
        store = Store(settings.data)
    except InUse as error:
        sys.exit(f"{error.__doc__}: {settings.data}")
    try:
        listening = socket.create_server((settings.host, settings.port), family=_family(settings.host))
        telemetry.expose(settings.host, settings.metrics_port)
    except OSError as error:
        sys.exit(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = settings.public_url or f"http://{host}:{listening.getsockname()[1]}"
    config = uvicorn.Config(
        build(settings, store, url),
        http=Connection,
        loop="uvloop",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,  # a request that a fault holds back would wait for half a minute
    )
    Server(config).run(sockets=[listening])


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


if __name__ == "__main__":
    main()
