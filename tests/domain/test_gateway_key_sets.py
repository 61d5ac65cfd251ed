"""The keys of an outside issuer: fetched seldom, never where a token says, and never trusted beyond what they are for."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from services.gateway import key_sets
from services.gateway.auth import Authentication
from services.gateway.errors import Problem
from services.gateway.key_sets import Key, Published, read
from services.gateway.tokens import Trusted

NAME = "https://login.example"


@dataclass
class Outside:
    """An issuer's key set on a real port."""

    url: str = ""
    keys: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    asked: int = 0
    body: bytes | None = None

    async def answer(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.body is not None:
            return web.Response(body=self.body)
        if self.status == 302:
            raise web.HTTPFound(f"{request.url.origin()}/elsewhere")
        return web.json_response({"keys": self.keys}, status=self.status)


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    served = Outside()
    app = web.Application()
    app.router.add_get("/{any:.*}", served.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.url = f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
    yield served
    await runner.cleanup()


def described(key: Any, kid: str = "one", **more: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), "kid": kid, **more}


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    moment = time.monotonic() + seconds
    monkeypatch.setattr(time, "monotonic", lambda: moment)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (RSAKey.generate_key(2048), "RS256"),
        (RSAKey.generate_key(2048), "PS256"),
        (ECKey.generate_key("P-256"), "ES256"),
        (ECKey.generate_key("P-384"), "ES384"),
        (OKPKey.generate_key("Ed25519"), "EdDSA"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_token_of_an_outside_issuer_counts(outside: Outside, key: Any, algorithm: str) -> None:
    outside.keys = [described(key, alg=algorithm, use="sig")]
    trusted = Trusted(NAME, "holdfast", Published(outside.url), "org", frozenset({"jwt"}))
    claims = {
        "iss": NAME,
        "aud": "holdfast",
        "org": "demo",
        "sub": "shop",
        "scope": "org_read",
        "exp": time.time() + 60,
    }
    token = jwt.encode({"alg": algorithm, "kid": "one", "typ": "JWT"}, claims, key, algorithms=[algorithm])
    identity = await Authentication({NAME: trusted}).identify(b"Bearer " + token.encode())
    assert (identity.organisation, identity.client) == ("demo", "shop")


async def test_keys_are_fetched_once_by_all_who_need_them(outside: Outside) -> None:
    outside.keys = [described(ECKey.generate_key("P-256"))]
    published = Published(outside.url)
    found = await asyncio.gather(*(published.find("one") for _ in range(50)))
    assert all(isinstance(key, Key) for key in found)
    assert outside.asked == 1


async def test_an_unknown_kid_is_looked_for_but_not_more_than_twice_a_minute(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.keys = [described(ECKey.generate_key("P-256"))]
    published = Published(outside.url)
    await published.find("one")
    outside.keys.append(described(ECKey.generate_key("P-256"), "two"))
    assert [await published.find(f"made-up-{number}") for number in range(20)] == [None] * 20
    assert outside.asked == 1
    later(monkeypatch, 31)
    assert await published.find("two") is not None
    assert outside.asked == 2


async def test_the_last_keys_count_while_the_issuer_is_away_for_a_day_at_most(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.keys = [described(ECKey.generate_key("P-256"))]
    published = Published(outside.url)
    await published.find("one")
    outside.status = 500
    later(monkeypatch, 3600)
    assert await published.find("one") is not None
    later(monkeypatch, 24 * 3600)
    with pytest.raises(key_sets.KeysUnavailable):
        await published.find("one")


async def test_a_withdrawn_key_is_forgotten(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    outside.keys = [described(ECKey.generate_key("P-256"))]
    published = Published(outside.url)
    await published.find("one")
    outside.keys = []
    later(monkeypatch, 601)
    assert await published.find("one") is None


@pytest.mark.parametrize("trouble", ["500", "redirect", "no JSON", "endless"])
async def test_without_keys_a_token_cannot_be_judged_and_is_503(outside: Outside, trouble: str) -> None:
    outside.status = {"500": 500, "redirect": 302}.get(trouble, 200)
    outside.body = {"no JSON": b"<html>", "endless": b" " * (key_sets.MOST_BYTES + 1)}.get(trouble)
    trusted = Trusted(NAME, "holdfast", Published(outside.url))
    head, body = {"alg": "ES256", "kid": "one", "typ": "at+jwt"}, {"iss": NAME, "aud": "holdfast", "exp": 9e9}
    token = jwt.encode(head, body, ECKey.generate_key("P-256"), algorithms=["ES256"])
    with pytest.raises(Problem) as caught:
        await Authentication({NAME: trusted}).identify(b"Bearer " + token.encode())
    assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})
    assert outside.asked == 1  # a redirect is not followed


RSA, EC = RSAKey.generate_key(2048), ECKey.generate_key("P-256")
USELESS: dict[str, dict[str, Any]] = {
    "a secret": {**OctKey.generate_key(256).as_dict(), "kid": "one"},
    "a secret called RS256": {**OctKey.generate_key(256).as_dict(), "kid": "one", "alg": "RS256"},
    "for encryption": described(RSA, use="enc"),
    "HS256": described(RSA, alg="HS256"),
    "none": described(RSA, alg="none"),
    "the algorithm of another family": described(RSA, alg="ES256"),
    "the algorithm of another curve": described(EC, alg="ES384"),
    "an algorithm for encryption": described(RSA, alg="RSA-OAEP"),
    "no modulus": {"kty": "RSA", "kid": "one", "e": "AQAB"},
    "a point off the curve": {**described(EC), "x": described(ECKey.generate_key("P-256"))["x"]},
    "an unknown curve": {**described(EC), "crv": "P-111"},
    "no type": {"kid": "one"},
}


@pytest.mark.parametrize("jwk", USELESS.values(), ids=USELESS.keys())
def test_a_key_that_is_not_for_signatures_is_left_out(jwk: dict[str, Any]) -> None:
    assert read(jwk) is None


def test_a_key_without_alg_has_the_usual_one_of_its_family() -> None:
    assert [key.algorithm for key in (read(described(RSA)), read(described(EC))) if key] == ["RS256", "ES256"]
