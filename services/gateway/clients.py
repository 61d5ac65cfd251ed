"""The clients that the embedded issuer knows. Of a secret only its scrypt hash is kept.

    python -m services.gateway.clients

draws a secret and prints it with its hash, which goes into the setting.
"""

import asyncio
import hashlib
import hmac
import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.model import Name, Organisation

Scope = Literal["booking:read", "booking:write", "org_read", "org_write"]

COST, BLOCK, LANES = 2**14, 8, 1  # 16 MiB and some 40 ms for each guess


class RegisteredClient(BaseModel):
    """A client of an organisation, the hash of its secret, and the scopes it may ask for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Name
    organisation: Organisation
    secret: Annotated[str, StringConstraints(pattern=r"^scrypt\$[A-Za-z0-9+/=]{22,}\$[A-Za-z0-9+/=]{43,}$")]
    scopes: frozenset[Scope] = Field(min_length=1)


class Clients:
    """Tells whether a secret is a client's."""

    def __init__(self, registered: Iterable[RegisteredClient]) -> None:
        self._by_id = {client.id: client for client in registered}

    async def proven(self, client_id: str, secret: str) -> RegisteredClient | None:
        """The client, if this is its secret. An unknown id takes as long as a wrong secret."""
        client = self._by_id.get(client_id)
        right = await asyncio.to_thread(_matches, secret, client.secret if client else _NOBODYS)
        return client if client and right else None


def hashed(secret: str, salt: bytes | None = None) -> str:
    """The hash of a secret, as the setting wants it."""
    salt = salt or os.urandom(16)
    return f"scrypt${b64encode(salt).decode()}${b64encode(_scrypt(secret, salt)).decode()}"


def _matches(secret: str, hashed: str) -> bool:
    _, salt, expected = hashed.split("$")
    return hmac.compare_digest(_scrypt(secret, b64decode(salt)), b64decode(expected))


def _scrypt(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode(), salt=salt, n=COST, r=BLOCK, p=LANES, dklen=32)


_NOBODYS = f"scrypt${b64encode(bytes(16)).decode()}${b64encode(bytes(32)).decode()}"


# Their secrets are `demo-secret` and `rival-secret`: known to everybody, so these clients exist in development only.
DEVELOPMENT = tuple(
    RegisteredClient(id=name, organisation=name, secret=secret, scopes=frozenset(get_args(Scope)))
    for name, secret in {
        "demo": "scrypt$zVd/4lYev/I1BdsLsAYwDA==$v/cWkNZiith0lxFehH2P4Z3xTg2xjVrITNDt8vuaqqA=",
        "rival": "scrypt$1R+srAIZiqNJDdB8HQwEdA==$p461qFcbvCL35uMaxrxwAK+ti8Jq0kpbmm8muchWRT4=",
    }.items()
)


def main() -> None:
    """Print a new secret and its hash."""
    secret = secrets.token_urlsafe(32)
    print(f"secret: {secret}\nhash:   {hashed(secret)}")  # noqa: T201 - a command line prints


if __name__ == "__main__":
    main()
