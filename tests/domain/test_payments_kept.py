"""What an account keeps: of each page and each refund what money may still need, and no more than that."""

import pytest
from paying import Told, expired, id_of, only, paid

from contracts.examples import BOOKING_ID
from contracts.payment import (
    CancelCheckout,
    CheckoutOpened,
    PaymentFailed,
    PaymentRefunded,
    PaymentSucceeded,
    RefundFailed,
    RefundPayment,
)
from services.payment.domain import MOST_CHECKOUTS
from services.payment.state import LIVE

CANCEL = CancelCheckout(booking_id=BOOKING_ID)


def page_after_page(account: Told, most: int) -> None:
    """The client asks for pages that lead elsewhere each time; each is opened, and closed for the next one."""
    for number in range(most):
        account.create(f"page_{number}", success_url=f"https://harbour.example/{number}")
        if number:
            account.outcome("close", f"page_{number - 1}", session=expired(f"page_{number - 1}"))
        account.opened(f"page_{number}")


def test_who_asks_for_page_after_page_is_refused_at_some_point_and_the_account_grows_no_more() -> None:
    account = Told()
    page_after_page(account, MOST_CHECKOUTS)
    full = account.account
    assert full is not None
    assert len(full.checkouts) == MOST_CHECKOUTS
    calls = len(account.called("open"))
    failed = only(account.create("more", success_url="https://harbour.example/more"), PaymentFailed)
    assert (failed.checkout_id, failed.reason) == (id_of("more"), "refused")
    assert account.account is not None
    assert len(account.account.checkouts) == MOST_CHECKOUTS
    assert len(account.called("open")) == calls


def test_what_is_open_is_closed_where_there_is_no_further_page_and_money_on_it_still_counts() -> None:
    account = Told()
    page_after_page(account, MOST_CHECKOUTS)
    last = f"page_{MOST_CHECKOUTS - 1}"
    account.create("more", success_url="https://harbour.example/more")
    assert account.status(last) == "closing"
    assert only(account.completed(paid(last)), PaymentSucceeded).checkout_id == id_of(last)


def test_the_same_page_again_is_not_another_one_however_often() -> None:
    account = Told()
    account.create("first")
    account.opened("first")
    for number in range(MOST_CHECKOUTS + 1):
        assert only(account.create(f"again-{number}"), CheckoutOpened).checkout_id == id_of("first")


@pytest.mark.parametrize("end", ["paid", "expired", "refused", "mismatch"])
def test_whose_page_it_was_is_forgotten_when_it_has_ended(end: str) -> None:
    account = Told()
    account.create("first")
    if end != "refused":
        account.opened("first")
    assert _email(account) is not None, "the call and the next request need it"
    match end:
        case "paid":
            account.completed(paid())
        case "expired":
            account.event("checkout.session.expired", session=expired())
        case "refused":
            account.outcome("open", message="No.")
        case _:
            account.completed(paid(amount=1))
    assert account.status() not in LIVE
    assert _email(account) is None


def _email(account: Told) -> str | None:
    assert account.account is not None
    [checkout] = account.account.checkouts
    return checkout.asked.email


def asked_back() -> Told:
    """An account that was paid, and whose booking wants all of it to go back."""
    account = Told()
    account.create("first")
    account.opened("first")
    account.completed(paid())
    account.tell(RefundPayment(booking_id=BOOKING_ID, payment="pi_first", amount=2500), "back")
    return account


@pytest.mark.parametrize("status", ["succeeded", "pending"])
def test_a_refund_that_is_there_is_not_undone_by_a_try_that_was_refused(status: str) -> None:
    """The provider had an effect and answered 500; its event came first, and the next try found nothing left to give back."""
    account = asked_back()
    [call] = account.called("refund")
    account.refunded(call, status)
    assert account.outcome("refund", "back", message="already refunded") == []
    assert [entry.kind for entry in account.entries if entry.kind in ("failed", "returned")] == []


def test_a_refund_that_was_refused_and_is_there_all_the_same_is_told_and_entered() -> None:
    account = asked_back()
    [call] = account.called("refund")
    only(account.outcome("refund", "back", message="already refunded"), RefundFailed)
    only(account.refunded(call), PaymentRefunded)
    assert [entry.kind for entry in account.entries] == ["captured", "asked", "failed", "refunded"]
    assert account.refunded(call) == []
    assert account.account is not None
    assert account.account.left(account.account.payments[0]) == 0
