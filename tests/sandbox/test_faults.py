"""Each switch does what it says, seen through Stripe's library."""

import asyncio
import time
from typing import Any

import pytest
import stripe
from sandboxed import Receiver, Sandbox, sandbox, until

CREATE = "checkout.sessions.create"


async def _sessions(stripes: Sandbox) -> int:
    return len((await stripes.ledger())["checkout_sessions"])


async def test_timeout_after_effect_leaves_one_effect_and_its_answer_under_the_key(stripes: Sandbox) -> None:
    before = await _sessions(stripes)
    await stripes.fault("timeout_after_effect", operation=CREATE, seconds=0)
    with pytest.raises(stripe.APIConnectionError):
        await stripes.opened("lost-answer")
    assert await _sessions(stripes) == before + 1
    again = await stripes.opened("lost-answer")
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert (await stripes.ledger())["checkout_sessions"][-1]["id"] == again.id
    assert await _sessions(stripes) == before + 1


async def test_timeout_after_effect_holds_the_caller_for_as_long_as_it_says(stripes: Sandbox) -> None:
    await stripes.fault("timeout_after_effect", operation=CREATE, seconds=0.5)
    begun = time.monotonic()
    with pytest.raises(stripe.APIConnectionError):
        await stripes.opened()
    assert time.monotonic() - begun >= 0.5


async def test_lost_has_no_effect(stripes: Sandbox) -> None:
    before = await _sessions(stripes)
    await stripes.fault("lost", operation=CREATE)
    with pytest.raises(stripe.APIConnectionError):
        await stripes.opened("never-arrived")
    assert await _sessions(stripes) == before
    assert "idempotent-replayed" not in (await stripes.opened("never-arrived")).last_response.headers


@pytest.mark.parametrize("effect", [True, False])
async def test_a_500_is_stored_under_its_key_with_or_without_effect(stripes: Sandbox, effect: bool) -> None:
    before, key = await _sessions(stripes), f"500-{effect}"
    await stripes.fault("stored_500", operation=CREATE, effect=effect)
    for replayed in (None, "true"):
        with pytest.raises(stripe.APIError) as refused:
            await stripes.opened(key)
        headers = refused.value.headers or {}
        assert (refused.value.http_status, headers.get("idempotent-replayed")) == (500, replayed)
    assert await _sessions(stripes) == before + effect
    assert (await stripes.opened(f"{key}:2")).status == "open"


@pytest.mark.parametrize(
    ("fault", "error", "status"), [("rate_limited", stripe.RateLimitError, 429), ("conflict", stripe.APIError, 409)]
)
async def test_429_and_409_strike_as_often_as_told_and_are_not_stored(
    stripes: Sandbox, fault: str, error: type[stripe.StripeError], status: int
) -> None:
    before = await _sessions(stripes)
    await stripes.fault(fault, operation=CREATE, times=2)
    for _ in range(2):
        with pytest.raises(error) as refused:
            await stripes.opened(fault)
        assert refused.value.http_status == status
    assert await _sessions(stripes) == before
    assert (await stripes.opened(fault)).status == "open"


async def test_the_library_s_own_retry_gets_through_a_lost_answer_with_one_effect(stripes: Sandbox) -> None:
    before = await _sessions(stripes)
    await stripes.fault("timeout_after_effect", operation=CREATE, seconds=0)
    await stripes.fault("conflict", operation=CREATE)
    transport = stripe.AIOHTTPClient(timeout=10)
    patient = stripe.StripeClient(
        "sk_test_holdfast", base_addresses={"api": stripes.url}, http_client=transport, max_network_retries=3
    )
    stripes_own, stripes.client = stripes.client, patient
    try:
        assert (await stripes.opened()).last_response.headers["idempotent-replayed"] == "true"
    finally:
        stripes.client = stripes_own
        await transport.close_async()
    assert await _sessions(stripes) == before + 1


async def test_slow_answers_late(stripes: Sandbox) -> None:
    await stripes.fault("slow", operation=CREATE, seconds=0.5)
    begun = time.monotonic()
    assert (await stripes.opened()).status == "open"
    assert time.monotonic() - begun >= 0.5


async def test_slow_takes_half_a_minute_unless_told_otherwise(stripes: Sandbox) -> None:
    await stripes.fault("slow", operation=CREATE)
    waiting = asyncio.create_task(stripes.opened())
    await until(stripes.struck)
    done, _ = await asyncio.wait([waiting], timeout=1)
    assert not done
    waiting.cancel()


async def test_a_wrong_amount_shows_in_everything_the_provider_says_of_the_payment(
    stripes: Sandbox, hook: Receiver
) -> None:
    await stripes.fault("wrong_amount", cents=-100, currency="usd")
    session = await stripes.opened()
    assert (session.amount_total, session.currency) == (3000, "eur")
    await stripes.post(session.id)
    paid = await stripes.client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
    assert isinstance(paid.payment_intent, stripe.PaymentIntent)
    assert (paid.amount_total, paid.currency, paid.payment_status) == (2900, "usd", "paid")
    assert (paid.payment_intent.amount_received, paid.payment_intent.currency) == (2900, "usd")
    told = (await hook.awaited("checkout.session.completed"))[0].data.object
    assert (told["amount_total"], told["currency"]) == (2900, "usd")


async def test_a_wrong_amount_shows_at_once_if_told_so(stripes: Sandbox) -> None:
    await stripes.fault("wrong_amount", operation=CREATE, cents=1)
    assert (await stripes.opened()).amount_total == 3001


async def test_duplicated_webhooks_come_as_often_as_told(stripes: Sandbox, hook: Receiver) -> None:
    await stripes.fault("webhooks_duplicated", times=None, copies=5)
    session = await stripes.opened()
    await stripes.client.v1.checkout.sessions.expire_async(session.id)
    told = await hook.awaited("checkout.session.expired", 5)
    assert len({event.id for event in told}) == 1
    assert len(told) == 5


async def test_reversed_webhooks_come_last_first(stripes: Sandbox, hook: Receiver) -> None:
    await stripes.fault("webhooks_reversed", times=4)
    await stripes.paid()
    await hook.awaited("payment_intent.created")
    assert hook.types() == [
        "checkout.session.completed",
        "payment_intent.succeeded",
        "charge.succeeded",
        "payment_intent.created",
    ]


async def test_delayed_webhooks_come_later_and_count_as_undelivered_until_then(
    stripes: Sandbox, hook: Receiver
) -> None:
    await stripes.fault("webhooks_delayed", seconds=1)
    session = await stripes.opened()
    await stripes.client.v1.checkout.sessions.expire_async(session.id)
    undelivered: Any = {"types": ["checkout.session.expired"], "delivery_success": False}
    listed = (await stripes.client.v1.events.list_async(undelivered)).data
    assert [event.data.object["id"] for event in listed] == [session.id]
    expired_at = time.monotonic()
    await hook.awaited("checkout.session.expired")
    assert time.monotonic() - expired_at >= 0.5

    async def delivered() -> bool:
        return not (await stripes.client.v1.events.list_async(undelivered)).data

    await until(delivered)


async def test_webhooks_that_never_come_are_listed_and_can_be_sent_again(stripes: Sandbox, hook: Receiver) -> None:
    await stripes.fault("webhooks_never")
    session = await stripes.opened()
    await stripes.client.v1.checkout.sessions.expire_async(session.id)
    await stripes.client.v1.checkout.sessions.expire_async((await stripes.opened()).id)
    later = await hook.awaited("checkout.session.expired")
    assert session.id not in {event.data.object["id"] for event in later}
    event = (await stripes.client.v1.events.list_async({"delivery_success": False, "limit": 1})).data[0]
    assert (event.data.object["id"], event.pending_webhooks) == (session.id, 1)
    async with stripes.http.post(f"{stripes.url}/_sandbox/events/{event.id}/resend") as answer:
        assert answer.status == 202
    assert (await hook.awaited("checkout.session.expired", 2))[1].id == event.id


@pytest.mark.parametrize(
    "wrong",
    [
        {"fault": "earthquake"},
        {"fault": "slow", "operation": "refunds.steal"},
        {"fault": "slow", "times": 0},
        {"fault": "webhooks_reversed"},
        {"fault": "webhooks_never", "operation": CREATE},
        {"fault": "lost", "colour": "red"},
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(stripes: Sandbox, wrong: dict[str, Any]) -> None:
    async with stripes.http.post(stripes.url + "/_sandbox/faults", json=wrong) as answer:
        assert answer.status == 422
    assert await stripes.struck()


async def test_control_is_there_in_development_only(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with sandbox(tmp_path_factory.mktemp("closed")) as closed:
        await closed.stop()
        closed.settings["HOLDFAST_DEVELOPMENT"] = "false"
        await closed.start()
        for path in ("/_sandbox/faults", "/_sandbox/ledger"):
            async with closed.http.get(closed.url + path) as answer:
                assert answer.status == 404
        async with closed.http.post(closed.url + "/_sandbox/faults", json={"fault": "lost"}) as answer:
            assert answer.status == 404
        assert (await closed.opened()).status == "open"
