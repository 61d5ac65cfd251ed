"""Idempotency keys by Stripe's own library: one effect, one answer."""

import asyncio

import pytest
import stripe
from sandboxed import Sandbox, sandbox, until


async def _sessions(stripes: Sandbox) -> int:
    return len((await stripes.ledger())["checkout_sessions"])


async def test_a_repeated_key_gets_the_first_answer_and_nothing_more_happens(stripes: Sandbox) -> None:
    first = await stripes.opened("key-1")
    before = await _sessions(stripes)
    again = await stripes.opened("key-1")
    assert again.to_dict() == first.to_dict()
    assert again.last_response.headers["idempotent-replayed"] == "true"
    assert again.last_response.headers["original-request"] == first.last_response.headers["request-id"]
    assert "idempotent-replayed" not in first.last_response.headers
    assert await _sessions(stripes) == before


async def test_a_key_with_other_parameters_is_refused(stripes: Sandbox) -> None:
    await stripes.opened("key-2")
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        await stripes.opened("key-2", client_reference_id="another")
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        await stripes.client.v1.refunds.create_async({"payment_intent": "pi_1"}, {"idempotency_key": "key-2"})


async def test_a_key_in_progress_is_a_409_and_then_the_answer(stripes: Sandbox) -> None:
    await stripes.fault("slow", operation="checkout.sessions.create", seconds=1)
    first = asyncio.create_task(stripes.opened("key-3"))
    await until(stripes.struck)
    with pytest.raises(stripe.APIError) as refused:
        await stripes.opened("key-3")
    assert refused.value.error
    assert (refused.value.http_status, refused.value.error.code) == (409, "idempotency_key_in_use")
    assert (await stripes.opened("key-4")).id != (await first).id
    assert (await stripes.opened("key-3")).id == (await first).id


async def test_a_refusal_is_stored_only_if_the_call_had_begun(stripes: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        await stripes.opened("key-5", mode="nonsense")
    assert (await stripes.opened("key-5")).status == "open"
    for replayed in (None, "true"):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            await stripes.client.v1.refunds.create_async({"payment_intent": "pi_1"}, {"idempotency_key": "key-6"})
        assert (refused.value.code, refused.value.param) == ("resource_missing", "payment_intent")
        assert (refused.value.headers or {}).get("idempotent-replayed") == replayed


async def test_a_key_that_is_too_long_is_refused(stripes: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="255"):
        await stripes.opened("k" * 256)


async def test_a_key_is_forgotten_after_its_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with sandbox(tmp_path_factory.mktemp("forgetful"), keys_kept="0.2") as forgetful:
        first = await forgetful.opened("key-1")

        async def forgotten() -> bool:
            return (await forgetful.opened("key-1")).id != first.id

        await until(forgotten)
