"""The keys that prove tokens, each with the one algorithm it is used with. An outside issuer publishes its own at a URL."""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import aiohttp
import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

log = logging.getLogger(__name__)

PublicKey = RSAKey | ECKey | OKPKey

FETCHED_WITHIN = 5.0  # seconds
MOST_BYTES = 256 * 1024
FRESH_FOR = 600.0  # seconds until the set is fetched again
LOOKED_AGAIN_AFTER = 30.0  # seconds between two fetches, whatever key ids strangers make up
KEPT_FOR = 24 * 3600.0  # seconds that the last set counts while the issuer cannot be reached

_curves = {"P-256": {"ES256"}, "P-384": {"ES384"}, "P-521": {"ES512"}, "Ed25519": {"EdDSA", "Ed25519"}}
_rsa = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
_usual = {"RSA": "RS256", "P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA"}


class KeysUnavailable(Exception):
    """The issuer's keys are not known: it cannot be reached."""


class Key(NamedTuple):
    """A public key and the algorithm it is used with, whatever a token says."""

    algorithm: str
    key: PublicKey


class Keys(Protocol):
    """The keys of one issuer."""

    async def find(self, kid: str) -> Key | None:
        """The key with this id. Raises KeysUnavailable."""


def read(jwk: Mapping[str, Any]) -> Key | None:
    """The key of a key set's entry; None if it is not one that proves signatures with a public key."""
    family = str(jwk.get("crv")) if jwk.get("kty") in ("EC", "OKP") else str(jwk.get("kty"))
    algorithm = jwk.get("alg", _usual.get(family))
    if algorithm not in (_rsa if family == "RSA" else _curves.get(family, ())) or jwk.get("use", "sig") != "sig":
        return None
    try:
        key = import_key({name: value for name, value in jwk.items() if name in ("kty", "crv", "x", "y", "n", "e")})
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return Key(str(algorithm), key) if isinstance(key, (RSAKey, ECKey, OKPKey)) else None


class Published:
    """The keys at a JWKS URL: fetched when first needed, again when they age, and early when a token names an unknown one."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._keys: dict[str, Key] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def find(self, kid: str) -> Key | None:
        """The key with this id. Raises KeysUnavailable."""
        if kid not in self._keys or time.monotonic() - self._fetched_at > FRESH_FOR:
            async with self._fetching:  # all who wait here need one fetch
                await self._refresh(kid)
        if time.monotonic() - self._fetched_at > KEPT_FOR:
            raise KeysUnavailable
        return self._keys.get(kid)

    async def _refresh(self, kid: str) -> None:
        now = time.monotonic()
        if (kid in self._keys and now - self._fetched_at <= FRESH_FOR) or now - self._tried_at < LOOKED_AGAIN_AFTER:
            return
        self._tried_at = now
        try:
            self._keys = await self._fetched()
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("the key set is not to be had: %r", error)
        else:
            self._fetched_at = time.monotonic()

    async def _fetched(self) -> dict[str, Key]:
        timeout = aiohttp.ClientTimeout(total=FETCHED_WITHIN)
        # Seldom, so with a session of its own; a redirect is not followed: the URL is what the operator wrote.
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(self._url, allow_redirects=False, headers={"Accept": "application/json"}) as answer,
        ):
            if answer.status != 200:
                raise ValueError(f"answered {answer.status}")
            raw = b""
            async for chunk in answer.content.iter_chunked(65536):
                raw += chunk
                if len(raw) > MOST_BYTES:
                    raise ValueError("is too long")
        found = {str(jwk["kid"]): read(jwk) for jwk in orjson.loads(raw)["keys"] if "kid" in jwk}
        return {kid: key for kid, key in found.items() if key is not None}
