"""Secrets of subscriptions, and the two families of signatures over the same raw body.

Standard Webhooks: HMAC-SHA256 of "{id}.{timestamp}.{body}" under the secret's bytes, base64. `Boseat-Signature`: HMAC-SHA256 of
"{timestamp}.{body}" under the secret as it is shown, `whsec_` and all, hex: the form that receivers written for Stripe check.
"""

import base64
import binascii
import hmac
import secrets as randomness
from collections.abc import Sequence

PREFIX = "whsec_"
SHORTEST, LONGEST = 24, 64  # bytes, by the Standard Webhooks specification
MADE = 32  # bytes of a secret that we make: as many as SHA-256 gives
DIFFERENT = 8  # values of a byte: what a person types again and again is no secret


class UnusableSecret(ValueError):
    """The text is no secret to sign with; the message says why, without the text."""


def made() -> bytes:
    """A new secret. The only function here that is not a function of its arguments."""
    return randomness.token_bytes(MADE)


def written(secret: bytes) -> str:
    """The secret as it is shown to the subscriber: `whsec_` and base64."""
    return PREFIX + base64.b64encode(secret).decode()


def parsed(text: str) -> bytes:
    """The bytes of a secret that a client brings along. Raises UnusableSecret."""
    if not text.startswith(PREFIX):
        raise UnusableSecret(f"must begin with {PREFIX}")
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX).encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise UnusableSecret(f"must be base64 after {PREFIX}") from None
    if not SHORTEST <= len(secret) <= LONGEST:
        raise UnusableSecret(f"must be base64 of {SHORTEST} to {LONGEST} bytes after {PREFIX}")
    if written(secret) != text:  # one secret has one text: the text itself is the key of one family
        raise UnusableSecret(f"must be canonical base64 after {PREFIX}, with its padding")
    if len(set(secret)) < DIFFERENT:
        raise UnusableSecret("must be random")
    return secret


def judged(text: str) -> str | None:
    """Why a client's own secret is refused; None if it is good."""
    try:
        parsed(text)
    except UnusableSecret as error:
        return str(error)
    return None


def signed(body: bytes, delivery_id: str, at: int, secrets: Sequence[bytes]) -> dict[str, str]:
    """The headers of a delivery, with one signature of each family for each secret, in their order; `at` is a Unix time.

    Signed is the body as it is sent, byte by byte. At least one secret; two while one replaces the other.
    """
    if not secrets:
        raise ValueError("a delivery without a secret would be unsigned")
    stamp = str(at)
    if "." in delivery_id or not (delivery_id.isascii() and delivery_id.isprintable()) or " " in delivery_id:
        raise ValueError("a delivery id is a word of ASCII without dots: the dot ends it in what is signed")
    standard, boseat = f"{delivery_id}.{stamp}.".encode() + body, f"{stamp}.".encode() + body
    ours = [base64.b64encode(hmac.digest(secret, standard, "sha256")).decode() for secret in secrets]
    theirs = [hmac.digest(written(secret).encode(), boseat, "sha256").hex() for secret in secrets]
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in ours),
        "Boseat-Signature": ",".join([f"t={stamp}", *(f"v1={signature}" for signature in theirs)]),
    }
