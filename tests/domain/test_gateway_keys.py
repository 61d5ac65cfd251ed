"""The Idempotency-Key, as the IETF writes it and as everybody else does."""

import re
from typing import Any

import pytest

from services.gateway import keys
from services.gateway.documentation import IDEMPOTENCY_KEY
from services.gateway.errors import Problem


def read(*sent: bytes, name: bytes = b"idempotency-key") -> str:
    return keys.read([(name, each) for each in sent]).value


def test_quoted_and_bare_are_the_same_key() -> None:
    assert read(b'"order-17"') == read(b"order-17") == read(b"order-17", name=b"x-idempotency-key") == "order-17"


def test_escapes_of_the_quoted_form_are_undone() -> None:
    assert read(rb'"a\"b\\c"') == r'a"b\c'


def test_a_key_of_255_characters_is_the_longest() -> None:
    assert len(read(("é" * 255).encode())) == 255


@pytest.mark.parametrize(
    "sent",
    [b"", b"  ", b'""', b"x" * 256, b'"' + b"x" * 256 + b'"', b"a\tb", b"a\x7fb", b"a\xc2\x85b", b"\xff", b'"open', b'"a"b', rb'"a\b"'],
)  # fmt: skip
def test_an_unusable_key_is_400(sent: bytes) -> None:
    with pytest.raises(Problem) as caught:
        read(sent)
    assert caught.value.status == 400
    assert caught.value.details[0]["field"] == "Idempotency-Key"


def test_two_different_keys_are_400_and_two_equal_ones_are_one() -> None:
    assert read(b"a", b'"a"') == "a"
    with pytest.raises(Problem):
        read(b"a", b"b")


def test_without_a_key_each_request_gets_its_own() -> None:
    assert keys.read([]).value != keys.read([]).value


async def _delete(lonely: Any, **headers: str) -> Any:
    async with lonely.session.delete("/v1/bookings/9d1f7b52-2f0e-5a8b-8d6c-4b5a6c7d8e44", headers=headers) as answer:
        return answer


async def test_the_correlation_id_is_the_commands_own_so_equal_keys_show_the_same(lonely: Any) -> None:
    quoted = await _delete(lonely, **{"Idempotency-Key": '"k-1"'})
    bare = await _delete(lonely, **{"X-Idempotency-Key": "k-1"})
    other = await _delete(lonely, **{"Idempotency-Key": "k-2", "X-Correlation-Id": "mine"})
    assert quoted.headers["X-Correlation-Id"] == bare.headers["X-Correlation-Id"] != other.headers["X-Correlation-Id"]
    assert other.headers["X-Correlation-Id"] != "mine"
    assert (quoted.headers["Idempotency-Key"], bare.headers["Idempotency-Key"]) == ('"k-1"', "k-1")


async def test_a_command_with_kafka_down_is_503_and_returns_the_key_to_repeat_it_with(lonely: Any) -> None:
    answer = await _delete(lonely)
    assert answer.status == 503
    assert answer.headers["Retry-After"] == "1"
    again = await _delete(lonely, **{"Idempotency-Key": answer.headers["Idempotency-Key"]})
    assert again.headers["X-Correlation-Id"] == answer.headers["X-Correlation-Id"]


async def test_a_condition_on_what_has_no_version_is_refused_and_not_ignored(lonely: Any) -> None:
    headers = {"If-Match": '"2"'}
    async with lonely.session.post("/v1/venues", json={"name": "Harbour House"}, headers=headers) as answer:
        assert answer.status == 400


def test_a_documented_key_is_read_and_an_unusable_one_is_not_documented() -> None:
    documented = re.compile(IDEMPOTENCY_KEY["schema"]["pattern"]).fullmatch
    for usable in (b"order-17", b'"order-17"', rb'"a\"b\\c"', b"a b", b"!", b"{}"):
        assert documented(usable.decode())
        assert read(usable)
    for unusable in (b"", b" ", b'""', b"a\tb", b"a\x7fb", b'"open', b'"a"b', rb'"a\b"'):
        assert not documented(unusable.decode()), unusable
