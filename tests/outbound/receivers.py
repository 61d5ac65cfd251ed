"""Receivers of webhooks: one that counts who comes to any address of this machine, and ones that behave as badly as a test wants."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field


@dataclass
class Receiver:
    """A port on which somebody listens: who connected, to which address of this machine, and what was asked."""

    port: int
    connections: list[str] = field(default_factory=list)
    requests: list[bytes] = field(default_factory=list)
    said: int = 0  # bytes

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@dataclass
class Caller:
    """One connection to a receiver."""

    receiver: Receiver
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> bytes:
        """The next whole request: its head and, by its Content-Length, its body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))
        whole = head + await self.reader.readexactly(length)
        self.receiver.requests.append(whole)
        return whole

    async def say(self, words: bytes) -> None:
        self.writer.write(words)
        await self.writer.drain()
        self.receiver.said += len(words)

    async def wait(self) -> None:
        """Until the other side goes."""
        await self.reader.read()

    def reset(self) -> None:
        """End the connection with a RST."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Manners = Callable[[Caller], Awaitable[None]]


def answering(answer: bytes) -> Manners:
    """Says these bytes to each request."""

    async def manners(caller: Caller) -> None:
        while True:
            await caller.request()
            await caller.say(answer)

    return manners


def closing_after(answer: bytes) -> Manners:
    """Says these bytes, and closes the connection."""

    async def manners(caller: Caller) -> None:
        await caller.request()
        await caller.say(answer)

    return manners


def silent_after(answer: bytes) -> Manners:
    """Says these bytes, and nothing more until the sender goes."""

    async def manners(caller: Caller) -> None:
        await caller.request()
        await caller.say(answer)
        await caller.wait()

    return manners


def hanging_up_late(answer: bytes, callers: int, seconds: float) -> Manners:
    """Says these bytes to the first request of each connection, once there are so many; hangs up so long after the second."""
    all_there = asyncio.Barrier(callers)

    async def manners(caller: Caller) -> None:
        await caller.request()
        await all_there.wait()
        await caller.say(answer)
        await caller.request()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await caller.wait()

    return manners


def endless(head: bytes, piece: bytes) -> Manners:
    """Never stops talking."""

    async def manners(caller: Caller) -> None:
        await caller.request()
        await caller.say(head)
        while True:
            await caller.say(piece)

    return manners


@contextlib.asynccontextmanager
async def receiver(manners: Manners, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """On a loopback port; each connection is treated with these manners, and then closed."""
    mine = Receiver(0)
    at_work: set[asyncio.Task[None]] = set()

    async def treat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        at_work.add(task)
        mine.connections.append(str(writer.get_extra_info("sockname")))
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await manners(Caller(mine, reader, writer))
        finally:
            at_work.discard(task)
            writer.close()

    server = await asyncio.start_server(treat, "127.0.0.1", 0, ssl=tls)
    mine.port = server.sockets[0].getsockname()[1]
    try:
        yield mine
    finally:
        server.close()
        for task in tuple(at_work):
            task.cancel()


@contextlib.asynccontextmanager
async def trap() -> AsyncIterator[Receiver]:
    """Listens on every address of this machine, of both families; whoever connects is counted and cut off."""
    mine = Receiver(0)

    async def caught(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine.connections.append(str(writer.get_extra_info("sockname")))
        writer.close()

    both = socket.has_dualstack_ipv6()
    listening = (
        socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        if both
        else socket.create_server(("0.0.0.0", 0))
    )
    mine.port = listening.getsockname()[1]
    server = await asyncio.start_server(caught, sock=listening)
    try:
        yield mine
    finally:
        server.close()
