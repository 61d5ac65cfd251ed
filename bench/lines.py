"""A lean HTTP/1.1 client: connections that are kept, requests made beforehand, answers taken apart as little as needed."""

import asyncio
import itertools
import time
import urllib.parse
from collections.abc import Callable, Mapping
from typing import NamedTuple, cast

import orjson

from contracts.model import Slot


class Broken(ConnectionError):
    """The other side hung up."""


class Told(NamedTuple):
    """An answer, when its request was sent (by `time.perf_counter`) and how many milliseconds it took."""

    status: int
    body: bytes
    sent: float
    ms: float


class Line(asyncio.Protocol):
    """One connection with one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's is none by name

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        if self._answer and not self._answer.done():
            self._answer.set_exception(Broken(str(exc or "")))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        _, named, after = head.lower().partition(b"\r\ncontent-length:")
        length = int(after.partition(b"\r\n")[0]) if named else 0
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        if self._answer and not self._answer.done():
            self._answer.set_result((int(head[9:12]), rest[:length]))

    async def timed(self, request: bytes) -> Told:
        """Send the request and await its answer. Raises Broken."""
        if self._lost:
            raise Broken
        self._answer = asyncio.get_running_loop().create_future()
        sent = time.perf_counter()
        self.transport.write(request)
        status, body = await self._answer
        return Told(status, body, sent, (time.perf_counter() - sent) * 1000)

    def close(self) -> None:
        """Hang up."""
        self.transport.close()


async def connect(url: str) -> Line:
    """A line to this address. Raises OSError."""
    address = urllib.parse.urlsplit(url)
    assert address.hostname
    assert address.port
    _, line = await asyncio.get_running_loop().create_connection(Line, address.hostname, address.port)
    return line


async def ask_all(url: str, count: int, connections: int, request: Callable[[int], bytes]) -> list[Told]:
    """So many requests over so many connections, each sending the next one as soon as it is answered."""
    numbers, told = itertools.count(), list[Told]()
    lines = await asyncio.gather(*[connect(url) for _ in range(connections)])

    async def work(line: Line) -> None:
        while (number := next(numbers)) < count:
            told.append(await line.timed(request(number)))

    try:
        await asyncio.gather(*map(work, lines))
    finally:
        for line in lines:
            line.close()
    return told


def post(url: str, path: str, body: object, *headers: str) -> bytes:
    """A POST with this body in JSON."""
    raw = orjson.dumps(body)
    return _head("POST", url, path, "Content-Type: application/json", f"Content-Length: {len(raw)}", *headers) + raw


def delete(url: str, path: str) -> bytes:
    """A DELETE."""
    return _head("DELETE", url, path)


def hold(url: str, product: str, slot: tuple[str, Slot], *headers: str) -> bytes:
    """POST /v1/bookings for this slot."""
    space, hour = slot
    span = {"from": hour.from_, "to": hour.to}
    return post(url, "/v1/bookings", {"productId": product, "spaceId": space, "slot": span}, *headers)


def sign_in(authorization: Mapping[str, str]) -> None:
    """All requests that are made from now on carry this header; the plain service passes over it."""
    _signed_in.update(authorization)


_signed_in: dict[str, str] = {}


def _head(method: str, url: str, path: str, *headers: str) -> bytes:
    host = urllib.parse.urlsplit(url).netloc
    ours = [f"{name}: {value}" for name, value in _signed_in.items()]
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *ours, *headers, "", ""]).encode()
