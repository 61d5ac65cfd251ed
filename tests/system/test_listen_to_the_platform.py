"""`holdfast listen` beside the whole platform: a booking over HTTP is shown, and arrives at a server behind it, signed."""

import re
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from awaiting import until
from developing import listening
from http_house import House, call
from standardwebhooks import Webhook

PATH = "/v1/webhooks/subscriptions"


async def test_a_booking_is_listened_to_from_its_hold_to_its_end(house: House, platform: Any, tmp_path: Path) -> None:
    if PATH not in (await call(house.session, "GET", "/openapi.json")).json["paths"]:
        pytest.skip("the platform has no webhooks yet")
    came: list[tuple[bytes, dict[str, str]]] = []

    async def hook(request: web.Request) -> web.Response:
        came.append((await request.read(), dict(request.headers)))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    forward = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        async with listening(tmp_path, "--url", platform.url, "--forward", forward, "--event", "booking.*") as terminal:
            await terminal.says("Ctrl-C ends it")
            booking = (await house.held())["id"]
            await terminal.says(f"booking.created  #1  {booking}  RESERVED_15_MIN  → 200")
            await house.change(booking, "CANCEL")
            await terminal.says(f"booking.updated  #2  {booking}  CANCEL  → 200")
            printed = terminal.text
            assert await terminal.interrupted() == 0
    finally:
        await runner.cleanup()
    subscription, secret = re.findall(r"Secret of subscription (\S+): (whsec_\S+)", printed)[0]
    told = [Webhook(secret).verify(body, headers) for body, headers in came]
    assert [each["sequence"] for each in told if each["data"]["id"] == booking] == [1, 2]

    async def gone() -> bool:
        return (await call(house.session, "GET", f"{PATH}/{subscription}")).status == 404

    await until(gone)
