"""One client's connection: uvicorn's, made impatient. A request that dawdles or never ends is cut off, in our words."""

import asyncio
import uuid
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.gateway import measures
from services.gateway.errors import Problem

HEADER_BYTES = 32 * 1024
MESSAGE_BYTES = 1024 * 1024  # a client that was told 413 may still send this much before the line is cut


class Connection(HttpToolsProtocol):
    """uvicorn times idle connections only; this one times requests that are on their way, and counts their bytes."""

    arrived_within = 20.0
    _timer: asyncio.TimerHandle | None = None
    _in_headers = _arriving = False
    _size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = self._arriving = True
        self._size = 0

    def on_headers_complete(self) -> None:
        self._in_headers = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._arriving = False
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.is_closing():
            return
        if not self._arriving and self.cycle is not None and not self.cycle.response_complete:
            self._stop_timer()  # the whole request is here: now it is our turn
            return
        self._size += len(data)
        if self._in_headers and self._size > HEADER_BYTES:
            self._cut("PAYLOAD_TOO_LARGE", "The request line and headers are too long.", 431)
        elif self._arriving and self._size > MESSAGE_BYTES:
            self.transport.close()
        elif self._timer is None:
            self._await_more()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - ours says it in the envelope
        self._cut("VALIDATION_FAILED", "This is not a valid HTTP request.", 400)

    def _await_more(self) -> None:
        self._timer = self.loop.call_later(self.arrived_within, self._too_late)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        self._timer = None
        answered = self.cycle is None or self.cycle.response_complete
        if self._arriving and (self._in_headers or not answered):
            self._cut("TIMEOUT", "The request took too long to arrive.", 408)
        elif answered:  # also a request that was refused before its body came: one answer is enough
            self.transport.close()

    def _cut(self, code: str, message: str, status: int) -> None:
        self._stop_timer()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            measures.CUT.labels(str(status)).inc()
            self.transport.write(_answer(Problem(code, message, status=status)))
        self.transport.close()


def _answer(problem: Problem) -> bytes:
    correlation = str(uuid.uuid4())
    body = problem.envelope(correlation)
    head: dict[str, Any] = {
        "content-type": "application/json",
        "content-length": len(body),
        "connection": "close",
        "cache-control": "no-store",
        "x-correlation-id": correlation,
    }
    lines = [f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in head.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
