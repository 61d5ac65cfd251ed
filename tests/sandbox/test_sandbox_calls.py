"""Each call of the API by Stripe's own library, and what of the answers the payment service needs."""

import time

import pytest
import stripe
from sandboxed import SHOP, Receiver, Sandbox, parameters


async def test_a_new_session_parses_with_every_field_that_payments_need(stripes: Sandbox) -> None:
    now = int(time.time())
    session = await stripes.opened()
    assert isinstance(session, stripe.checkout.Session)
    assert session.id.startswith("cs_test_")
    assert session.url == f"{stripes.url}/c/pay/{session.id}"
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert (session.amount_total, session.currency, session.mode, session.livemode) == (3000, "eur", "payment", False)
    assert session.metadata
    assert session.metadata.to_dict() == {"organisation": "harbour", "booking": "b-1"}
    assert now + 86_400 <= session.expires_at <= now + 86_410
    assert session.last_response.headers["request-id"].startswith("req_")


async def test_a_paid_session_expands_to_its_payment_intent(stripes: Sandbox) -> None:
    session = await stripes.paid()
    intent = session.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert (session.status, session.payment_status, session.url) == ("complete", "paid", None)
    assert (intent.status, intent.amount, intent.amount_received, intent.currency) == ("succeeded", 3000, 3000, "eur")
    assert intent.metadata.to_dict() == {"organisation": "harbour", "booking": "b-1"}
    plain = await stripes.client.v1.checkout.sessions.retrieve_async(session.id)
    assert plain.payment_intent == intent.id
    assert "line_items" not in plain
    alone = await stripes.client.v1.payment_intents.retrieve_async(intent.id, {"expand": ["latest_charge"]})
    assert isinstance(alone.latest_charge, stripe.Charge)
    assert (alone.latest_charge.paid, alone.latest_charge.amount_captured) == (True, 3000)


async def test_line_items_are_shown_when_asked_for(stripes: Sandbox) -> None:
    session = await stripes.opened(expand=["line_items"])
    assert session.line_items
    assert [(item.description, item.quantity, item.amount_total) for item in session.line_items.data] == [
        ("Desk <3> & chair", 2, 3000)
    ]


async def test_an_open_session_is_expired_by_call_and_only_once(stripes: Sandbox, hook: Receiver) -> None:
    session = await stripes.opened()
    expired = await stripes.client.v1.checkout.sessions.expire_async(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    with pytest.raises(stripe.InvalidRequestError, match="status of `expired`"):
        await stripes.client.v1.checkout.sessions.expire_async(session.id)
    assert [event.data.object["id"] for event in await hook.awaited("checkout.session.expired")] == [session.id]


async def test_a_paid_session_cannot_be_expired(stripes: Sandbox) -> None:
    session = await stripes.paid()
    with pytest.raises(stripe.InvalidRequestError, match="status of `complete`"):
        await stripes.client.v1.checkout.sessions.expire_async(session.id)


async def test_a_session_expires_by_itself_at_its_time(stripes: Sandbox, hook: Receiver) -> None:
    session = await stripes.opened(expires_at=int(time.time()) + 1)
    event = (await hook.awaited("checkout.session.expired"))[0]
    assert (event.data.object["id"], event.data.object["status"]) == (session.id, "expired")
    assert time.time() >= session.expires_at
    assert (await stripes.post(session.id))[0] == 303
    after = await stripes.client.v1.checkout.sessions.retrieve_async(session.id)
    assert (after.status, after.payment_intent) == ("expired", None)


async def test_refunds_are_partial_then_whole_and_then_refused(stripes: Sandbox, hook: Receiver) -> None:
    session = await stripes.paid()
    assert isinstance(session.payment_intent, stripe.PaymentIntent)
    refunds, intent = stripes.client.v1.refunds, session.payment_intent.id
    first = await refunds.create_async({"payment_intent": intent, "amount": 1000, "metadata": {"booking": "b-1"}})
    assert isinstance(first, stripe.Refund)
    assert (first.id[:3], first.status, first.amount, first.currency) == ("re_", "succeeded", 1000, "eur")
    assert first.metadata
    assert (first.payment_intent, first.metadata.to_dict()) == (intent, {"booking": "b-1"})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        await refunds.create_async({"payment_intent": intent, "amount": 2001})
    rest = await refunds.create_async({"payment_intent": intent})
    assert rest.amount == 2000
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await refunds.create_async({"payment_intent": intent})
    assert refused.value.code == "charge_already_refunded"
    assert [each.id for each in (await refunds.list_async({"payment_intent": intent})).data] == [rest.id, first.id]
    assert (await refunds.retrieve_async(first.id)).amount == 1000
    told = await hook.awaited("refund.created", 2)
    assert [event.data.object["id"] for event in told] == [first.id, rest.id]


async def test_an_unpaid_checkout_has_nothing_to_refund(stripes: Sandbox) -> None:
    session = await stripes.opened()
    await stripes.post(session.id, action="decline")
    tried = await stripes.client.v1.checkout.sessions.retrieve_async(session.id)
    assert isinstance(tried.payment_intent, str)
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        await stripes.client.v1.refunds.create_async({"payment_intent": tried.payment_intent})


@pytest.mark.parametrize(
    ("card", "statuses", "last"),
    [("4000000000007726", ("pending", "succeeded"), 3000), ("4000000000005126", ("pending", "failed"), 0)],
)
async def test_a_refund_to_a_slow_card_is_settled_later(
    stripes: Sandbox, hook: Receiver, card: str, statuses: tuple[str, str], last: int
) -> None:
    session = await stripes.opened()
    await stripes.post(session.id, card)
    paid = await stripes.client.v1.checkout.sessions.retrieve_async(session.id)
    assert isinstance(paid.payment_intent, str)
    refund = await stripes.client.v1.refunds.create_async({"payment_intent": paid.payment_intent})
    settled = (await hook.awaited("refund.updated"))[0].data.object
    assert (refund.status, settled["status"]) == statuses
    charges = [each for each in (await stripes.ledger())["charges"] if each["id"] == refund.charge]
    assert [each["amount_refunded"] for each in charges] == [last]


async def test_sessions_are_listed_newest_first_page_by_page(stripes: Sandbox) -> None:
    ids = [(await stripes.opened()).id for _ in range(5)]
    sessions = stripes.client.v1.checkout.sessions
    await sessions.expire_async(ids[0])
    listed = await sessions.list_async({"status": "open", "limit": 2})
    assert ([each.id for each in listed.data], listed.has_more) == ([ids[4], ids[3]], True)
    found = []
    async for each in listed.auto_paging_iter():
        found.append(each.id)
        if len(found) == 4:
            break
    assert found == ids[:0:-1]
    before = await sessions.list_async({"ending_before": ids[2], "limit": 10})
    assert [each.id for each in before.data] == [ids[4], ids[3]]
    with pytest.raises(stripe.InvalidRequestError, match=r"No such checkout\.session"):
        await sessions.list_async({"starting_after": "cs_test_nothing"})


async def test_a_session_is_found_by_its_payment(stripes: Sandbox) -> None:
    session = await stripes.paid()
    assert isinstance(session.payment_intent, stripe.PaymentIntent)
    asked = {"payment_intent": session.payment_intent.id, "expand": ["data.payment_intent"]}
    found = (await stripes.client.v1.checkout.sessions.list_async(asked)).data  # type: ignore[arg-type]
    assert [(each.id, each.payment_intent.status) for each in found] == [(session.id, "succeeded")]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("wrong", "param", "code"),
    [
        ({"mode": "subscription"}, "mode", None),
        ({"colour": "red"}, "colour", "parameter_unknown"),
        ({"success_url": "shop.example/paid"}, "success_url", "url_invalid"),
        ({"success_url": "javascript:alert(1)"}, "success_url", "url_invalid"),
        ({"success_url": "https://shop.example@evil.example/"}, "success_url", "url_invalid"),
        ({"cancel_url": "https://shop.example/a b"}, "cancel_url", "url_invalid"),
        ({"line_items": [{"quantity": 1}]}, "line_items[0][price_data]", "parameter_missing"),
        ({"expires_at": "soon"}, "expires_at", "parameter_invalid_integer"),
        ({"expires_at": int(time.time()) + 100_000}, "expires_at", None),
        ({"metadata": {"x" * 41: "1"}}, None, None),
    ],
)
async def test_a_session_with_wrong_parameters_is_refused_naming_them(
    stripes: Sandbox, wrong: dict[str, object], param: str | None, code: str | None
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await stripes.opened(**wrong)
    assert (refused.value.http_status, refused.value.code) == (400, code)
    assert param is None or refused.value.param == param


@pytest.mark.parametrize(
    ("price", "code"),
    [
        ({"currency": "eur", "unit_amount": 49}, "amount_too_small"),
        ({"currency": "jpy", "unit_amount": 99_999_999}, "amount_too_large"),
        ({"currency": "xxx", "unit_amount": 1500}, None),
    ],
)
async def test_an_amount_or_currency_that_cannot_be_paid_is_refused(
    stripes: Sandbox, price: dict[str, object], code: str | None
) -> None:
    item = {
        "quantity": 2 if code == "amount_too_large" else 1,
        "price_data": {**price, "product_data": {"name": "Desk"}},
    }
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await stripes.opened(line_items=[item])
    assert refused.value.code == code


async def test_what_is_not_there_is_a_404(stripes: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await stripes.client.v1.payment_intents.retrieve_async("pi_nothing")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await stripes.client.v1.checkout.sessions.expire_async("cs_test_nobody")
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (404, "resource_missing", "session")
    status, body, _ = await stripes.raw("/v1/customers")
    assert (status, body["error"]["type"]) == (404, "invalid_request_error")


@pytest.mark.parametrize(
    "told", [{"Authorization": ""}, {"Authorization": "Bearer sk_test_another"}, {"Authorization": "Basic x"}]
)
async def test_a_call_without_the_key_is_a_401(stripes: Sandbox, told: dict[str, str]) -> None:
    status, body, _ = await stripes.raw("/v1/events", **told)
    assert (status, body["error"]["type"]) == (401, "invalid_request_error")
    assert "sk_test_another" not in body["error"]["message"]


@pytest.mark.parametrize("body", ["%ff=1", "a[=1", "a=1&a[b]=2", "=1", "a[b][c][d][e][f][g][h][i][j]=1", "a=1&" * 1001])
async def test_a_body_that_is_no_form_is_a_400(stripes: Sandbox, body: str) -> None:
    status, said, _ = await stripes.raw("/v1/refunds", body)
    assert (status, said["error"]["type"]) == (400, "invalid_request_error")


async def test_success_url_gets_the_id_of_the_session(stripes: Sandbox) -> None:
    session = await stripes.opened()
    status, leads, _ = await stripes.post(session.id)
    assert (status, leads) == (303, f"{SHOP}/paid?booking=b-1&session={session.id}")
    assert "{CHECKOUT_SESSION_ID}" in parameters()["success_url"]
