"""A house of its own for each test, made over HTTP: open around the clock, one room, sold by the hour."""

import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import conforming

from examples import tokens

ALWAYS = [
    {"day": day, "open": "00:00", "close": "24:00"}
    for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
]
ADA = {"email": "ada@example.org", "name": "Ada Lovelace", "phone": "+33491000000"}


@dataclass(frozen=True)
class Told:
    """What the client read."""

    status: int
    headers: Any
    raw: bytes
    json: Any


@dataclass(frozen=True)
class House:
    """A client that knows its way around one room."""

    url: str
    session: aiohttp.ClientSession
    venue: str
    space: str
    product: str

    async def slots(self, days: int = 1) -> list[dict[str, str]]:
        """The spans on sale in the next days."""
        asked = f"productId={self.product}&spaceId={self.space}&to={days}"
        told = await call(self.session, "GET", f"/v1/bookings/slots?{asked}")
        assert told.status == 200, told.raw
        return [{"from": slot["from"], "to": slot["to"]} for slot in told.json]

    async def hold(self, slot: dict[str, str], key: str | None = None, **changes: Any) -> Told:
        """POST /v1/bookings."""
        body = {"productId": self.product, "spaceId": self.space, "slot": slot, **changes}
        return await call(self.session, "POST", "/v1/bookings", body, key)

    async def held(self) -> dict[str, Any]:
        """A booking of the first slot on sale."""
        told = await self.hold((await self.slots())[0])
        assert told.status == 201, told.raw
        booking: dict[str, Any] = told.json
        return booking

    async def change(self, booking: str, status: str, key: str | None = None) -> Told:
        """PATCH /v1/bookings/{id} with a status, and with all that a confirm needs."""
        return await self.patch(booking, {"status": status, **(ADA if status == "CONFIRMED" else {})}, key)

    async def patch(self, booking: str, body: dict[str, Any], key: str | None = None) -> Told:
        """PATCH /v1/bookings/{id}."""
        return await call(self.session, "PATCH", f"/v1/bookings/{booking}", body, key)

    async def get(self, booking: str) -> Told:
        """GET /v1/bookings/{id}."""
        return await call(self.session, "GET", f"/v1/bookings/{booking}")


@contextlib.asynccontextmanager
async def crowded(house: House) -> AsyncIterator[House]:
    """The same house for many callers at once, each on a connection of its own."""
    headers, connector = house.session.headers, aiohttp.TCPConnector(limit=0)
    async with conforming.session(house.url, headers=headers, connector=connector) as session:
        yield replace(house, session=session)


async def call(
    session: aiohttp.ClientSession, method: str, path: str, body: Any = None, key: str | None = None
) -> Told:
    """One exchange."""
    headers = {"Idempotency-Key": key} if key is not None else {}
    async with session.request(method, path, json=body, headers=headers) as answer:
        raw = await answer.read()
        return Told(answer.status, answer.headers, raw, await answer.json() if raw else None)


@contextlib.asynccontextmanager
async def opened(url: str, client: str = "demo", **product: Any) -> AsyncIterator[House]:
    """The house of this client, ready to be booked."""
    signed_in = await tokens.authorization(url, client, f"{client}-secret")
    async with conforming.session(url, headers=signed_in) as session:
        venue = await made(session, "venues", {"name": "Harbour House", "openingHours": ALWAYS})
        space = await made(session, "spaces", {"venueId": venue["id"], "name": "Lighthouse room"})
        fields = {
            "name": "Meeting room, one hour",
            "reference": str(uuid.uuid4()),
            "price": 2500,
            "currency": "EUR",
            "metadata": {"duration": {"value": 1, "type": "hourly"}},
            "spaces": [space["id"]],
            **product,
        }
        sold = await made(session, "products", fields)
        yield House(url, session, venue["id"], space["id"], sold["id"])


async def made(session: aiohttp.ClientSession, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """A new catalogue entry."""
    told = await call(session, "POST", f"/v1/{kind}", fields)
    assert told.status == 201, told.raw
    entry: dict[str, Any] = told.json
    return entry
