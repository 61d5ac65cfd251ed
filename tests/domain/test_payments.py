"""Checkouts and payments: each message, each outcome, and whatever order the provider's words come in."""

import random
from typing import Any, get_args

import pytest
from paying import expired, id_of, only, paid, session, told

from contracts.examples import BOOKING_ID, CREATE_CHECKOUT
from contracts.payment import (
    CancelCheckout,
    CheckoutDelayed,
    CheckoutExpired,
    CheckoutOpened,
    PaymentFailed,
    PaymentProcessing,
    PaymentSucceeded,
)
from services.payment.decision import NotBelieved
from services.payment.state import CHECKOUT, LIVE, CheckoutStatus

CANCEL = CancelCheckout(booking_id=BOOKING_ID)


def test_a_checkout_is_asked_for_under_the_commands_id_and_opened() -> None:
    account = told("create")
    [call] = account.called("open")
    assert (call.id, call.request) == (id_of("first"), CREATE_CHECKOUT)
    opened = only(account.opened(), CheckoutOpened)
    assert (opened.question, opened.checkout_id, opened.url) == (id_of("first"), id_of("first"), session().url)


def test_who_waits_is_told_once_it_takes_longer_and_not_after_the_answer() -> None:
    account = told("create")
    [timer] = account.called("late")
    assert timer.after == 5.0
    assert only(account.outcome("late"), CheckoutDelayed).question == id_of("first")
    account.opened()
    assert account.outcome("late") == []


def test_what_the_provider_refuses_is_a_failed_payment() -> None:
    account = told("create")
    failed = only(account.outcome("open", message="Amount too small."), PaymentFailed)
    assert (failed.reason, failed.message) == ("refused", "Amount too small.")
    assert len(account.create("second")) == 0
    assert account.status("second") == "opening"


def test_the_very_same_is_asked_for_again_and_gets_the_same_page() -> None:
    account = told("create", "open")
    opened = only(account.create("second"), CheckoutOpened)
    assert (opened.question, opened.checkout_id) == (id_of("second"), id_of("first"))
    assert len(account.called("open")) == 1


@pytest.mark.parametrize("how", ["another amount", "declined before"])
def test_another_checkout_is_opened_when_the_earlier_one_is_closed(how: str) -> None:
    account = told("create", "open")
    if how == "declined before":
        account.event("payment_intent.payment_failed", checkout_id=id_of("first"), message="declined")
    assert account.create("second", amount=2500 if how == "declined before" else 3000) == []
    assert [len(account.called(kind)) for kind in ("open", "close")] == [1, 1]
    assert only(account.outcome("close", session=expired()), CheckoutExpired).checkout_id == id_of("first")
    assert [call.id for call in account.called("open")] == [id_of("first"), id_of("second")]


def test_another_checkout_is_not_opened_when_the_earlier_one_was_paid_meanwhile() -> None:
    account = told("create", "open")
    account.create("second", amount=3000)
    succeeded, failed = account.outcome("close", session=paid())
    assert isinstance(succeeded, PaymentSucceeded)
    assert isinstance(failed, PaymentFailed)
    assert (failed.checkout_id, failed.reason) == (id_of("second"), "in_progress")
    assert len(account.called("open")) == 1


def test_a_payment_is_told_once_whoever_says_so_and_how_often() -> None:
    account = told("create", "open")
    succeeded = only(account.completed(paid()), PaymentSucceeded)
    assert (succeeded.payment, succeeded.amount, succeeded.currency) == ("pi_first", 2500, "EUR")
    assert account.completed(paid()) == account.outcome("close", session=paid()) == account.opened() == []
    assert account.event("checkout.session.expired", session=expired()) == []
    assert account.status() == "paid"


def test_a_payment_is_believed_before_the_answer_that_opened_its_page() -> None:
    account = told("create")
    only(account.completed(paid()), PaymentSucceeded)
    assert account.opened() == []


def test_a_slow_payment_succeeds_or_fails_later() -> None:
    for kind, said, event in (
        ("checkout.session.async_payment_succeeded", paid(), PaymentSucceeded),
        ("checkout.session.async_payment_failed", paid(payment_status="unpaid"), PaymentFailed),
    ):
        account = told("create", "open")
        only(account.completed(paid(payment_status="unpaid")), PaymentProcessing)
        assert only(account.create("second"), PaymentFailed).reason == "in_progress"
        assert isinstance(only(account.event(kind, session=said), event), event)
        assert account.completed(paid(payment_status="unpaid")) == []


def test_a_declined_card_is_told_while_the_page_is_open() -> None:
    account = told("create", "open")
    declined = {"checkout_id": id_of("first"), "message": "Your card was declined."}
    assert only(account.event("payment_intent.payment_failed", **declined), PaymentFailed).reason == "declined"
    only(account.completed(paid()), PaymentSucceeded)
    assert account.event("payment_intent.payment_failed", **declined) == []


def test_a_cancel_closes_what_is_open_and_the_customer_may_be_faster() -> None:
    account = told("create", "open")
    assert account.tell(CANCEL) == account.tell(CANCEL) == []
    assert len(account.called("close")) == 1
    only(account.completed(paid()), PaymentSucceeded)
    account = told("create", "open")
    account.tell(CANCEL)
    only(account.event("checkout.session.expired", session=expired()), CheckoutExpired)
    assert account.outcome("close", session=expired()) == []


def test_a_cancel_closes_a_page_that_is_not_there_yet_as_soon_as_it_is() -> None:
    account = told("create")
    assert account.tell(CANCEL) == account.opened() == []
    assert len(account.called("close")) == 1
    only(account.outcome("close", session=expired()), CheckoutExpired)


@pytest.mark.parametrize("wrong", [{"amount": 2400}, {"currency": "USD"}, {"id": "cs_another"}], ids=str)
def test_money_that_was_not_asked_for_goes_back_once(wrong: dict[str, Any]) -> None:
    account = told("create", "open")
    events = account.completed(paid(**wrong)) + account.completed(paid(**wrong))
    [call] = account.called("refund")
    assert call.request.model_dump()["amount"] == wrong.get("amount", 2500)
    assert [type(event) for event in events] == ([] if "id" in wrong else [PaymentFailed])
    assert not any(isinstance(event, PaymentSucceeded) for event in account.events)


def test_a_second_payment_on_a_page_that_is_paid_goes_back() -> None:
    account = told("create", "open", "pay")
    assert account.completed(paid(payment="pi_second")) == account.completed(paid(payment="pi_second")) == []
    [call] = account.called("refund")
    assert call.request.model_dump()["payment"] == "pi_second"
    assert account.status() == "paid"


def test_the_session_of_another_page_is_not_taken_for_this_one() -> None:
    account = told("create", "open")
    with pytest.raises(NotBelieved, match="a session of"):
        account.outcome("close", session=session(checkout_id=id_of("second"), status="expired", url=None))
    assert account.status() == "open"


@pytest.mark.parametrize(
    "wrong", [{"mode": "setup"}, {"live": True}, {"payment": None}, {"checkout_id": None}], ids=str
)
def test_what_cannot_be_ours_changes_nothing(wrong: dict[str, Any]) -> None:
    account = told("create", "open")
    with pytest.raises(NotBelieved):
        account.completed(paid(**wrong))
    assert account.status() == "open"


def test_a_page_with_another_amount_is_shown_to_nobody() -> None:
    account = told("create")
    assert only(account.opened(amount=1), PaymentFailed).reason == "mismatch"
    assert len(account.called("close")) == 1


def test_each_status_has_its_row_and_money_is_passed_over_nowhere() -> None:
    statuses = set(get_args(CheckoutStatus))
    assert set(CHECKOUT) == statuses
    assert {to for row in CHECKOUT.values() for to in row.values()} == statuses - {"waiting"}
    assert {status for status in statuses if "paid" not in CHECKOUT[status]} == {"waiting", "paid"}
    assert {status for status in statuses if not CHECKOUT[status].keys() - {"paid", "opened"}} == statuses - LIVE


@pytest.mark.parametrize("seed", range(300))
def test_the_same_end_is_reached_in_whatever_order_the_provider_speaks(seed: int) -> None:
    """One session that is opened, declined once, perhaps cancelled, and paid: doubled, shuffled, some of it lost."""
    chance = random.Random(seed)
    account = told("create")
    heard = [
        account.opened,
        lambda: account.event("payment_intent.payment_failed", checkout_id=id_of("first"), message="no"),
        lambda: account.completed(paid()),
        lambda: account.event("checkout.session.async_payment_succeeded", session=paid()),
        lambda: account.completed(paid(payment_status="unpaid")),
        lambda: account.tell(CANCEL),
        lambda: account.outcome("close", session=paid()),
    ]
    lost = chance.sample(heard, 3)
    story = [each for each in heard if each not in lost] * 2
    chance.shuffle(story)
    story.insert(chance.randrange(len(story) + 1), heard[2])  # one word of the payment arrives
    for each in story:
        each()
    assert account.status() == "paid"
    assert len([event for event in account.events if isinstance(event, PaymentSucceeded)]) == 1
    assert len(account.called("open")) == 1
    assert len(account.called("close")) <= 1
    assert account.called("refund") == []
