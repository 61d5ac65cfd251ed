"""Money on a whole platform, from the command to the page, the provider's events and the ledger: each cause has one effect."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from awaiting import until
from cashier import Cashier, cashier
from forging import Forger, Post

from embedded.jars import PROJECT
from embedded.platform import Platform

EVENTS_OF_A_PAYMENT = 4
FAULTS: dict[str, dict[str, Any]] = {
    "as they are": {},
    "five times each": {"fault": "webhooks_duplicated", "times": None, "copies": 5},
    "the last one first": {"fault": "webhooks_reversed", "times": EVENTS_OF_A_PAYMENT, "seconds": 10},
    "an hour late": {"fault": "webhooks_delayed", "times": None, "seconds": 3600},
    "never": {"fault": "webhooks_never", "times": None},
}


@pytest.fixture
async def mine(platform: Platform) -> AsyncIterator[Cashier]:
    async with cashier(platform) as made:
        yield made


async def posted(mine: Cashier, post: Post) -> tuple[int, Any]:
    headers = [("Content-Type", "application/json"), *(("Stripe-Signature", each) for each in post.signatures)]
    url = f"{mine.platform.url}/v1/payments/webhooks/stripe"
    async with aiohttp.ClientSession() as session, session.post(url, data=post.body, headers=headers) as answer:
        return answer.status, await answer.json()


def forger(mine: Cashier) -> Forger:
    """Who knows the secret that the platform's sandbox signs with."""
    secret = (mine.platform.data / "sandbox" / "webhook-secret").read_text()
    return Forger(secret, booking_id=mine.booking_id)


@pytest.mark.parametrize("how", FAULTS)
async def test_the_end_is_the_same_however_the_provider_s_events_come(mine: Cashier, how: str) -> None:
    url = await mine.opened()
    if FAULTS[how]:
        await mine.stripe.fault(**FAULTS[how])
    assert (await mine.stripe.post(url.rpartition("/")[2]))[0] == 303
    paid = await mine.event("PaymentSucceeded")
    assert (paid["amount"], paid["currency"]) == (2500, "EUR")
    await mine.refund(1000)
    assert (await mine.event("PaymentRefunded"))["amount"] == 1000
    await mine.listen(500)
    for name in ("CheckoutOpened", "PaymentSucceeded", "PaymentRefunded"):
        assert mine.count(name) == 1
    [intent], [refund] = await mine.of("payment_intents"), await mine.of("refunds")
    assert (intent["amount_received"], refund["amount"]) == (2500, 1000)


async def test_a_session_that_expires_is_told(mine: Cashier) -> None:
    url = await mine.opened()
    await mine.stripe.client.v1.checkout.sessions.expire_async(url.rpartition("/")[2])
    await mine.event("CheckoutExpired")


async def test_a_slow_payment_is_told_when_it_is_there(mine: Cashier) -> None:
    url = await mine.opened()
    await mine.stripe.post(url.rpartition("/")[2], action="pay_slowly")
    await mine.event("PaymentSucceeded")


async def test_five_hundred_forged_events_leave_no_record(mine: Cashier) -> None:
    forging = forger(mine)
    for _ in range(500):
        assert (await posted(mine, forging.forged()))[0] == 400
    real = forging.real()
    for _ in range(3):
        assert await posted(mine, real) == (200, {"outcome": "recorded"})
    await mine.event("RecordProviderEvent")
    await mine.listen(500)
    # The three copies of the one that was signed; payment handles one of them, and believes it not: there is no such checkout.
    assert [kind for kind, *_ in mine.heard] == ["holdfast.RecordProviderEvent.v1"] * 3


async def test_right_signature_and_wrong_money_confirm_nothing(mine: Cashier) -> None:
    """Security item 28: amount, currency, session; an alarm is a dead letter, or a payment that failed and goes back."""
    url = await mine.opened()
    opened = await mine.event("CheckoutOpened")
    forging = forger(mine)
    session = forging.event()["data"]["object"]
    about = {"organisation_id": "demo", "booking_id": mine.booking_id, "checkout_id": opened["checkoutId"]}
    id_ = url.rpartition("/")[2]
    for changes in (
        {"id": id_, "amount_total": 2400, "payment_intent": "pi_less"},
        {"id": id_, "currency": "usd", "payment_intent": "pi_dollars"},
        {"id": "cs_test_another", "payment_intent": "pi_another"},
        {"id": id_, "mode": "setup"},
        {"id": id_, "mode": "subscription"},
        {"id": id_, "livemode": True},
        {"id": id_, "payment_intent": None},
    ):
        of = {**session, "metadata": about, **changes}
        assert (await posted(mine, forging.real(data={"object": of})))[0] == 200
    assert (await mine.event("PaymentFailed"))["reason"] == "mismatch"
    await mine.listen(1000)
    assert mine.count("PaymentSucceeded") == 0


@pytest.mark.parametrize("name", ["sandbox-1", "payment-1", "gateway-1"])
async def test_a_payment_is_told_once_when_one_of_them_is_killed(mine: Cashier, name: str) -> None:
    url = await mine.opened()
    assert (await mine.stripe.post(url.rpartition("/")[2]))[0] == 303
    pid = await mine.platform.kill(name)
    await mine.platform.restarted(name, pid)
    await mine.event("PaymentSucceeded")
    await mine.refund(2500)
    await mine.event("PaymentRefunded")
    await mine.listen(500)
    assert (mine.count("PaymentSucceeded"), mine.count("PaymentRefunded")) == (1, 1)
    assert [each["amount"] for each in await mine.of("refunds")] == [2500]


async def ledger(platform: Platform, *options: str) -> tuple[int, dict[str, Any]]:
    """What `holdfast payments ledger` says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "embedded.command", "payments", "ledger", "--json", "--data", str(platform.data)),
        *options,
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(said or b"{}")


async def test_the_ledger_adds_up_and_agrees_with_the_provider_s(mine: Cashier) -> None:
    url = await mine.opened(amount=4000)
    await mine.stripe.post(url.rpartition("/")[2])
    await mine.event("PaymentSucceeded")
    await mine.refund(1500)
    await mine.event("PaymentRefunded")
    code, said = await ledger(mine.platform, "--organisation", "demo", "--from", "2026-01-01")
    [line] = [each for each in said["bookings"] if each["bookingId"] == mine.booking_id]
    assert (line["captured"], line["refunded"], line["kept"], line["currency"]) == (4000, 1500, 2500, "EUR")
    # Nobody has booked: this money is one of the things that do not add up.
    assert line["problems"] == ["2500 EUR are kept, and there is no such booking"]
    assert code == 4

    async def agrees() -> bool:
        """Of each booking that the provider has money of."""
        theirs, ours = await mine.stripe.ledger(), (await ledger(mine.platform))[1]["bookings"]
        bookings = {each["id"]: each["metadata"].get("booking_id") for each in theirs["payment_intents"]}
        charges = [each for each in theirs["charges"] if each["status"] == "succeeded"]
        sums = {
            (bookings[each["payment_intent"]], each["amount_captured"], each["amount_refunded"]) for each in charges
        }
        return sums <= {(each["bookingId"], each["captured"], each["refunded"]) for each in ours}

    await until(agrees, 30)
    assert (await ledger(mine.platform, "--organisation", "rival")) == (
        0,
        {"bookings": [], "totals": [], "problems": []},
    )
    assert (await ledger(mine.platform, "--to", "2026-01-01"))[1]["bookings"] == []
