"""Whether an event is the provider's: Stripe's scheme, `t=…,v1=…` over time and body (https://docs.stripe.com/webhooks).

Stripe's own library would do it in 30 MB and 0.2 s of start, and lets events from the future pass.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

MOST_SIGNATURES = 16  # an endpoint has one for each of its secrets; each costs us a comparison, not a computation

_time = re.compile(r"[1-9][0-9]{0,11}").fullmatch
_hex = re.compile(r"[0-9a-f]{64}").fullmatch


class NotSigned(Exception):
    """Nobody who knows a secret said so just now; the argument says what is wrong, for the log only."""


def check(raw: bytes, headers: Sequence[bytes], secrets: Sequence[str], now: float, tolerance: float) -> None:
    """Return if these very bytes were signed with one of the secrets, not longer ago or further ahead than `tolerance` seconds.

    Raises NotSigned.
    """
    if len(headers) != 1:
        raise NotSigned(f"{len(headers)} signature headers")
    at, signatures = _read(headers[0])
    if abs(now - int(at)) > tolerance:
        raise NotSigned(f"signed {now - int(at):.0f} s ago")
    signed = at.encode() + b"." + raw
    for secret in secrets:
        ours = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        if any(hmac.compare_digest(ours, each) for each in signatures):
            return
    raise NotSigned("no signature with a secret of ours")


def _read(header: bytes) -> tuple[str, list[str]]:
    """The time, and the signatures of the one scheme that counts; others are passed over."""
    pairs = [part.strip().partition("=") for part in header.decode("latin-1").split(",")]
    times = [value for name, _, value in pairs if name == "t"]
    signatures = [value for name, _, value in pairs if name == "v1" and _hex(value)]
    if len(times) != 1 or not _time(times[0]) or not 0 < len(signatures) <= MOST_SIGNATURES:
        raise NotSigned("an unreadable signature")
    return times[0], signatures
