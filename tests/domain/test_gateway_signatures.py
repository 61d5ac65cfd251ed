"""The provider's signatures: what Stripe's own library signs and accepts counts, and so does nothing else."""

import time
from typing import Any

import pytest
import stripe
from pydantic import ValidationError
from pydantic_settings import SettingsError

from services.gateway.settings import Settings
from services.gateway.signatures import NotSigned, check

SECRET, OLD = "whsec_new", "whsec_old"
BODY = '{"id": "evt_1", "object": "event", "note": "grüße"}'
NOW = 1_800_000_000


def signed(body: str = BODY, secret: str = SECRET, at: int = NOW) -> bytes:
    """The header that Stripe's library writes."""
    return stripe.WebhookSignature.generate_signature_header(body, secret, at).encode()


def counts(
    header: bytes | None, *, body: str = BODY, secrets: tuple[str, ...] = (SECRET, OLD), now: float = NOW
) -> bool:
    try:
        check(body.encode(), [] if header is None else [header], secrets, now, 300)
    except NotSigned:
        return False
    return True


def test_what_stripe_s_library_signs_counts_with_any_secret_of_ours() -> None:
    assert counts(signed())
    assert counts(signed(secret=OLD))
    assert counts(signed() + b",v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39")
    both = signed() + b"," + signed(secret=OLD).partition(b",")[2]
    assert counts(both, secrets=(OLD,))
    assert counts(both.replace(b",", b", "), secrets=(SECRET,))


@pytest.mark.parametrize(
    ("away", "is_taken"), [(0, True), (-300, True), (300, True), (-301, False), (301, False), (10**6, False)]
)
def test_a_signature_counts_for_five_minutes_either_way(away: int, is_taken: bool) -> None:
    assert counts(signed(at=NOW - away)) is is_taken


@pytest.mark.parametrize(
    "header",
    [
        None,
        b"",
        b"t=1800000000",
        signed().replace(b"v1=", b"v0="),
        signed().replace(b"v1=", b"V1="),
        signed().partition(b",")[2],
        signed(secret="whsec_another"),
        signed(body=BODY + " "),
        signed().replace(b"t=", b"t=0"),
        signed().replace(b"t=", b"t=+"),
        signed().replace(b"t=1800000000", b"t=1800000001"),
        b"t=1800000000," + signed(),
        signed()[:-1],
        signed().upper(),
        signed() + b"0",
        signed(secret=""),
        b"t=1800000000," + b",".join([b"v1=" + b"0" * 64] * 17),
        b"t=1800000000,v1=\xff\xfe",
    ],
    ids=str,
)
def test_anything_else_does_not_count(header: bytes | None) -> None:
    assert not counts(header)
    if header is not None and header.decode("latin-1").isascii() and not header.startswith(b"t=0"):
        now = int(time.time())
        fresh = header.decode().replace("1800000000", str(now))
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.WebhookSignature.verify_header(BODY, fresh, SECRET, 300)


def test_two_headers_do_not_count() -> None:
    with pytest.raises(NotSigned):
        check(BODY.encode(), [signed(), signed()], [SECRET], NOW, 300)


def test_without_a_secret_nothing_counts() -> None:
    assert not counts(signed(secret=SECRET), secrets=())


@pytest.mark.parametrize("secrets", ['[""]', '["whsec_1", "short"]', "whsec_new"])
def test_a_secret_that_anybody_could_guess_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, secrets: str
) -> None:
    nowhere: Any = {"kafka": "-", "internal_token": "-", "availability_url": "-", "booking_url": "-"}
    monkeypatch.setenv("HOLDFAST_GATEWAY_STRIPE_WEBHOOK_SECRETS", secrets)
    with pytest.raises((ValidationError, SettingsError)):
        Settings(**nowhere)
