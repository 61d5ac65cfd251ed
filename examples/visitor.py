"""A client over HTTP that shows what it says and hears, and notices when an answer is not the expected one."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from examples.telling import Teller, Unexpected

WORTH_SHOWING = ("Location", "ETag", "Idempotency-Replayed", "Retry-After")


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    raw: bytes
    json: Any


class Visitor:
    """Calls the gateway. Raises Unexpected, with what came instead, and aiohttp.ClientError."""

    def __init__(self, session: aiohttp.ClientSession, teller: Teller) -> None:
        self.session, self.teller = session, teller

    async def call(
        self,
        method: str,
        path: str,
        expects: int,
        *,
        query: Mapping[str, str] | None = None,
        key: str | None = None,
        body: Any = None,
        fields: Sequence[str] = (),
    ) -> Told:
        """One exchange; of a JSON object in the answer only these `fields` are shown, all if there are none."""
        self.teller.asks(method, path, query or {}, key, body)
        headers = {"Idempotency-Key": key} if key else {}
        began = time.monotonic()
        async with self.session.request(method, path, params=query, json=body, headers=headers) as answer:
            raw = await answer.read()
            told = Told(answer.status, answer.headers, raw, await answer.json() if raw else None)
        milliseconds = (time.monotonic() - began) * 1000
        shown = [(name, told.headers[name]) for name in WORTH_SHOWING if name in told.headers]
        self.teller.answers(told.status, milliseconds, shown, _some(told.json, fields))
        if told.status != expects:
            code = told.json.get("code", "") if isinstance(told.json, dict) else ""
            raise Unexpected(f"{method} {path} was answered {told.status} {code}, expected was {expects}.")
        return told

    async def until(self, path: str, holds: Callable[[Any], bool], seconds: float) -> None:
        """Return when what is there is so; not shown. Raises Unexpected after these seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            async with self.session.get(path) as answer:
                if answer.status == 200 and holds(await answer.json()):
                    return
            await asyncio.sleep(0.02)
        raise Unexpected(f"GET {path} shows no change after {seconds:.0f} s.")


def _some(body: Any, fields: Sequence[str]) -> Any:
    if not fields or not isinstance(body, dict) or not set(fields) <= body.keys():
        return body
    return {name: body[name] for name in fields}
