"""Whom a service calls, on a real port."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web


class OtherSide:
    """The first answer under a key is the answer to that key; its effect happens once."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []  # destination and key, as they come
        self.effects: dict[str, str] = {}
        self.fails: dict[str, int] = {}  # how often it still says 503, by destination
        self.gates: dict[str, asyncio.Event] = {}  # a destination that waits for its gate
        self.on_effect: Callable[[str], Awaitable[None]] | None = None
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        destination, key = request.match_info["destination"], request.headers["Idempotency-Key"]
        self.requests.append((destination, key))
        number = len(self.requests)
        if gate := self.gates.get(destination):
            await gate.wait()
        if self.fails.get(destination, 0) > 0:
            self.fails[destination] -= 1
            return web.Response(status=503, text="not now")
        answer = self.effects.setdefault(key, f"done by {number}")
        if self.on_effect:
            await self.on_effect(key)
        return web.Response(text=answer)

    def asked(self, destination: str) -> list[str]:
        """The keys that this destination was called with."""
        return [key for name, key in self.requests if name == destination]

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["OtherSide"]:
        app = web.Application()
        app.router.add_post("/{destination}", self.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
        try:
            yield self
        finally:
            for gate in self.gates.values():
                gate.set()
            await runner.cleanup()
