"""Runs Schemathesis against a gateway, with a house to be booked behind it."""

import asyncio
import json
import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from services.gateway import examples

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@dataclass(frozen=True)
class Outcome:
    """What Schemathesis printed, its exit code, and how many requests it generated."""

    code: int
    said: str

    @property
    def requests(self) -> int:
        found = re.search(r"^\s*Test cases:\s*([\d,]+) generated", self.said, re.MULTILINE)
        return int(found[1].replace(",", "")) if found else 0


async def asked(url: str, seconds: int, *options: str) -> Outcome:
    """All phases, every check; fuzzing goes on until so many seconds are over."""
    async with aiohttp.ClientSession(url) as session:
        token = await _token(session)
        if token:
            session.headers["Authorization"] = f"Bearer {token}"
        there = await _house(session)
    env = {**os.environ, "HOLDFAST_CONFORMANCE_THERE": json.dumps(there)}
    authorized = ["--header", f"Authorization: Bearer {token}"] if token else []
    env["PYTHONUNBUFFERED"] = "1"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml")),
        *("run", f"{url}/openapi.json", "--max-time", str(seconds), "--no-color", *authorized, *options),
        env=env,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return Outcome(await process.wait(), said.decode())


async def _token(session: aiohttp.ClientSession) -> str | None:
    """None as long as nobody is asked who they are."""
    form = {"grant_type": "client_credentials", "client_id": "demo", "client_secret": "demo-secret"}
    async with session.post("/oauth/token", data=form) as answer:
        return (await answer.json())["access_token"] if answer.status == 200 else None


async def _house(session: aiohttp.ClientSession) -> dict[str, list[Any]]:
    """What there is, by kind: a house to book in, one to change and delete, and the free slots of the first."""
    there: dict[str, list[Any]] = {"venues": [], "spaces": [], "products": [], "bookings": []}
    for reference in ("room-1h", "room-1h-spare"):
        venue = await _made(session, "venues", examples.NEW_VENUE)
        space = await _made(session, "spaces", {**examples.NEW_SPACE, "venueId": venue})
        sold = {**examples.NEW_PRODUCT, "reference": reference, "spaces": [space]}
        product = await _made(session, "products", sold)
        for kind, made in (("venues", venue), ("spaces", space), ("products", product)):
            there[kind].append(made)
        free = await _free(session, product, space)
        held, there["slots"] = free[:4], there.get("slots") or free[4:]
        for slot in held:
            booking = {"productId": product, "spaceId": space, "slot": slot}
            there["bookings"].append(await _made(session, "bookings", booking))
    nobody = {"url": "http://127.0.0.1:9/", "events": ["payment.failed"]}
    there["webhooks"] = [await _made(session, "webhooks/subscriptions", nobody) for _ in range(2)]
    return there


async def _free(session: aiohttp.ClientSession, product: str, space: str) -> list[Any]:
    asked = {"productId": product, "spaceId": space, "to": "60"}
    async with session.get("/v1/bookings/slots", params=asked) as answer:
        return [{"from": slot["from"], "to": slot["to"]} for slot in await answer.json()]


async def _made(session: aiohttp.ClientSession, kind: str, fields: dict[str, Any]) -> str:
    async with session.post(f"/v1/{kind}", json=fields) as answer:
        made = await answer.json()
        assert answer.status == 201, made
        return str(made["id"])
