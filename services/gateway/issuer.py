"""The embedded issuer: signs tokens for the clients that the settings name. Its keys are files in a folder that all gateways
of a platform share, so each knows what another has signed, and a restart forgets nothing.

A key file is `<seconds since 1970>-<key id>.json`. The newest key signs. Removing a file withdraws the key within minutes.
"""

import contextlib
import fcntl
import itertools
import os
import time
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import orjson
from joserfc import jwt
from joserfc.jwk import ECKey

from services.gateway.key_sets import Key, read

ALGORITHM = "ES256"
TYPE = "at+jwt"  # RFC 9068: what is no access token is not taken for one
LISTED_AGAIN_AFTER = 60.0  # seconds
MARGIN = 600.0  # seconds that a key is kept after the last token signed with it has expired


class Issuer:
    """Issues access tokens and tells the keys that prove them."""

    def __init__(self, folder: Path, name: str, audience: str, token_seconds: int, key_seconds: float) -> None:
        self.name, self.audience, self.token_seconds = name, audience, token_seconds
        self._folder, self._key_seconds = folder, key_seconds
        self._keys: dict[str, Key] = {}
        self._listed_at = float("-inf")

    def token(self, organisation: str, client: str, scopes: Collection[str]) -> str:
        """A token for this client of this organisation. Raises OSError."""
        now = time.time()
        signer = self._signer(now)
        claims = {
            "iss": self.name,
            "aud": self.audience,
            "sub": client,
            "client_id": client,
            "organisation": organisation,
            "scope": " ".join(sorted(scopes)),
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now) + self.token_seconds,
            "jti": str(uuid.uuid4()),
        }
        header = {"alg": ALGORITHM, "typ": TYPE, "kid": signer.kid}
        return jwt.encode(header, claims, signer, algorithms=[ALGORITHM])

    def published(self) -> dict[str, Any]:
        """The public keys, as a JWK set. Raises OSError."""
        self._signer(time.time())  # a set is never empty
        return {"keys": [_public(path) for path in self._files()]}

    async def find(self, kid: str) -> Key | None:
        """The key with this id. Another gateway may have made it a moment ago: then its file is there."""
        if kid not in self._keys or time.monotonic() - self._listed_at > LISTED_AGAIN_AFTER:
            keys = {str(jwk["kid"]): read(jwk) for jwk in map(_public, self._files())}
            self._keys = {name: key for name, key in keys.items() if key is not None}
            self._listed_at = time.monotonic()
        return self._keys.get(kid)

    def _signer(self, now: float) -> ECKey:
        newest = self._newest(now)
        if newest is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._alone():
                newest = self._newest(now) or self._made(now)
        return ECKey.import_key(orjson.loads(newest.read_bytes()))

    def _newest(self, now: float) -> Path | None:
        """The file of the key that signs; None when it is time for a new one."""
        files = self._files()
        return files[-1] if files and _made_at(files[-1]) > now - self._key_seconds else None

    def _made(self, now: float) -> Path:
        key = ECKey.generate_key("P-256", auto_kid=True)
        path = self._folder / f"{int(now):010d}-{key.kid}.json"
        fresh = self._folder / f".{path.name}"
        described = {**key.as_dict(private=True), "alg": ALGORITHM, "use": "sig"}
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(orjson.dumps(described))
            file.flush()
            os.fsync(descriptor)
        before = self._files()
        fresh.replace(path)  # whole or not at all
        # Each of them signed until its successor came; the last one until now.
        for old, successor in itertools.pairwise(before):
            if _made_at(successor) < now - self.token_seconds - MARGIN:
                old.unlink(missing_ok=True)
        return path

    def _files(self) -> list[Path]:
        """The key files, the oldest first."""
        return sorted(self._folder.glob("[0-9]*.json"))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Gateways that start together make one key, not one each."""
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _made_at(path: Path) -> int:
    return int(path.name.partition("-")[0])


def _public(path: Path) -> dict[str, Any]:
    described: dict[str, Any] = orjson.loads(path.read_bytes())
    return {name: value for name, value in described.items() if name != "d"}
