"""`holdfast listen`: webhooks of a platform, on a developer's machine, as they come.

It subscribes with a receiver of its own, checks each signature with the very snippet that subscribers copy, forwards the
delivery untouched, and gives the answer back, so that retries are what they will be. It ends with its subscription.
"""

import asyncio
import contextlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
from aiohttp import web

from embedded.problem import Problem
from examples import tokens
from examples.telling import Unexpected
from examples.webhooks.verify import InvalidWebhook, verify

FORWARD_SECONDS = 14.0  # the platform gives up after 15
MOST_ANSWER = 64 * 1024  # bytes of the receiver's answer that go back
MOST_SEEN = 10_000  # deliveries whose repeats are recognised
# Of the connection, not of the message.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "host", "content-length"}
SUBSCRIPTIONS = "/v1/webhooks/subscriptions"


@dataclass
class Wishes:
    """What the command line said: whom to listen to, what for, and where deliveries go."""

    gateway: str
    forward: str | None = None
    client: str = tokens.CLIENT
    client_secret: str | None = None  # without one: that of the client which every platform for development knows
    events: list[str] = field(default_factory=lambda: ["*"])
    secret: str | None = None
    public_url: str | None = None
    port: int = 0


async def listen(wishes: Wishes, say: Callable[[str], None]) -> int:
    """Listen until cancelled. Raises Problem when the platform does not let us."""
    timeout = aiohttp.ClientTimeout(total=FORWARD_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
        listener = _Listener(wishes, session, say)
        async with listener.receiving() as url, _subscribed(wishes, session, url, say) as (subscription, secret):
            listener.secret.set_result(secret)
            say(f"Listening to {', '.join(wishes.events)} at {wishes.gateway} for client {wishes.client!r}.")
            say(f"Deliveries come to {url}" + (f" and go to {wishes.forward}." if wishes.forward else "."))
            say(f"Secret of subscription {subscription}: {secret}\nCtrl-C ends it, and its subscription.\n")
            await asyncio.Event().wait()
    return 0


class _Listener:
    def __init__(self, wishes: Wishes, session: aiohttp.ClientSession, say: Callable[[str], None]) -> None:
        self._wishes, self._session, self._say = wishes, session, say
        self._seen: dict[str, None] = {}
        self.secret: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    @contextlib.asynccontextmanager
    async def receiving(self) -> AsyncIterator[str]:
        """Our own server, and the URL to subscribe with: on this machine, unless the world has another name for it."""
        path = f"/{secrets.token_urlsafe(12)}"  # whoever else is on this machine does not know it
        app = web.Application()
        app.router.add_post(path if self._wishes.public_url is None else "/{any:.*}", self._receive)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self._wishes.port).start()
        except OSError as error:
            await runner.cleanup()
            raise Problem(f"port {self._wishes.port} cannot be listened on: {error.strerror}") from None
        try:
            yield self._wishes.public_url or f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
        finally:
            await runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        secret = await self.secret  # a delivery may be faster than the answer to the subscription
        try:
            verify(body, request.headers, secret)
        except InvalidWebhook as error:
            self._tell(f"refused, {error}")
            return web.Response(status=400, text="not signed with the secret of this subscription")
        began = time.perf_counter()
        answer, words = await self._forward(body, request.headers)
        self._tell(f"{self._line(body, request.headers)}  {words} in {(time.perf_counter() - began) * 1000:.0f} ms")
        return answer

    async def _forward(self, body: bytes, headers: Mapping[str, str]) -> tuple[web.Response, str]:
        """The receiver's own answer, and what to say about it."""
        if self._wishes.forward is None:
            return web.Response(), "taken"
        passed = [(name, value) for name, value in headers.items() if name.lower() not in HOP_BY_HOP]
        try:
            async with self._session.post(
                self._wishes.forward, data=body, headers=passed, allow_redirects=False
            ) as answered:
                text = await answered.content.read(MOST_ANSWER)
                kept = {
                    name: answered.headers[name] for name in ("Retry-After", "Location") if name in answered.headers
                }
                return web.Response(status=answered.status, body=text, headers=kept), f"→ {answered.status}"
        except (aiohttp.ClientError, TimeoutError) as error:
            why = str(error) or f"no answer within {FORWARD_SECONDS:g} s"
            return web.Response(status=502, text="the receiver behind holdfast listen did not answer"), f"✗ {why}"

    def _line(self, body: bytes, headers: Mapping[str, str]) -> str:
        """The delivery in a few words; of what we do not know, what there is."""
        delivery = headers["webhook-id"]
        again = " again" if delivery in self._seen else ""
        self._seen[delivery] = None
        if len(self._seen) > MOST_SEEN:
            del self._seen[next(iter(self._seen))]
        event: Any = json.loads(body)
        data = event.get("data") or {}
        words = [f"#{event['sequence']}"] if event.get("sequence") else []
        words += [str(data[name]) for name in ("id", "status") if name in data]
        return "  ".join([f"{event.get('type')}{again}", *words])

    def _tell(self, line: str) -> None:
        self._say(f"{datetime.now():%H:%M:%S}  {line}")  # noqa: DTZ005 - a person reads it, by the clock on the wall


@contextlib.asynccontextmanager
async def _subscribed(
    wishes: Wishes, session: aiohttp.ClientSession, url: str, say: Callable[[str], None]
) -> AsyncIterator[tuple[str, str]]:
    """A subscription with this URL, for as long as it is needed: its id and its secret."""
    wanted: dict[str, Any] = {"url": url, "events": wishes.events, "description": "holdfast listen"}
    if wishes.secret:
        wanted["secret"] = wishes.secret
    status, answer = await _asked(wishes, session, "POST", SUBSCRIPTIONS, wanted)
    if status != 201:
        why = "; ".join(f"{each['field']} {each['issue']}" for each in answer.get("details") or [])
        told = why or str(answer.get("message")).rstrip(".")
        ours = "url" in [each["field"] for each in answer.get("details") or []] and not wishes.public_url
        hint = " Only a platform for development calls this machine: see --public-url." if ours else ""
        raise Problem(f"the platform answered {status} {answer.get('code')}: {told}.{hint}")
    subscription = answer["id"]
    try:
        yield subscription, wishes.secret or answer["secret"]
    finally:
        try:
            status, _ = await _asked(wishes, session, "DELETE", f"{SUBSCRIPTIONS}/{subscription}")
        except Problem:
            status = 0
        gone = status in (204, 404)
        say(
            "the subscription is deleted"
            if gone
            else f"subscription {subscription} could not be deleted: it is still there"
        )


async def _asked(
    wishes: Wishes, session: aiohttp.ClientSession, method: str, path: str, body: Any = None
) -> tuple[int, dict[str, Any]]:
    """The status and the answer, with a token of now: one of yesterday would no longer do to unsubscribe."""
    try:
        headers = await tokens.authorization(wishes.gateway, wishes.client, wishes.client_secret or tokens.SECRET)
        async with session.request(method, wishes.gateway + path, json=body, headers=headers) as answered:
            text = await answered.read()
            return answered.status, json.loads(text) if text else {}
    except tokens.UnknownClient as error:
        raise Problem(f"{str(error).rstrip('.')}: say whose events with --client-id and --client-secret") from None
    except aiohttp.ClientConnectorError:
        raise Problem(
            f"nothing answers at {wishes.gateway}: start `holdfast up`, or say where the platform is with --url"
        ) from None
    except Unexpected as error:
        raise Problem(str(error)) from None
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise Problem(f"the platform at {wishes.gateway} does not answer: {error or type(error).__name__}") from None
