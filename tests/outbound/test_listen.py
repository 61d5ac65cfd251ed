"""`holdfast listen` as a developer runs it, beside a gateway of the contract's form and a server of theirs."""

import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from developing import listening

from services.notifier import signing
from services.notifier.addresses import AddressRules
from services.notifier.sending import Sender, Sent

KEY = bytes(range(32))
EVENT = {"id": "e1", "type": "booking.created", "sequence": 1, "data": {"id": "b1", "status": "RESERVED_15_MIN"}}


@dataclass
class Gateway:
    """Subscriptions, and the deliveries that the notifier would send."""

    url: str = ""
    refusal: dict[str, Any] | None = None
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if form["client_secret"] != "demo-secret":
            return web.json_response({"error": "invalid_client"}, status=401)
        return web.json_response({"access_token": form["client_id"]})

    async def subscribe(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(("POST", request.headers["Authorization"], body))
        if self.refusal:
            return web.json_response(self.refusal, status=self.refusal["status"])
        return web.json_response({**body, "id": "s1", "secret": signing.written(KEY)}, status=201)

    async def unsubscribe(self, request: web.Request) -> web.Response:
        self.asked.append(("DELETE", request.headers["Authorization"], request.match_info["id"]))
        return web.Response(status=204)

    async def delivers(self, body: bytes, delivery: str = "d1", key: bytes = KEY) -> Sent:
        """Signed and sent by the product's own sender to the URL that was subscribed with."""
        async with Sender(AddressRules(development=True)) as sender:
            headers = signing.signed(body, delivery, int(time.time()), [key])
            return await sender.post(self.asked[0][2]["url"], body, headers)


@contextlib.asynccontextmanager
async def _serving(*routes: web.RouteDef) -> AsyncIterator[str]:
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    mine = Gateway()
    routes = (
        web.post("/oauth/token", mine.token),
        web.post("/v1/webhooks/subscriptions", mine.subscribe),
        web.delete("/v1/webhooks/subscriptions/{id}", mine.unsubscribe),
    )
    async with _serving(*routes) as mine.url:
        yield mine


async def test_listen_forwards_what_comes_untouched_and_gives_the_answer_back(tmp_path: Path, gateway: Gateway) -> None:
    came, answers = [], [200, 503, 200]

    async def hook(request: web.Request) -> web.Response:
        came.append((await request.read(), dict(request.headers)))
        return web.Response(status=answers.pop(0), text="seen", headers={"Retry-After": "7"})

    body = json.dumps(EVENT).encode() + b" "
    async with (
        _serving(web.post("/hook", hook)) as mine,
        listening(tmp_path, "--url", gateway.url, "--forward", f"{mine}/hook", "--event", "booking.*") as terminal,
    ):
        await terminal.says("Ctrl-C ends it")
        first = await gateway.delivers(body)
        second = await gateway.delivers(body)
        forged = await gateway.delivers(body, "d2", bytes(range(1, 33)))
        other = await gateway.delivers(b"{}", "d3")
        assert await terminal.interrupted() == 0
        printed = terminal.output.read_text()
    assert [each.status for each in (first, second, forged, other)] == [200, 503, 400, 200]
    assert (first.body, second.retry_after) == ("seen", 7.0)
    assert [each for each, _ in came] == [body, body, b"{}"]  # the forged one never arrived
    assert came[0][1]["webhook-id"] == "d1"
    assert "Boseat-Signature" in came[0][1]
    assert "booking.created  #1  b1  RESERVED_15_MIN  → 200 in" in printed
    assert "booking.created again  #1  b1  RESERVED_15_MIN  → 503 in" in printed
    assert "refused, not signed with this secret" in printed
    assert signing.written(KEY) in printed
    assert printed.endswith("the subscription is deleted\nno longer listening\n")
    subscribed, deleted = gateway.asked
    assert subscribed[2]["events"] == ["booking.*"]
    assert subscribed[2]["url"].startswith("http://127.0.0.1:")
    assert deleted == ("DELETE", "Bearer demo", "s1")


async def test_listen_without_a_server_behind_it_says_so_and_is_asked_again(tmp_path: Path, gateway: Gateway) -> None:
    async with listening(tmp_path, "--url", gateway.url, "--forward", "http://127.0.0.1:1/hook") as terminal:
        await terminal.says("Ctrl-C ends it")
        sent = await gateway.delivers(json.dumps(EVENT).encode())
        await terminal.says("✗ Cannot connect to host 127.0.0.1:1")
        assert await terminal.interrupted() == 0
    assert sent.status == 502


async def test_listen_alone_takes_and_shows_what_comes(tmp_path: Path, gateway: Gateway) -> None:
    secret = signing.written(bytes(range(40)))
    async with listening(tmp_path, "--url", gateway.url, "--secret", secret) as terminal:
        await terminal.says("Ctrl-C ends it")
        assert (await gateway.delivers(json.dumps(EVENT).encode(), key=bytes(range(40)))).status == 200
        await terminal.says("RESERVED_15_MIN  taken in")
        assert await terminal.interrupted() == 0
    assert gateway.asked[0][2]["secret"] == secret


async def test_listen_says_why_it_may_not(tmp_path: Path, gateway: Gateway) -> None:
    gateway.refusal = {
        "status": 400,
        "code": "VALIDATION_FAILED",
        "message": "No.",
        "details": [{"field": "url", "issue": "must begin with https://"}],
    }
    async with listening(tmp_path, "--url", gateway.url) as terminal:
        await terminal.says("holdfast: the platform answered 400 VALIDATION_FAILED: url must begin with https://.")
        assert await terminal.process.wait() == 1
    async with listening(tmp_path, "--url", gateway.url, "--client-secret", "guessed") as terminal:
        await terminal.says(
            "knows no client 'demo' with this secret: say whose events with --client-id and --client-secret"
        )
        assert await terminal.process.wait() == 1
    async with listening(tmp_path, "--url", "http://127.0.0.1:1") as terminal:
        await terminal.says(
            "holdfast: nothing answers at http://127.0.0.1:1: start `holdfast up`, or say where the platform is with --url"
        )
        assert await terminal.process.wait() == 1
    async with listening(tmp_path, "--data", str(tmp_path / "none")) as terminal:
        await terminal.says("start it with `make up`")
        assert await terminal.process.wait() == 1
