"""A receiver of webhooks, as a subscriber's server has one: it checks each signature before it believes a word.

    HOLDFAST_WEBHOOK_SECRET=whsec_… python -m examples.receiver [--port 3000]

prints where it listens, then a line for each delivery.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from examples.telling import Unexpected
from examples.webhooks.verify import InvalidWebhook, verify

HOST, PATH, SECRET = "127.0.0.1", "/hook", "HOLDFAST_WEBHOOK_SECRET"


@dataclass(frozen=True)
class Delivered:
    """One delivery, its signature good."""

    headers: Mapping[str, str]
    body: bytes
    event: Any

    def header(self, name: str) -> str:
        """By its name in small letters."""
        return next(value for key, value in self.headers.items() if key.lower() == name)

    @property
    def change(self) -> str:
        """What became of the booking, in a few words."""
        booking, payment = self.event["data"], self.event["data"]["paymentStatus"]
        said = f"{self.event['previous']['status']} → {booking['status']}"
        return f"{said} (payment: {payment})" if payment else said

    @property
    def line(self) -> str:
        """All of it on a line; a ping is about no booking."""
        if not self.event.get("sequence"):
            return f"{self.event['type']}, signature good"
        return (
            f"{self.event['data']['id']} #{self.event['sequence']} {self.event['type']}, signature good: {self.change}"
        )


class Receiver:
    """Takes what is signed with its secret, once each; answers 400 to everything else."""

    def __init__(self, tell: Callable[[str], None] = lambda _: None) -> None:
        # A delivery may be faster than the answer that has the secret: it waits for it.
        self.secret: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.taken: dict[str, Delivered] = {}  # by the event's id: what comes again is known
        self.url = ""
        self._tell, self._news = tell, asyncio.Condition()

    @contextlib.asynccontextmanager
    async def receiving(self, port: int = 0) -> AsyncIterator["Receiver"]:
        """Listen on this port of this machine, or on a free one."""
        app = web.Application()
        app.router.add_post(PATH, self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, port).start()
            self.url = f"http://{HOST}:{runner.addresses[0][1]}{PATH}"
            yield self
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()  # the raw bytes: these are signed
        try:
            verify(body, request.headers, await self.secret)
        except InvalidWebhook as error:
            self._tell(f"refused: {error}")
            return web.Response(status=400, text=f"refused: {error}\n")
        delivered = Delivered(dict(request.headers), body, json.loads(body))
        if delivered.event["id"] not in self.taken:
            self.taken[delivered.event["id"]] = delivered
            self._tell(delivered.line)
            async with self._news:
                self._news.notify_all()
        return web.Response()

    def about(self, booking: str) -> list[Delivered]:
        """What came about this booking, in the order in which it happened."""
        came = [each for each in self.taken.values() if (each.event.get("data") or {}).get("id") == booking]
        return sorted(came, key=lambda each: int(each.event["sequence"]))

    async def until(self, booking: str, version: int, seconds: float) -> list[Delivered]:
        """All events of this booking up to this version, once they are here. Raises Unexpected after these seconds."""
        wanted = list(range(1, version))  # the first version that anybody is told of is 2

        def complete() -> bool:
            return [each.event["sequence"] for each in self.about(booking)][: len(wanted)] == wanted

        try:
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(complete)
        except TimeoutError:
            came = [each.event["sequence"] for each in self.about(booking)]
            raise Unexpected(f"After {seconds:.0f} s the receiver has {came} of the events {wanted}.") from None
        return self.about(booking)[: len(wanted)]


async def _main(secret: str, port: int) -> None:
    def say(line: str) -> None:
        print(line, flush=True)

    receiver = Receiver(say)
    receiver.secret.set_result(secret)
    async with receiver.receiving(port):
        say(f"Receiving at {receiver.url}")
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="Receive webhooks, check their signatures, print them.")
    parser.add_argument("--port", type=int, default=0, help="where to listen on 127.0.0.1; a free one unless given")
    given = parser.parse_args()
    if SECRET not in os.environ:
        sys.exit(f"{SECRET} is not set: it is the secret of the subscription, whsec_…")
    try:
        asyncio.run(_main(os.environ[SECRET], given.port))
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        sys.exit(f"No receiver on port {given.port}: {error}")


if __name__ == "__main__":
    main()
