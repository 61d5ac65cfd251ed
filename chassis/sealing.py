"""Secrets that travel and rest sealed: AES-SIV (RFC 5297) under a key that only those have who may open them.

The same secret for the same purpose is sealed into the same text, so a command that carries one is the same command when it
is repeated; for another purpose it cannot be opened.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

KEY_BYTES = 64


class NotSealedHere(Exception):
    """None of the keys opens this: it was sealed under another key or for another purpose, or it is damaged."""


class UnfitKey(Exception):
    """A key is 64 random bytes in base64: `python -c 'import base64, os; print(base64.b64encode(os.urandom(64)).decode())'`."""


class Seal:
    """Seals with the first key, opens with any of them: put a new key in front, and drop the old one when nothing needs it."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [_decoded(key) for key in keys]
        if not self._keys:
            raise UnfitKey
        self._ciphers = [AESSIV(key) for key in self._keys]

    def seal(self, secret: bytes, purpose: str) -> str:
        """The secret as it may be written down."""
        return base64.urlsafe_b64encode(self._ciphers[0].encrypt(secret, [purpose.encode()])).rstrip(b"=").decode()

    def opened(self, sealed: str, purpose: str) -> bytes:
        """The secret. Raises NotSealedHere."""
        try:
            raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        except ValueError:
            raise NotSealedHere from None
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(raw, [purpose.encode()])
            except (InvalidTag, ValueError):
                continue
        raise NotSealedHere

    def derived(self, name: str, length: int = 32) -> bytes:
        """Bytes that nobody can guess who lacks the key, and that are the same each time this name is asked for."""
        return hmac.digest(self._keys[0], b"derived|" + name.encode(), hashlib.sha512)[:length]


def _decoded(key: str) -> bytes:
    try:
        raw = base64.b64decode(key, validate=True)
    except ValueError:
        raise UnfitKey from None
    if len(raw) != KEY_BYTES:
        raise UnfitKey
    return raw
