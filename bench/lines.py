"""A lean HTTP/1.1 client: connections that are kept, requests made beforehand, answers taken apart as little as needed."""

import asyncio
import itertools
import time
import urllib.parse
from collections.abc import Callable
from typing import NamedTuple

import orjson

from bench.commands import Slot


class Broken(ConnectionError):
    """The other side hung up."""


class Response(NamedTuple):
    status: int
    body: bytes


class Told(NamedTuple):
    """An answer with the number of its request and the milliseconds it took; `at` is of `time.perf_counter`."""

    number: int
    at: float
    ms: float
    response: Response


class Line(asyncio.Protocol):
    """One connection with one request at a time."""

    def __init__(self) -> None:
        self._buffer = b""
        self._answer: asyncio.Future[Response] | None = None
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

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
            self._answer.set_result(Response(int(head[9:12]), rest[:length]))

    async def ask(self, request: bytes) -> Response:
        """Send the request and await its answer. Raises Broken."""
        if self._lost:
            raise Broken
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Hang up."""
        self.transport.close()


async def connect(url: str) -> Line:
    """A line to this address. Raises OSError."""
    address = urllib.parse.urlsplit(url)
    _, line = await asyncio.get_running_loop().create_connection(Line, address.hostname, address.port)
    return line


async def ask_all(url: str, count: int, connections: int, request: Callable[[int], bytes]) -> list[Told]:
    """So many requests over so many connections, each sending the next one as soon as it is answered."""
    numbers, told = itertools.count(), list[Told]()
    lines = await asyncio.gather(*[connect(url) for _ in range(connections)])

    async def work(line: Line) -> None:
        while (number := next(numbers)) < count:
            began = time.perf_counter()
            response = await line.ask(request(number))
            ended = time.perf_counter()
            told.append(Told(number, ended, (ended - began) * 1000, response))

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


def _head(method: str, url: str, path: str, *headers: str) -> bytes:
    host = urllib.parse.urlsplit(url).netloc
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *headers, "", ""]).encode()
