"""Webhooks: what is told, signed so that the library believes it, sent until it is taken."""

import pytest
import stripe
from sandboxed import SECRET, Receiver, Sandbox, receiver, sandbox, until


async def test_a_payment_is_told_in_its_order_with_our_metadata(stripes: Sandbox, hook: Receiver) -> None:
    session = await stripes.paid()
    completed = (await hook.awaited("checkout.session.completed"))[0]
    assert isinstance(completed, stripe.Event)
    assert hook.types() == [
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ]
    told = completed.data.object
    assert (told["id"], told["payment_status"], told["amount_total"]) == (session.id, "paid", 3000)
    assert told["metadata"]["booking"] == "b-1"
    assert all(event.data.object["metadata"]["booking"] == "b-1" for event in hook.events())
    assert (completed.livemode, completed.pending_webhooks) == (False, 1)
    assert not any(name.startswith("_") for event in hook.events() for name in event.data.object.to_dict())


async def test_a_signature_is_believed_only_with_the_secret_and_the_very_bytes(
    stripes: Sandbox, hook: Receiver
) -> None:
    await stripes.paid()
    await hook.awaited("checkout.session.completed")
    body, signature = hook.came[0]
    for forged, secret in ((body, "whsec_other"), (body + b" ", SECRET)):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(forged, signature, secret)


async def test_while_secrets_are_exchanged_either_is_believed(tmp_path_factory: pytest.TempPathFactory) -> None:
    async with (
        receiver() as mine,
        sandbox(tmp_path_factory.mktemp("rotated"), mine.url, webhook_secrets='["whsec_new", "whsec_old"]') as rotated,
    ):
        await rotated.paid()

        async def came() -> bool:
            return len(mine.came) == 4

        await until(came)
        assert [event.id for event in mine.events("whsec_new")] == [event.id for event in mine.events("whsec_old")]
        with pytest.raises(stripe.SignatureVerificationError):
            mine.events("whsec_other")


async def test_an_event_is_sent_again_until_it_is_taken(stripes: Sandbox, hook: Receiver) -> None:
    hook.answers[:] = [500, 0, 302]  # an error, no answer at all, and a redirect, which is not followed
    session = await stripes.opened()
    await stripes.client.v1.checkout.sessions.expire_async(session.id)
    told = await hook.awaited("checkout.session.expired", 4)
    assert len({(event.id, body) for event, (body, _) in zip(told, hook.came, strict=True)}) == 1

    async def taken() -> bool:
        return (await stripes.client.v1.events.retrieve_async(told[0].id)).pending_webhooks == 0

    await until(taken)


async def test_an_event_that_nobody_takes_is_given_up_but_listed(stripes: Sandbox, hook: Receiver) -> None:
    hook.answers[:] = [500] * 4
    session = await stripes.opened()
    await stripes.client.v1.checkout.sessions.expire_async(session.id)
    await hook.awaited("checkout.session.expired", 4)
    other = await stripes.opened()
    await stripes.client.v1.checkout.sessions.expire_async(other.id)
    told = await hook.awaited("checkout.session.expired", 5)
    assert told[4].data.object["id"] == other.id
    listed = await stripes.client.v1.events.list_async({"delivery_success": False, "type": "checkout.session.*"})
    assert listed.data[0].data.object["id"] == session.id


async def test_events_are_listed_and_retrieved_as_they_were_told(stripes: Sandbox, hook: Receiver) -> None:
    session = await stripes.opened("by-key")
    await stripes.client.v1.checkout.sessions.expire_async(session.id, {}, {"idempotency_key": "expire-1"})
    told = (await hook.awaited("checkout.session.expired"))[0]
    again = await stripes.client.v1.events.retrieve_async(told.id)
    assert again.data.to_dict() == told.data.to_dict()
    assert again.request
    assert again.request.idempotency_key == "expire-1"
    newest = await stripes.client.v1.events.list_async({"created": {"gte": told.created}, "limit": 1})
    assert [event.id for event in newest.data] == [told.id]
    assert (await stripes.client.v1.events.list_async({"created": {"gt": told.created + 60}})).data == []


async def test_a_slow_payment_is_complete_at_once_and_paid_later(stripes: Sandbox, hook: Receiver) -> None:
    session = await stripes.opened()
    assert (await stripes.post(session.id, action="pay_slowly"))[0] == 303
    done = (await hook.awaited("checkout.session.async_payment_succeeded"))[0].data.object
    first = (await hook.awaited("checkout.session.completed"))[0].data.object
    assert (first["status"], first["payment_status"]) == ("complete", "unpaid")
    assert (done["id"], done["payment_status"]) == (session.id, "paid")
    assert "payment_intent.processing" in hook.types()


async def test_a_slow_payment_can_fail_in_the_end(stripes: Sandbox, hook: Receiver) -> None:
    session = await stripes.opened()
    await stripes.post(session.id, card="4000000000000002", action="pay_slowly")
    failed = (await hook.awaited("checkout.session.async_payment_failed"))[0].data.object
    assert (failed["id"], failed["status"], failed["payment_status"]) == (session.id, "complete", "unpaid")
    assert hook.types().count("charge.succeeded") == 0
