"""A JWT is good or it is not. Nothing in a token is believed before its signature, and nothing in it names a key but `kid`."""

import binascii
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import orjson
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import JWSRegistry

from services.gateway.key_sets import Keys

LEEWAY = 60.0  # seconds that clocks may differ
LONGEST = 8192  # characters

_organisation = re.compile(r"[a-z0-9][a-z0-9-]{0,62}").fullmatch
_client = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,200}").fullmatch


@cache
def _only(algorithm: str) -> JWSRegistry:
    """Reads signatures of this algorithm alone. Issuers add headers of their own; none of them is ever looked at: jku, x5u, x5c
    and jwk would let a token bring its own key."""
    return JWSRegistry(algorithms=[algorithm], strict_check_header=False)


class InvalidToken(Exception):
    """The token is not good; the argument ends the sentence that begins with `The token`."""


@dataclass(frozen=True)
class Trusted:
    """An issuer whose tokens count, for this audience and of these types; its keys sign."""

    issuer: str
    audience: str
    keys: Keys
    organisation_claim: str = "organisation"
    types: frozenset[str] = field(default_factory=lambda: frozenset({"at+jwt"}))


class Claims(NamedTuple):
    """What a good token says; `ends` is in seconds since 1970."""

    organisation: str
    client: str
    scopes: frozenset[str]
    ends: float


async def verified(token: str, trusted: Mapping[str, Trusted], now: float) -> Claims:
    """What the token says. Raises InvalidToken, or KeysUnavailable when it cannot be judged."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > LONGEST:
        raise InvalidToken("is not a signed JWT")
    header, unproven = _object(parts[0]), _object(parts[1])
    # Whoever it claims to be from, it is that issuer's keys that have to prove it.
    issuer = trusted.get(_text(unproven, "iss"))
    if issuer is None:
        raise InvalidToken("is not of an issuer that is trusted here")
    if _text(header, "typ").lower().removeprefix("application/") not in issuer.types:
        raise InvalidToken("is not an access token")
    if "crit" in header:
        raise InvalidToken("has critical extensions")
    key = await issuer.keys.find(_text(header, "kid"))
    # The key knows its one algorithm: a token never chooses (alg none, or HS256 with the public key for a secret).
    if key is None or header.get("alg") != key.algorithm:
        raise InvalidToken("is not signed with a key of its issuer")
    try:
        claims = jwt.decode(token, key.key, registry=_only(key.algorithm)).claims
    except (JoseError, ValueError):
        raise InvalidToken("has no valid signature") from None
    return _checked(claims, issuer, now)


def _checked(claims: Mapping[str, Any], issuer: Trusted, now: float) -> Claims:
    if claims.get("iss") != issuer.issuer:
        raise InvalidToken("is not of an issuer that is trusted here")
    audience = claims.get("aud")
    if issuer.audience not in (audience if isinstance(audience, list) else [audience]):
        raise InvalidToken("is not for this audience")
    ends = _moment(claims, "exp")
    if ends is None:
        raise InvalidToken("never expires")
    if ends + LEEWAY <= now:
        raise InvalidToken("has expired")
    if (_moment(claims, "nbf") or 0) - LEEWAY > now:
        raise InvalidToken("is not valid yet")
    organisation = _text(claims, issuer.organisation_claim)
    if not _organisation(organisation):
        raise InvalidToken("names no organisation")
    client = _text(claims, "client_id") or _text(claims, "azp") or _text(claims, "sub")
    if not _client(client):
        raise InvalidToken("names no client")
    return Claims(organisation, client, _scopes(claims), ends + LEEWAY)


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    given = claims.get("scope", claims.get("scp", ""))  # Microsoft's issuer and some others write scp, or a list
    named = given if isinstance(given, list) else str(given).split(" ")
    return frozenset(scope for scope in named if isinstance(scope, str))


def _object(part: str) -> dict[str, Any]:
    try:
        value = orjson.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError):
        raise InvalidToken("is not a signed JWT") from None
    if not isinstance(value, dict):
        raise InvalidToken("is not a signed JWT")
    return value


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1e12 < value < 1e12:
        raise InvalidToken(f"has an unreadable {name}")
    return float(value)
