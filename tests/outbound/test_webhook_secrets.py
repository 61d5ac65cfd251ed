"""Secrets of subscriptions: made, shown, brought along by a client; and what cannot be signed."""

import base64

import pytest

from services.notifier import signing


def _secret(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def test_a_made_secret_is_random_and_passes_its_own_rules() -> None:
    secrets = {signing.written(signing.made()) for _ in range(1000)}
    assert len(secrets) == 1000
    assert {signing.judged(secret) for secret in secrets} == {None}
    assert {len(signing.parsed(secret)) for secret in secrets} == {32}


@pytest.mark.parametrize("length", [24, 25, 26, 32, 64])
def test_a_clients_own_secret_is_taken_as_it_is(length: int) -> None:
    secret = _secret(bytes(range(length)))
    assert signing.judged(secret) is None
    assert signing.parsed(secret) == bytes(range(length))
    assert signing.written(signing.parsed(secret)) == secret


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("", "must begin with whsec_"),
        (base64.b64encode(bytes(range(32))).decode(), "must begin with whsec_"),
        ("WHSEC_" + base64.b64encode(bytes(range(32))).decode(), "must begin with whsec_"),
        ("whsec_", "must be base64 of 24 to 64 bytes after whsec_"),
        (_secret(bytes(range(23))), "must be base64 of 24 to 64 bytes after whsec_"),
        (_secret(bytes(range(65))), "must be base64 of 24 to 64 bytes after whsec_"),
        (_secret(bytes(range(200, 240))) + "\n", "must be base64 after whsec_"),
        (" " + _secret(bytes(range(32))), "must begin with whsec_"),
        ("whsec_" + "a-_b" * 10, "must be base64 after whsec_"),
        ("whsec_" + "ü" * 40, "must be base64 after whsec_"),
        ("whsec_" + "a" * 41, "must be base64 after whsec_"),
        ("whsec_" + "abcdefghijklmnopqrstuvwxyzABCDEFG", "must be base64 after whsec_"),
        (_secret(bytes(range(25)))[:-2] + "B=", "must be canonical base64 after whsec_, with its padding"),
        (_secret(bytes(32)), "must be random"),
        (_secret(b"abc" * 10), "must be random"),
    ],
)
def test_an_unusable_secret_is_refused_and_not_repeated(secret: str, why: str) -> None:
    said = signing.judged(secret)
    assert said is not None
    if not why.startswith("must be canonical"):
        assert said == why
    assert secret == "" or len(secret) < 8 or secret not in said


def test_nothing_is_sent_unsigned() -> None:
    with pytest.raises(ValueError, match="unsigned"):
        signing.signed(b"{}", "dlv_1", 1, [])


@pytest.mark.parametrize("delivery_id", ["a.b", "a b", "a\nb", "ü"])
def test_an_id_that_would_blur_what_is_signed_is_refused(delivery_id: str) -> None:
    with pytest.raises(ValueError, match="delivery id"):
        signing.signed(b"{}", delivery_id, 1, [bytes(range(32))])
