"""How much one client may ask (security checklist, item 20), and that it costs nobody else anything."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from gateway_alone import alone

from examples import tokens
from services.gateway import limits
from services.gateway.issuer import Issuer
from services.gateway.limits import Guesses, Left, Limit

ISSUER = "https://holdfast.example"


def test_a_limit_may_be_used_at_once_and_comes_back_evenly() -> None:
    limit = Limit(60)
    assert [limit.take("a", 0.0).remaining for _ in range(60)] == list(range(59, -1, -1))
    assert limit.take("a", 0.0) == Left(60, 0, 1)
    assert limit.take("a", 0.9).wait == 1
    assert limit.take("a", 1.0) == Left(60, 0, 0)
    assert limit.take("a", 11.0).remaining == 9
    assert limit.take("a", 1000.0).remaining == 59


def test_who_is_refused_is_told_when_to_come_and_then_gets_through() -> None:
    limit = Limit(6)
    for _ in range(6):
        limit.take("a", 0.0)
    wait = limit.take("a", 3.0).wait
    assert wait == 7
    assert limit.take("a", 3.0 + wait).wait == 0


def test_clients_do_not_share_a_limit() -> None:
    limit = Limit(1)
    assert [limit.take(who, 0.0).wait for who in (("demo", "a"), ("demo", "b"), ("rival", "a"))] == [0, 0, 0]
    assert limit.take(("demo", "a"), 0.0).wait == 60


def test_limits_are_counted_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_COUNTED", 10)
    limit, guesses = Limit(5), Guesses(5)
    for number in range(100):
        limit.take(number, 0.0)
        guesses.failed(number, 0.0)
    assert len(limit._buckets) == len(guesses._failed) == 10


def test_guesses_count_for_a_minute_each() -> None:
    guesses = Guesses(3)
    for second in (0.0, 10.0, 20.0):
        assert guesses.wait("a", second) == 0
        guesses.failed("a", second)
    assert [guesses.wait("a", second) for second in (21.0, 59.5)] == [39, 1]
    assert guesses.wait("a", 61.0) == 0
    guesses.failed("a", 61.0)
    assert guesses.wait("a", 62.0) == 8
    assert guesses.wait("b", 62.0) == 0
    guesses.forgive("a")
    guesses.forgive("b")
    assert guesses.wait("a", 62.0) == 0


# Item 20.
async def test_over_the_limit_is_429_while_writes_and_other_clients_go_on(strict: Any) -> None:
    demo, rival = [await tokens.authorization(strict.url, name, f"{name}-secret") for name in ("demo", "rival")]
    async with aiohttp.ClientSession(strict.url) as session:
        left: list[str] = []
        while True:
            async with session.get("/v1/venues", headers=demo) as answer:
                assert answer.headers["X-RateLimit-Limit"] == "5"
                left.append(answer.headers["X-RateLimit-Remaining"])
                if answer.status == 429:
                    told = await answer.json()
                    break
                assert answer.status == 503  # nobody is behind it; that is an answer too
        assert left == ["4", "3", "2", "1", "0", "0"]
        assert told["code"] == "RATE_LIMITED"
        assert 1 <= int(answer.headers["Retry-After"]) <= 12
        async with session.delete("/v1/venues/9d1f7b52-2f0e-5a8b-8d6c-4b5a6c7d8e44", headers=demo) as write:
            assert (write.status, write.headers["X-RateLimit-Limit"]) == (503, "3")
        async with session.get("/v1/venues", headers=rival) as other:
            assert (other.status, other.headers["X-RateLimit-Remaining"]) == (503, "4")
        async with session.get("/livez") as probe:
            assert (probe.status, "X-RateLimit-Limit" in probe.headers) == (200, False)


# Item 20: a limit is that of one client of one organisation.
async def test_clients_that_share_a_name_or_an_organisation_have_a_limit_each(tmp_path: Path) -> None:
    async with (
        alone(tmp_path / "keys", READS_A_MINUTE="1", ISSUER=ISSUER) as gateway,
        aiohttp.ClientSession(gateway.url) as session,
    ):
        issuer = Issuer(tmp_path / "keys", ISSUER, "holdfast", 3600, 1e6)  # whoever has the folder signs
        told = []
        for organisation, client in (("acme", "shop"), ("acme", "desk"), ("bolt", "shop"), ("acme", "shop")):
            token = {"Authorization": f"Bearer {issuer.token(organisation, client, ['org_read'])}"}
            async with session.get("/v1/venues", headers=token) as answer:
                told.append(answer.status)
        assert told == [503, 503, 503, 429]  # nobody is behind it
