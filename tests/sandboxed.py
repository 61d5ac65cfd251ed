"""The sandbox as its users meet it: its own process, Stripe's library, plain HTTP, and a receiver of webhooks."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import stripe
from aiohttp import web
from awaiting import until as until

KEY, SECRET = "sk_test_holdfast", "whsec_holdfast"
ROOT = Path(__file__).parents[1]
SHOP = "https://shop.example"


@dataclass
class Receiver:
    """An endpoint for webhooks: what came, and what it answers (200 once `answers` is used up; 0 hangs up)."""

    url: str
    came: list[tuple[bytes, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def events(self, secret: str = SECRET) -> list[stripe.Event]:
        """What came, each signature checked by the library."""
        return [stripe.Webhook.construct_event(body, signature, secret) for body, signature in self.came]

    def types(self) -> list[str]:
        """The types of what came."""
        return [event.type for event in self.events()]

    async def awaited(self, type_: str, times: int = 1) -> list[stripe.Event]:
        """The events of this type, once there are so many."""

        async def there() -> list[stripe.Event]:
            found = [event for event in self.events() if event.type == type_]
            return found if len(found) >= times else []

        return await until(there)


@contextlib.asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a port of its own."""

    async def take(request: web.Request) -> web.Response:
        mine.came.append((await request.read(), request.headers["Stripe-Signature"]))
        status = mine.answers.pop(0) if mine.answers else 200
        if status == 0:
            assert request.transport
            request.transport.abort()
        return web.Response(status=status or 200)

    app = web.Application()
    app.router.add_post("/hook", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    mine = Receiver(f"http://127.0.0.1:{runner.addresses[0][1]}/hook")
    yield mine
    await runner.cleanup()


@dataclass
class Sandbox:
    """One sandbox process, and Stripe's library pointed at it."""

    data: Path
    settings: dict[str, str]
    http: aiohttp.ClientSession
    client: stripe.StripeClient
    url: str
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the process and wait until it answers."""
        told = {
            "HOLDFAST_SANDBOX_DATA": str(self.data),
            "HOLDFAST_SANDBOX_PORT": self.url.rpartition(":")[2],
            "HOLDFAST_DEVELOPMENT": "true",
            **self.settings,
        }
        command = (sys.executable, "-m", "services.payment.sandbox")
        self.data.mkdir(exist_ok=True)
        with (self.data / "log").open("ab") as log:
            environment = {**os.environ, **told}
            self.process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=environment, stderr=log)
        await until(self._answers)

    async def _answers(self) -> bool:
        assert self.process
        assert self.process.returncode is None, "the sandbox has ended"
        with contextlib.suppress(aiohttp.ClientConnectionError):
            async with self.http.get(self.url + "/readyz") as answer:
                return answer.status == 200
        return False

    async def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """End the process; its exit code."""
        assert self.process
        if self.process.returncode is None:
            self.process.send_signal(by)
        return await asyncio.wait_for(self.process.wait(), 10)

    async def fault(self, fault: str, **given: Any) -> None:
        """Switch a fault on."""
        async with self.http.post(self.url + "/_sandbox/faults", json={"fault": fault, **given}) as answer:
            assert answer.status == 201, await answer.text()

    async def struck(self) -> bool:
        """Whether every fault has struck as often as it should."""
        async with self.http.get(self.url + "/_sandbox/faults") as answer:
            return (await answer.json())["faults"] == []

    async def no_faults(self) -> None:
        """Switch all off."""
        async with self.http.delete(self.url + "/_sandbox/faults") as answer:
            assert answer.status == 204

    async def ledger(self) -> dict[str, Any]:
        """All that the provider knows."""
        async with self.http.get(self.url + "/_sandbox/ledger") as answer:
            ledger: dict[str, Any] = await answer.json()
            return ledger

    async def opened(self, key: str | None = None, **other: Any) -> stripe.checkout.Session:
        """A new session."""
        options: Any = {"idempotency_key": key} if key else {}
        return await self.client.v1.checkout.sessions.create_async({**parameters(), **other}, options)

    async def post(self, session_id: str, card: str = "4242424242424242", action: str = "pay") -> tuple[int, str, str]:
        """What the form of the page does: status, where it leads, the page."""
        form = {"card": card, "action": action}
        async with self.http.post(f"{self.url}/c/pay/{session_id}", data=form, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("Location", ""), await answer.text()

    async def paid(self, **other: Any) -> stripe.checkout.Session:
        """A session that was paid."""
        session = await self.opened(**other)
        assert (await self.post(session.id))[0] == 303
        return await self.client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})

    async def raw(
        self, path: str, body: str | None = None, **headers: str
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """A call without the library: status, body, headers."""
        told = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/x-www-form-urlencoded", **headers}
        method = "GET" if body is None else "POST"
        async with self.http.request(method, self.url + path, data=body, headers=told) as answer:
            return answer.status, json.loads(await answer.text()), dict(answer.headers)


@contextlib.asynccontextmanager
async def sandbox(data: Path, webhook_url: str | None = None, **settings: str) -> AsyncIterator[Sandbox]:
    """A running sandbox; ended by force afterwards, as it may be in the middle of a fault."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    mine = {f"HOLDFAST_SANDBOX_{name.upper()}": value for name, value in settings.items()}
    if webhook_url:
        mine["HOLDFAST_SANDBOX_WEBHOOK_URL"] = webhook_url
    transport = stripe.AIOHTTPClient(timeout=10)
    client = stripe.StripeClient(KEY, base_addresses={"api": url}, http_client=transport, max_network_retries=0)
    async with aiohttp.ClientSession() as http:
        running = Sandbox(data, mine, http, client, url)
        try:
            await running.start()
            yield running
        finally:
            await running.stop(signal.SIGKILL)
            await transport.close_async()


def parameters() -> Any:
    """A checkout of two desks, as the payment service would ask for it."""
    named = {"organisation": "harbour", "booking": "b-1"}
    price = {"currency": "eur", "unit_amount": 1500, "product_data": {"name": "Desk <3> & chair"}}
    return {
        "mode": "payment",
        "success_url": SHOP + "/paid?booking=b-1&session={CHECKOUT_SESSION_ID}",
        "cancel_url": SHOP + "/left?booking=b-1",
        "line_items": [{"quantity": 2, "price_data": price}],
        "metadata": named,
        "payment_intent_data": {"metadata": named},
    }
