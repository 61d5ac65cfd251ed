"""Who is calling: the token says it, and nothing else does. What comes after this file only ever sees an Identity."""

import hashlib
import time
from dataclasses import dataclass
from typing import get_args

from services.gateway.clients import Scope
from services.gateway.errors import Problem
from services.gateway.key_sets import KeysUnavailable
from services.gateway.tokens import InvalidToken, Trusted, verified

SCOPES: frozenset[str] = frozenset(get_args(Scope))

REMEMBERED = 10_000  # tokens, half a kilobyte each at most
REMEMBERED_FOR = 300.0  # seconds until a token is looked at again: so soon a key that was withdrawn counts for nothing

_challenge = 'Bearer realm="holdfast"'


@dataclass(frozen=True, slots=True)
class Identity:
    """The organisation everything belongs to, the client within it that keys belong to, and what it may do."""

    organisation: str
    client: str
    scopes: frozenset[str]

    def require(self, scope: str) -> None:
        """Raises Problem (403) unless the token has this scope."""
        if scope not in self.scopes:
            challenge = f'{_challenge}, error="insufficient_scope", scope="{scope}"'
            raise Problem("FORBIDDEN", f"The token lacks the scope {scope}.", headers={"WWW-Authenticate": challenge})


class Authentication:
    """Reads the header `Authorization`. A token that was found good is remembered by its hash, not verified again at once."""

    def __init__(self, trusted: dict[str, Trusted]) -> None:
        self._trusted = trusted
        self._known: dict[bytes, tuple[float, Identity]] = {}

    async def identify(self, authorization: bytes | None) -> Identity:
        """Who sent the request. Raises Problem: 401 for anything but a good token, 503 when it cannot be judged."""
        if authorization is None:
            raise unauthorized("This needs a token.")
        # Kept by its hash: whoever reads our memory finds no token in it.
        mark = hashlib.sha256(authorization).digest()
        known = self._known.get(mark)
        now = time.time()
        if known is not None and known[0] > now:
            return known[1]
        return await self._look(authorization, mark, now)

    async def _look(self, authorization: bytes, mark: bytes, now: float) -> Identity:
        self._known.pop(mark, None)
        scheme, _, token = authorization.strip().partition(b" ")
        if scheme.lower() != b"bearer":
            raise unauthorized("This needs a bearer token.")
        try:
            claims = await verified(token.strip().decode("ascii"), self._trusted, now)
        except (InvalidToken, UnicodeDecodeError) as error:
            why = str(error) if isinstance(error, InvalidToken) else "is not ASCII"
            raise unauthorized(f"The token {why}.", "invalid_token") from None
        except KeysUnavailable:
            raise Problem("SERVICE_UNAVAILABLE", "Tokens cannot be checked at the moment.") from None
        identity = Identity(claims.organisation, claims.client, claims.scopes & SCOPES)
        if len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[mark] = (min(claims.ends, now + REMEMBERED_FOR), identity)
        return identity


def unauthorized(message: str, error: str | None = None) -> Problem:
    """401; without an error when no token was given (RFC 6750)."""
    challenge = _challenge + (f', error="{error}", error_description="{message}"' if error else "")
    return Problem("UNAUTHORIZED", message, headers={"WWW-Authenticate": challenge})
