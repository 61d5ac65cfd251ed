"""An HTTP server that ends in order, whichever process it is in."""

import logging
import signal
import socket
from types import FrameType

import uvicorn

log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Says where it listens, and ends with code 0 when it was asked to end."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        log.info("listening", extra={"port": sockets[0].getsockname()[1] if sockets else None})

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        # Not uvicorn's own: it would raise the signal again at the end, and the process would seem to have been killed.
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True
