"""The checkout page by plain HTTP: what is on it, what its form does."""

import asyncio
import re

import pytest
import stripe
from sandboxed import SHOP, Receiver, Sandbox


async def _page(stripes: Sandbox, session_id: str) -> tuple[int, str, str]:
    async with stripes.http.get(f"{stripes.url}/c/pay/{session_id}") as answer:
        return answer.status, await answer.text(), answer.headers["Content-Security-Policy"]


async def test_the_page_shows_what_is_paid_for_and_every_field_has_its_label(stripes: Sandbox) -> None:
    session = await stripes.opened()
    status, page, policy = await _page(stripes, session.id)
    assert status == 200
    assert "<td>Desk &lt;3&gt; &amp; chair</td><td>2</td><td>30.00 EUR</td>" in page
    assert '<td id="total">30.00 EUR</td>' in page
    assert f'href="{SHOP}/left?booking=b-1"' in page
    assert '<html lang="en">' in page
    assert "<script" not in page
    labelled, fields = re.findall(r'<label for="(\w+)"', page), re.findall(r'<input id="(\w+)"', page)
    assert labelled == fields == ["card"]
    assert policy.startswith("default-src 'none'")
    assert f"form-action 'self' {SHOP};" in policy


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("4000 0000 0000 0002", "Your card was declined."),
        ("4000000000009995", "Your card has insufficient funds."),
        ("4000000000000069", "Your card has expired."),
        ("4000000000000127", "Your card&#x27;s security code is incorrect."),
        ("4111111111111111", "This is a sandbox: it takes test cards only."),
    ],
)
async def test_a_declined_card_is_said_on_the_page_and_another_one_pays(
    stripes: Sandbox, hook: Receiver, card: str, said: str
) -> None:
    session = await stripes.opened()
    assert (await stripes.post(session.id, card))[:2] == (303, f"/c/pay/{session.id}")
    _, page, _ = await _page(stripes, session.id)
    assert re.search(rf'role="alert" id="error">[^<]*{re.escape(said)}', page)
    failed = (await hook.awaited("payment_intent.payment_failed"))[0].data.object
    assert failed["status"] == "requires_payment_method"
    await stripes.post(session.id)
    paid = await stripes.client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
    assert isinstance(paid.payment_intent, stripe.PaymentIntent)
    assert (paid.payment_intent.id, paid.payment_intent.status) == (failed["id"], "succeeded")


async def test_why_a_card_was_declined_is_told_as_stripe_tells_it(stripes: Sandbox) -> None:
    session = await stripes.opened()
    await stripes.post(session.id, "4000000000009995")
    tried = await stripes.client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["payment_intent"]})
    assert isinstance(tried.payment_intent, stripe.PaymentIntent)
    error = tried.payment_intent.last_payment_error
    assert error
    assert (tried.status, tried.payment_status) == ("open", "unpaid")
    assert (error.type, error.code, error.decline_code) == ("card_error", "card_declined", "insufficient_funds")


async def test_a_real_card_number_is_not_kept(stripes: Sandbox) -> None:
    session = await stripes.opened()
    await stripes.post(session.id, "4111111111111111")
    assert "4111111111111111" not in str(await stripes.ledger())
    assert all(b"4111111111111111" not in path.read_bytes() for path in stripes.data.iterdir())


@pytest.mark.parametrize("number", ["4242424242424241", "1", "x" * 12, "<b>"])
async def test_a_number_that_is_none_is_said_at_once_and_nothing_is_charged(stripes: Sandbox, number: str) -> None:
    session = await stripes.opened()
    status, _, page = await stripes.post(session.id, number)
    assert status == 422
    assert "Your card number is invalid." in page
    assert "<b>" not in page
    after = await stripes.client.v1.checkout.sessions.retrieve_async(session.id)
    assert after.payment_intent is None


async def test_two_clicks_at_once_pay_once(stripes: Sandbox) -> None:
    session = await stripes.opened()
    answers = await asyncio.gather(*(stripes.post(session.id) for _ in range(8)))
    assert {answer[:2] for answer in answers} == {(303, f"{SHOP}/paid?booking=b-1&session={session.id}")}
    paid = await stripes.client.v1.checkout.sessions.retrieve_async(session.id)
    charges = (await stripes.ledger())["charges"]
    assert len([charge for charge in charges if charge["payment_intent"] == paid.payment_intent]) == 1


async def test_paying_and_expiring_at_once_has_one_winner(stripes: Sandbox) -> None:
    for _ in range(20):
        session = await stripes.opened()
        expiring = stripes.client.v1.checkout.sessions.expire_async(session.id)
        refused, _ = await asyncio.gather(expiring, stripes.post(session.id), return_exceptions=True)
        after = await stripes.client.v1.checkout.sessions.retrieve_async(session.id)
        won = ("complete", "paid") if isinstance(refused, stripe.InvalidRequestError) else ("expired", "unpaid")
        assert (after.status, after.payment_status) == won


async def test_a_closed_checkout_says_so(stripes: Sandbox) -> None:
    paid, expired = await stripes.paid(), await stripes.opened()
    await stripes.client.v1.checkout.sessions.expire_async(expired.id)
    assert "you need not pay again" in (await _page(stripes, paid.id))[1]
    assert "has expired" in (await _page(stripes, expired.id))[1]
    status, page, _ = await _page(stripes, "cs_test_nothing")
    assert (status, "<form" in page) == (404, False)


@pytest.mark.parametrize("form", ["action=steal", "", "action=pay&card[]=1", "action=pay&card=" + "4" * 5000])
async def test_a_form_that_the_page_never_sends_is_refused(stripes: Sandbox, form: str) -> None:
    session = await stripes.opened()
    async with stripes.http.post(f"{stripes.url}/c/pay/{session.id}", data=form) as answer:
        assert answer.status in (400, 413)
    assert (await stripes.client.v1.checkout.sessions.retrieve_async(session.id)).payment_intent is None
