"""A customer who pays: what needs gateway, booking, availability, payment, the provider and the notifier together."""

import sys
from pathlib import Path
from typing import Any

import aiohttp
from awaiting import until

sys.path.append(str(Path(__file__).parents[1] / "system"))  # its house serves here too

from http_house import ADA, call, opened

CARD = "4242424242424242"
WAYS = {"successUrl": "http://localhost:3000/thanks", "cancelUrl": "http://localhost:3000/back"}


async def pays(url: str, within: float = 60.0) -> str:
    """Book an hour, pay for it at the provider's page, find it paid in the booking and in the feed of events; its id."""
    async with opened(url) as house, aiohttp.ClientSession() as browser:
        booking = str((await house.held())["id"])
        page = await house.patch(booking, {"status": "CONFIRMED", **ADA, **WAYS, "paymentEnabled": True})
        assert page.status == 200, page.raw
        form = {"card": CARD, "action": "pay"}
        async with browser.post(page.json["paymentUrl"], data=form, allow_redirects=False) as answer:
            assert answer.status == 303, await answer.text()

        async def paid() -> bool:
            shown: dict[str, Any] = (await house.get(booking)).json
            return bool(shown["status"] == "PAID")

        async def told() -> bool:
            feed = await call(house.session, "GET", "/v1/events?type=booking.paid&limit=1000")
            return booking in feed.raw.decode()

        await until(paid, within)
        await until(told, within)
        return booking
