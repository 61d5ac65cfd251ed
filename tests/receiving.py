"""A receiver of webhooks: a real server on a real port, which answers as a test wants it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from embedded import ports

Answering = Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]


@dataclass
class Arrived:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.time)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> Any:
        return orjson.loads(self.body)


class Receiver:
    """Answers 200 unless a path has another answer."""

    def __init__(self) -> None:
        self.arrived: list[Arrived] = []
        self.answers: dict[str, Answering] = {}
        self.url = ""

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.arrived.append(Arrived(request.path, headers, body))
        if answer := self.answers.get(request.path):
            return await answer(request, body)
        return web.Response()

    def at(self, path: str) -> list[Arrived]:
        return [each for each in self.arrived if each.path == path]

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Receiver"]:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, ports.HOST, 0)
        await site.start()
        self.url = f"http://{ports.HOST}:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()


def status(code: int, **headers: str) -> Answering:
    async def answer(_request: web.Request, _body: bytes) -> web.StreamResponse:
        return web.Response(status=code, headers=headers)

    return answer


def waiting_for(gate: asyncio.Event) -> Answering:
    async def answer(_request: web.Request, _body: bytes) -> web.StreamResponse:
        await gate.wait()
        return web.Response()

    return answer


def hanging() -> Answering:
    async def answer(_request: web.Request, _body: bytes) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    return answer
