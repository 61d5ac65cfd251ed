"""POST /v1/payments/webhooks/stripe at a gateway with nothing behind it: what is refused, ignored, or cannot be taken now."""

import gzip
import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from forging import KINDS, Forger, Post
from gateway_alone import alone
from test_gateway_hostile import BODIES

PATH = "/v1/payments/webhooks/stripe"
OLD, NEW = "whsec_old", "whsec_new"


@pytest.fixture(scope="module")
async def endpoint(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[aiohttp.ClientSession]:
    settings = {"STRIPE_WEBHOOK_SECRETS": json.dumps([OLD, NEW]), "STRIPE_EVENT_BYTES": "100000"}
    async with alone(tmp_path_factory.mktemp("keys") / "keys", **settings) as gateway:
        yield gateway.session


async def told(session: aiohttp.ClientSession, post: Post, **headers: str) -> tuple[int, Any]:
    named = [("Stripe-Signature", each) for each in post.signatures]
    given = [*named, ("Content-Type", "application/json"), *headers.items()]
    async with session.post(PATH, data=post.body, headers=given) as answer:
        return answer.status, await answer.json()


async def test_six_hundred_forged_events_are_refused_in_the_same_words(endpoint: aiohttp.ClientSession) -> None:
    forger = Forger(NEW)
    posts = [forger.forged() for _ in range(600)]
    assert {post.kind for post in posts} == set(KINDS)
    answers: Counter[tuple[int, str, str]] = Counter()
    for post in posts:
        status, said = await told(endpoint, post)
        answers[status, said["code"], said["message"]] += 1
    assert answers == {(400, "VALIDATION_FAILED", "This is no event of our payment provider."): 600}


@pytest.mark.parametrize("secret", [OLD, NEW])
async def test_without_kafka_an_event_is_not_taken_so_that_the_provider_sends_it_again(
    endpoint: aiohttp.ClientSession, secret: str
) -> None:
    status, said = await told(endpoint, Forger(secret).real())
    assert (status, said["code"]) == (503, "SERVICE_UNAVAILABLE")


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "charge.succeeded"},
        {"type": "something.new"},
        {"data": {"object": {"object": "checkout.session", "metadata": {}}}},
        {"data": {"object": {"object": "checkout.session", "metadata": {"booking_id": "b-1"}}}},
        {"data": {}},
        {"data": None},
        {"data": []},
        {"data": {"object": {"metadata": "ours"}}},
    ],
    ids=str,
)
async def test_what_changes_nothing_here_is_taken_and_ignored(
    endpoint: aiohttp.ClientSession, changes: dict[str, Any]
) -> None:
    assert await told(endpoint, Forger(NEW).real(**changes)) == (200, {"outcome": "ignored"})


async def test_a_session_that_is_ours_and_has_no_amount_is_ignored(endpoint: aiohttp.ClientSession) -> None:
    """One that only stores a card."""
    forger = Forger(NEW)
    session = forger.event()["data"]["object"] | {"mode": "setup", "currency": None, "amount_total": None}
    assert await told(endpoint, forger.real(data={"object": session})) == (200, {"outcome": "ignored"})


@pytest.mark.parametrize("name", BODIES)
async def test_a_hostile_body_is_refused_even_if_it_is_signed(endpoint: aiohttp.ClientSession, name: str) -> None:
    raw, now = BODIES[name], int(time.time())
    mac = hmac.new(NEW.encode(), b"%d.%s" % (now, raw), hashlib.sha256).hexdigest()
    assert (await told(endpoint, Post(raw, [f"t={now},v1={mac}"])))[0] == 400


async def test_a_compressed_body_is_never_unpacked(endpoint: aiohttp.ClientSession) -> None:
    post = Forger(NEW).real(type="x")
    packed = Post(gzip.compress(post.body), post.signatures)
    assert (await told(endpoint, packed, **{"Content-Encoding": "gzip"}))[0] == 400


async def test_hostile_texts_in_a_signed_event_break_nothing(endpoint: aiohttp.ClientSession) -> None:
    for text in ("a\x00b", "a\r\nHTTP/1.1 200", "'; DROP TABLE accounts; --", "\u2028", "x" * 9000):
        forger = Forger(NEW)
        session = forger.event()["data"]["object"] | {"id": text, "url": text}
        for changes in ({"id": text}, {"data": {"object": session}}, {"account": text, "type": "x"}):
            assert (await told(endpoint, forger.real(**changes)))[0] == 200  # ignored: it cannot be said in our words


async def test_no_token_is_asked_for_and_one_changes_nothing(endpoint: aiohttp.ClientSession) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        assert (await told(endpoint, Forger(NEW).real(type="x"), **headers))[0] == 200


async def test_an_event_that_is_too_long_is_refused_before_it_is_read_to_its_end(
    endpoint: aiohttp.ClientSession,
) -> None:
    status, said = await told(endpoint, Post(b" " * 100_001, ["t=1,v1=0"]))
    assert (status, said["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_without_a_secret_there_is_no_such_address(lonely: Any) -> None:
    post = Forger(NEW).real()
    async with aiohttp.ClientSession(lonely.url) as session:
        assert (await told(session, post))[0] == 404
