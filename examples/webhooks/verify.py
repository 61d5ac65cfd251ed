"""Is this webhook from Holdfast, whole and fresh? Copy this file; it needs nothing but Python.

    verify(await request.body(), request.headers, secret)         # the raw bytes, before anything parses them
    event = json.loads(body)

Either family of signatures proves the same; check one.
"""

import base64
import hmac
import time
from collections.abc import Mapping


class InvalidWebhook(Exception):
    """Do not act on this request; answer it with 400."""


def verify(
    body: bytes, headers: Mapping[str, str], secret: str, tolerance: int = 300, now: float | None = None
) -> None:
    """Check `webhook-signature` (Standard Webhooks). Raises InvalidWebhook."""
    given = {name.lower(): value for name, value in headers.items()}
    message_id, stamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    _fresh(stamp, tolerance, now)
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.digest(key, f"{message_id}.{stamp}.".encode(errors="replace") + body, "sha256")
    expected = "v1," + base64.b64encode(digest).decode()
    _one_of(given.get("webhook-signature", "").split(" "), expected)


def verify_boseat(
    body: bytes, headers: Mapping[str, str], secret: str, tolerance: int = 300, now: float | None = None
) -> None:
    """Check `Boseat-Signature`. Raises InvalidWebhook."""
    given = {name.lower(): value for name, value in headers.items()}
    parts = given.get("boseat-signature", "").split(",")
    stamp = next((part[2:] for part in parts if part.startswith("t=")), "")
    _fresh(stamp, tolerance, now)
    digest = hmac.digest(secret.encode(), f"{stamp}.".encode() + body, "sha256")
    _one_of(parts, "v1=" + digest.hex())


def _fresh(stamp: str, tolerance: int, now: float | None) -> None:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise InvalidWebhook("no time")
    if abs((time.time() if now is None else now) - int(stamp)) > tolerance:
        raise InvalidWebhook("too old, or from the future")


def _one_of(given: list[str], expected: str) -> None:
    """In constant time; while a secret is replaced there are two signatures."""
    if not any(hmac.compare_digest(each.encode(errors="replace"), expected.encode()) for each in given):
        raise InvalidWebhook("not signed with this secret")
