"""Which tokens count (security checklist, items 2 to 4): those of an issuer that is trusted, signed with its key, for us, now."""

import hmac
import time
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry

from services.gateway.auth import SCOPES, Authentication, Identity
from services.gateway.errors import Problem
from services.gateway.issuer import Issuer
from services.gateway.tokens import Trusted

ISSUER, AUDIENCE = "https://holdfast.example", "holdfast"
GOOD: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "billing",
    "client_id": "billing",
    "organisation": "demo",
    "scope": "booking:read org_read",
}


class Mint:
    """The issuer's key in our hands, and a server that would lend a forger another one."""

    def __init__(self, issuer: Issuer, key: ECKey, lender: str) -> None:
        self.authentication = Authentication({ISSUER: Trusted(ISSUER, AUDIENCE, issuer)})
        self.issuer, self.key, self.lender = issuer, key, lender
        self.header = {"alg": "ES256", "typ": "at+jwt", "kid": key.kid}
        self.other = ECKey.generate_key("P-256")
        self.lent = 0

    def token(self, claims: dict[str, Any] | None = None, header: dict[str, Any] | None = None, key: Any = None) -> str:
        now = time.time()
        every = {**GOOD, "iat": now, "nbf": now, "exp": now + 600, **(claims or {})}
        said = {name: value for name, value in every.items() if value is not None}
        top = {name: value for name, value in {**self.header, **(header or {})}.items() if value is not None}
        lax = JWSRegistry(algorithms=[top["alg"]], strict_check_header=False)
        return jwt.encode(top, said, key or self.key, registry=lax)

    async def identify(self, token: str) -> Identity:
        return await self.authentication.identify(f"Bearer {token}".encode())


@pytest.fixture
async def mint(tmp_path: Path) -> AsyncIterator[Mint]:
    issuer = Issuer(tmp_path / "keys", ISSUER, AUDIENCE, 3600, 86_400)
    issuer.published()
    [file] = (tmp_path / "keys").glob("*.json")
    lender = web.Application()
    runner = web.AppRunner(lender)

    async def lend(_: web.Request) -> web.Response:
        made.lent += 1
        return web.json_response({"keys": [made.other.as_dict(private=False)]})

    lender.router.add_get("/{any:.*}", lend)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    made = Mint(issuer, ECKey.import_key(orjson.loads(file.read_bytes())), f"http://127.0.0.1:{port}/keys")
    yield made
    await runner.cleanup()


async def test_a_good_token_says_who_calls(mint: Mint) -> None:
    assert await mint.identify(mint.token()) == Identity("demo", "billing", frozenset({"booking:read", "org_read"}))
    issued = mint.issuer.token("rival", "shop", SCOPES)
    assert await mint.identify(issued) == Identity("rival", "shop", SCOPES)


async def test_a_token_for_several_audiences_and_other_ways_to_write_it_count(mint: Mint) -> None:
    for claims, header in (
        ({"aud": ["elsewhere", AUDIENCE]}, {}),
        ({"scope": None, "scp": ["booking:read", "org_read"]}, {}),
        ({"client_id": None}, {}),
        ({"client_id": None, "azp": "billing", "sub": "somebody"}, {}),
        ({}, {"typ": "application/AT+JWT"}),
        ({"exp": time.time() - 50}, {}),  # clocks may differ by a minute
        ({"nbf": time.time() + 50}, {}),
        ({"nbf": None}, {}),
        ({"scope": "booking:read org_read admin"}, {}),  # a scope that is none of ours gives nothing
    ):
        assert (await mint.identify(mint.token(claims, header))).client == "billing"


def _unsigned(mint: Mint, algorithm: Any) -> str:
    return f"{_part({**mint.header, 'alg': algorithm})}.{mint.token().split('.')[1]}."


def _with_public_key_for_a_secret(mint: Mint, secret: bytes) -> str:
    signed = f"{_part({**mint.header, 'alg': 'HS256'})}.{mint.token().split('.')[1]}"
    return f"{signed}.{_coded(hmac.digest(secret, signed.encode(), 'sha256'))}"


def _part(value: Any) -> str:
    return _coded(orjson.dumps(value))


def _coded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _changed(mint: Mint, **claims: Any) -> str:
    head, body, signature = mint.token().split(".")
    del body
    return f"{head}.{_part({**GOOD, 'exp': time.time() + 600, **claims})}.{signature}"


FORGERIES: dict[str, Callable[[Mint], str]] = {
    # 2: the algorithm is the key's, whatever the token says
    "alg none": lambda mint: _unsigned(mint, "none"),
    "alg None": lambda mint: _unsigned(mint, "None"),
    "alg nOnE": lambda mint: _unsigned(mint, "nOnE"),
    "no alg": lambda mint: _unsigned(mint, ""),
    "alg null": lambda mint: _unsigned(mint, None),
    "alg a list": lambda mint: _unsigned(mint, ["ES256"]),
    "HS256 with the public key as PEM": lambda mint: _with_public_key_for_a_secret(
        mint, mint.key.as_pem(private=False)
    ),
    "HS256 with the public key as DER": lambda mint: _with_public_key_for_a_secret(
        mint, mint.key.as_der(private=False)
    ),
    "HS256 with the public key as JWK": lambda mint: _with_public_key_for_a_secret(
        mint, orjson.dumps(mint.key.as_dict(private=False))
    ),
    "HS256 with the key id": lambda mint: _with_public_key_for_a_secret(mint, mint.header["kid"].encode()),
    "HS256 with nothing": lambda mint: _with_public_key_for_a_secret(mint, b""),
    "another algorithm": lambda mint: mint.token(header={"alg": "RS256"}, key=RSAKey.generate_key(2048)),
    "unknown kid": lambda mint: mint.token(header={"kid": "other"}),
    "a path for a kid": lambda mint: mint.token(header={"kid": "../../dev/null"}, key=mint.other),
    "no kid": lambda mint: mint.token(header={"kid": None}),
    "kid a number": lambda mint: f"{_part({**mint.header, 'kid': 1})}." + mint.token().partition(".")[2],
    "another key": lambda mint: mint.token(key=mint.other),
    "zeros for a signature": lambda mint: mint.token().rpartition(".")[0] + "." + _coded(bytes(64)),
    "no signature": lambda mint: mint.token().rpartition(".")[0] + ".",
    "half a signature": lambda mint: mint.token()[:-43],
    "another body": lambda mint: _changed(mint, organisation="rival"),
    "more scopes": lambda mint: _changed(mint, scope="org_write"),
    "another head": lambda mint: f"{_part({**mint.header, 'x': 1})}." + mint.token().partition(".")[2],
    "critical": lambda mint: (
        f"{_part({**mint.header, 'crit': ['b64'], 'b64': False})}." + mint.token().partition(".")[2]
    ),
    # 3: a token brings no key of its own
    "jku": lambda mint: mint.token(header={"jku": mint.lender}, key=mint.other),
    "jku and another kid": lambda mint: mint.token(header={"jku": mint.lender, "kid": "lent"}, key=mint.other),
    "x5u": lambda mint: mint.token(header={"x5u": mint.lender}, key=mint.other),
    "jwk": lambda mint: mint.token(header={"jwk": mint.other.as_dict(private=False)}, key=mint.other),
    "jwk without kid": lambda mint: mint.token(
        header={"jwk": mint.other.as_dict(private=False), "kid": None}, key=mint.other
    ),
    "x5c": lambda mint: mint.token(header={"x5c": ["MIIB"]}, key=mint.other),
    "the issuer is where its keys are": lambda mint: mint.token({"iss": mint.lender}, key=mint.other),
    # 4: ours, for this use, now
    "another issuer": lambda mint: mint.token({"iss": "https://evil.example"}),
    "an issuer that is nearly ours": lambda mint: mint.token({"iss": ISSUER + "/"}),
    "no issuer": lambda mint: mint.token({"iss": None}),
    "a list of issuers": lambda mint: mint.token({"iss": [ISSUER]}),
    "another audience": lambda mint: mint.token({"aud": "elsewhere"}),
    "no audience": lambda mint: mint.token({"aud": None}),
    "an audience within an audience": lambda mint: mint.token({"aud": f"{AUDIENCE}-admin"}),
    "an id token": lambda mint: mint.token(header={"typ": "JWT"}),
    "no type": lambda mint: mint.token(header={"typ": None}),
    "a logout token": lambda mint: mint.token(header={"typ": "logout+jwt"}),
    "expired": lambda mint: mint.token({"exp": time.time() - 61}),
    "never expires": lambda mint: mint.token({"exp": None}),
    "expires as a text": lambda mint: mint.token({"exp": "9999999999"}),
    "expires as true": lambda mint: mint.token({"exp": True}),
    "expires in 10^400 s": lambda mint: mint.token({"exp": 10**400}),
    "not yet": lambda mint: mint.token({"nbf": time.time() + 90}),
    "no organisation": lambda mint: mint.token({"organisation": None}),
    "an organisation of others": lambda mint: mint.token({"organisation": "demo' OR 1=1"}),
    "a list of organisations": lambda mint: mint.token({"organisation": ["demo", "rival"]}),
    "no client": lambda mint: mint.token({"client_id": None, "sub": None}),
    "a client with a line feed": lambda mint: mint.token({"client_id": "a\nb"}),
    # no JWT at all
    "empty": lambda mint: "",
    "a word": lambda mint: "secret",
    "two parts": lambda mint: mint.token().rpartition(".")[0],
    "four parts": lambda mint: mint.token() + ".e30",
    "five parts": lambda mint: "a.b.c.d.e",
    "no JSON": lambda mint: f"{_coded(b'{')}.{_coded(b'{}')}.",
    "lists": lambda mint: f"{_coded(b'[]')}.{_coded(b'[]')}.",
    "deep": lambda mint: f"{_coded(b'[' * 4000)}.e30.",
    "long": lambda mint: mint.token({"more": "x" * 10_000}),
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
async def test_a_forged_or_foreign_token_is_401_and_nothing_it_names_is_fetched(
    mint: Mint, forge: Callable[[Mint], str]
) -> None:
    with pytest.raises(Problem) as caught:
        await mint.identify(forge(mint))
    assert (caught.value.status, caught.value.code) == (401, "UNAUTHORIZED")
    assert caught.value.headers
    assert 'error="invalid_token"' in caught.value.headers["WWW-Authenticate"]
    assert mint.lent == 0
    await mint.identify(mint.token())  # and the good ones still count


async def test_a_token_that_was_good_is_refused_once_it_has_expired(
    mint: Mint, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = mint.token()
    await mint.identify(token)
    later = time.time() + 600 + 61
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(Problem, match="expired"):
        await mint.identify(token)


async def test_a_token_whose_key_is_withdrawn_counts_for_minutes_only(
    mint: Mint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = mint.token({"exp": time.time() + 3600})
    await mint.identify(token)
    for file in (tmp_path / "keys").glob("*.json"):
        file.unlink()
    later, after = time.time() + 301, time.monotonic() + 301
    monkeypatch.setattr(time, "time", lambda: later)
    monkeypatch.setattr(time, "monotonic", lambda: after)
    with pytest.raises(Problem, match="not signed with a key"):
        await mint.identify(token)


async def test_tokens_are_remembered_in_bounded_memory_and_never_in_clear(
    mint: Mint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.gateway.auth.REMEMBERED", 3)
    tokens = [mint.token({"jti": str(number)}) for number in range(5)]
    for token in tokens:
        await mint.identify(token)
    known = mint.authentication._known
    assert len(known) == 3
    assert tokens[-1] not in repr(known)
