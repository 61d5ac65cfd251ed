"""Every request that payment makes is one that Stripe's published schema knows: judged by stripe-mock, which Stripe publishes too.

`go install github.com/stripe/stripe-mock@v0.203.0` makes these tests run.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from awaiting import until
from stripe import InvalidRequestError

from chassis.calls import Attempt
from contracts import provider_events
from contracts.examples import BOOKING_ID, CREATE_CHECKOUT, ORGANISATION
from contracts.model import Value
from services.payment.provider import Provider
from services.payment.settings import PaymentSettings
from services.payment.state import Checkout, Refund

CALL_ID = "5ea00000-0000-4000-8000-0000000000aa"
OLD = 24 * 3600.0  # seconds: the key is forgotten, so what is there is looked up first


def installed() -> str | None:
    """stripe-mock on the path, or where Go puts what it installs."""
    go = shutil.which("go")
    asked = (
        subprocess.run([go, "env", "GOPATH"], capture_output=True, text=True, check=True).stdout.strip() if go else ""
    )
    folders = [os.environ.get("GOPATH") or asked or str(Path.home() / "go")]
    return shutil.which("stripe-mock") or shutil.which(
        "stripe-mock", path=os.pathsep.join(f"{each}/bin" for each in folders)
    )


MOCK = installed()
pytestmark = pytest.mark.skipif(
    MOCK is None, reason="no stripe-mock: go install github.com/stripe/stripe-mock@v0.203.0"
)


@dataclass
class Mock:
    """stripe-mock, and what it answered: (method, path, status, body)."""

    url: str
    answered: list[tuple[str, str, int, str]] = field(default_factory=list)

    def provider(self) -> Provider:
        nowhere: Any = {"kafka": "-", "internal_token": "-", "database": "-", "port": 1}
        return Provider(PaymentSettings(**nowhere, provider_url=self.url, provider_key="sk_test_123"))

    async def call(self, kind: str, request: Value, age: float = 0.0, note: str | None = None) -> None:
        """Make a call; what stripe-mock invents as an answer is no answer to it, and is not looked at."""
        asked = datetime.now(UTC) - timedelta(seconds=age)
        attempt = Attempt(
            CALL_ID, kind, "-", ORGANISATION, CALL_ID, BOOKING_ID, request.model_dump_json(), None, 1, asked, age, note
        )
        with contextlib.suppress(provider_events.NotUnderstood):
            await self.provider().call(attempt)


@pytest.fixture(scope="module")
async def judge() -> AsyncIterator[str]:
    """Its address."""
    assert MOCK
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *(MOCK, "-http-addr", f"127.0.0.1:{port}"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:

        async def listens() -> bool:
            assert process.returncode is None
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return True
            return False

        await until(listens, 30)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        await process.wait()


@pytest.fixture
async def mock(judge: str) -> AsyncIterator[Mock]:
    """With somebody in between who writes down what is asked and answered."""

    async def forward(request: web.Request) -> web.Response:
        async with (
            aiohttp.ClientSession() as session,
            session.request(
                request.method,
                judge + request.path_qs,
                data=await request.read(),
                headers={name: value for name, value in request.headers.items() if name != "Host"},
            ) as answer,
        ):
            text = await answer.text()
            made.answered.append((request.method, request.path, answer.status, text))
            return web.Response(status=answer.status, text=text, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made = Mock(f"http://127.0.0.1:{runner.addresses[0][1]}")
    yield made
    await runner.cleanup()


ASKED = CREATE_CHECKOUT.model_copy(update={"expires_at": datetime.now(UTC) + timedelta(hours=23)})
CHECKOUT = Checkout(id=CALL_ID, status="closing", asked=ASKED, session="cs_test_3Harbour")
REFUND = Refund(id=CALL_ID, status="asked", payment="pi_3Harbour", amount=1000, currency="EUR", of_booking=True)
SESSIONS, REFUNDS = "/v1/checkout/sessions", "/v1/refunds"


async def test_every_request_is_accepted(mock: Mock) -> None:
    await mock.call("open", ASKED)
    await mock.call("open", ASKED.model_copy(update={"email": None}))
    await mock.call("open", ASKED, age=OLD)
    await mock.call("close", CHECKOUT)
    await mock.call("refund", REFUND)
    await mock.call("refund", REFUND, note="1")
    provider = mock.provider()
    since = datetime.now(UTC) - timedelta(days=30)
    assert [page async for page in provider.events(since, provider_events.KINDS)]
    assert [page async for page in provider.sessions(since)]
    await provider.stripe.v1.checkout.sessions.retrieve_async("cs_test_3Harbour")
    assert [each for each in mock.answered if each[2] != 200] == []
    assert {(method, path) for method, path, *_ in mock.answered} == {
        ("POST", SESSIONS),
        ("GET", SESSIONS),
        ("GET", f"{SESSIONS}/cs_test_3Harbour"),
        ("POST", f"{SESSIONS}/cs_test_3Harbour/expire"),
        ("POST", REFUNDS),
        ("GET", REFUNDS),
        ("GET", "/v1/events"),
    }


async def test_a_parameter_that_stripe_does_not_know_is_refused(mock: Mock) -> None:
    """So that the test above can fail."""
    stripe = mock.provider().stripe
    parameters: Any = {"payment_intent": "pi_3Harbour", "colour": "blue"}
    with pytest.raises(InvalidRequestError, match="additional properties are not allowed"):
        await stripe.v1.refunds.create_async(parameters)
    assert [status for *_, status, _ in mock.answered] == [400]
