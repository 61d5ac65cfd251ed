"""The payment worker as a process, with Stripe's own library and the sandbox: one session, charge and refund per cause."""

from collections.abc import AsyncIterator

import pytest
from bus import Bus, until
from tills import Till, count, event, till

from contracts import topics
from contracts.payment import CancelCheckout, RefundPayment

CREATE, EXPIRE, REFUND = "checkout.sessions.create", "checkout.sessions.expire", "refunds.create"
FAULTS = {
    "a 500 that is stored": {"fault": "stored_500", "effect": False},
    "a 500 that is stored after the effect": {"fault": "stored_500", "effect": True},
    "409": {"fault": "conflict", "times": 2},
    "429": {"fault": "rate_limited", "times": 2},
    "a lost request": {"fault": "lost"},
    "a lost answer": {"fault": "timeout_after_effect", "seconds": 0},
    "an answer after its time": {"fault": "timeout_after_effect", "seconds": 3},
    "slow": {"fault": "slow", "seconds": 3},
}


@pytest.fixture(scope="module")
async def house(whole_bus: Bus, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Till]:
    folder = tmp_path_factory.mktemp("sandbox")
    async with till(whole_bus, folder) as made, made.paying(PROVIDER_SECONDS="1"):
        yield made


@pytest.fixture(autouse=True)
async def calm(house: Till) -> AsyncIterator[None]:
    yield
    await house.stripe.no_faults()


async def test_a_checkout_is_opened_paid_and_refunded(house: Till) -> None:
    asked = house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        checkout_id, _ = await house.bus.tell(asked, reply_to=None)
        opened = await event(log, "CheckoutOpened", asked.booking_id)
        [session] = await house.of("checkout_sessions", asked.booking_id)
        assert (opened["checkoutId"], opened["url"]) == (checkout_id, session["url"])
        about = {"organisation_id": "demo", "booking_id": asked.booking_id, "checkout_id": checkout_id}
        assert (session["amount_total"], session["currency"], session["metadata"]) == (2500, "eur", about)
        await house.pay(asked.booking_id)
        await house.report(asked.booking_id)
        paid = await event(log, "PaymentSucceeded", asked.booking_id)
        back = RefundPayment(booking_id=asked.booking_id, payment=paid["payment"], amount=1000)
        refund_id, _ = await house.bus.tell(back, reply_to=None)
        refunded = await event(log, "PaymentRefunded", asked.booking_id)
        assert (refunded["refundId"], refunded["amount"]) == (refund_id, 1000)
        await house.settled()
        await house.report(asked.booking_id)  # what was already heard by the answers of calls
        await log.read(300)
    assert count(log, "PaymentRefunded", asked.booking_id) == 1
    [intent] = await house.of("payment_intents", asked.booking_id)
    [refund] = await house.of("refunds", asked.booking_id)
    assert intent["metadata"] == about
    assert refund["metadata"] == {"organisation_id": "demo", "booking_id": asked.booking_id, "refund_id": refund_id}
    sql = "SELECT kind, about, amount, currency FROM entries WHERE booking_id = $1::uuid ORDER BY at, kind"
    assert await house.sql(sql, asked.booking_id) == [
        ("captured", paid["payment"], 2500, "EUR"),
        ("asked", refund_id, 1000, "EUR"),
        ("refunded", refund_id, 1000, "EUR"),
    ]


async def test_a_cancel_closes_the_page_or_hears_that_it_was_paid(house: Till) -> None:
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        for name, is_paid in (("CheckoutExpired", False), ("PaymentSucceeded", True)):
            asked = house.create()
            await house.open(log, asked)
            if is_paid:
                await house.pay(asked.booking_id)  # and the provider's own word is lost
            await house.bus.tell(CancelCheckout(booking_id=asked.booking_id), reply_to=None)
            await event(log, name, asked.booking_id)
        await house.settled()


async def test_a_declined_card_is_told_and_another_one_pays_on_the_same_page(house: Till) -> None:
    asked = house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        await house.open(log, asked)
        [session] = await house.of("checkout_sessions", asked.booking_id)
        await house.stripe.post(session["id"], action="decline")
        await house.report(asked.booking_id)
        failed = await event(log, "PaymentFailed", asked.booking_id)
        assert (failed["reason"], failed["message"]) == ("declined", "Your card was declined.")
        await house.pay(asked.booking_id)
        await house.report(asked.booking_id)
        await event(log, "PaymentSucceeded", asked.booking_id)
    assert count(log, "PaymentFailed", asked.booking_id) == 1


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_of_the_provider_makes_no_second_session_charge_or_refund(house: Till, name: str) -> None:
    """At each of the three calls, of a booking each, at the same time."""
    opening, closing, paying = house.create(), house.create(), house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        await house.open(log, closing)
        paid = await house.paid(log, paying)
        for operation in (CREATE, EXPIRE, REFUND):
            await house.stripe.fault(**{**FAULTS[name], "operation": operation})  # type: ignore[arg-type]
        back = RefundPayment(booking_id=paying.booking_id, payment=paid["payment"], amount=2500)
        for command in (opening, CancelCheckout(booking_id=closing.booking_id), back):
            await house.bus.tell(command, reply_to=None)
        await event(log, "CheckoutOpened", opening.booking_id)
        await event(log, "CheckoutExpired", closing.booking_id)
        await event(log, "PaymentRefunded", paying.booking_id)
        await house.settled()
        assert await house.stripe.struck()
        await log.read(200)
    for asked in (opening, closing, paying):
        made = {
            "sessions": len(await house.of("checkout_sessions", asked.booking_id)),
            "charges": len(await house.charges(asked.booking_id)),
            "refunds": len(await house.of("refunds", asked.booking_id)),
        }
        assert made == {"sessions": 1, "charges": asked is paying, "refunds": asked is paying}
        for told in ("CheckoutOpened", "CheckoutExpired", "PaymentSucceeded", "PaymentRefunded"):
            assert count(log, told, asked.booking_id) <= 1


@pytest.mark.parametrize("wrong", [{"cents": -1}, {"cents": 0, "currency": "usd"}], ids=str)
async def test_money_that_was_not_asked_for_confirms_nothing_and_goes_back(
    house: Till, wrong: dict[str, object]
) -> None:
    asked = house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        await house.open(log, asked)
        await house.stripe.fault("wrong_amount", **wrong)
        await house.pay(asked.booking_id)
        await house.report(asked.booking_id)
        failed = await event(log, "PaymentFailed", asked.booking_id)
        assert failed["reason"] == "mismatch"
        await house.settled()
        await log.read(300)
    assert count(log, "PaymentSucceeded", asked.booking_id) == 0
    [charge] = await house.charges(asked.booking_id)
    assert charge["amount_refunded"] == charge["amount_captured"] == 2500 + int(str(wrong["cents"]))


async def test_a_page_with_another_amount_is_shown_to_nobody_and_closed(house: Till) -> None:
    asked = house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        await house.stripe.fault("wrong_amount", operation=CREATE, cents=100)
        await house.bus.tell(asked, reply_to=None)
        assert (await event(log, "PaymentFailed", asked.booking_id))["reason"] == "mismatch"
        await house.settled()
    assert count(log, "CheckoutOpened", asked.booking_id) == 0
    assert [each["status"] for each in await house.of("checkout_sessions", asked.booking_id)] == ["expired"]


async def test_a_refund_that_a_bank_does_not_take_is_told(house: Till) -> None:
    asked = house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        await house.open(log, asked)
        await house.pay(asked.booking_id, card="4000000000005126")
        await house.report(asked.booking_id)
        paid = await event(log, "PaymentSucceeded", asked.booking_id)
        back = RefundPayment(booking_id=asked.booking_id, payment=paid["payment"], amount=2500)
        refund_id, _ = await house.bus.tell(back, reply_to=None)

        async def failed() -> bool:
            return [each["status"] for each in await house.of("refunds", asked.booking_id)] == ["failed"]

        await until(failed, 20)
        await house.report(asked.booking_id)
        told = await event(log, "RefundFailed", asked.booking_id)
    assert (told["refundId"], told["amount"], told["reason"], told["automatic"]) == (refund_id, 2500, "failed", False)


async def test_more_than_there_is_does_not_go_back_and_booking_hears_of_it(house: Till) -> None:
    asked = house.create()
    async with house.bus.listening(topics.PAYMENT_EVENTS.name) as log:
        paid = await house.paid(log, asked)
        back = RefundPayment(booking_id=asked.booking_id, payment=paid["payment"], amount=2501)
        await house.bus.tell(back, reply_to=None)
        told = await event(log, "RefundFailed", asked.booking_id)
    assert (told["reason"], told["amount"]) == ("impossible", 2501)
    assert await house.of("refunds", asked.booking_id) == []
