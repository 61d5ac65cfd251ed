"""Refunds: each is asked for once, told once, and compared with what was asked for."""

from typing import Any

import pytest
from paying import id_of, only, paid, refund, told

from contracts.payment import PaymentRefunded, RefundFailed
from services.payment.decision import NotBelieved


def test_a_refund_is_asked_for_under_the_commands_id_and_told_once() -> None:
    account = told("create", "open", "pay")
    assert account.tell(refund(1000), "back") == []
    [call] = account.called("refund")
    assert call.id == id_of("back")
    told_back = only(account.refunded(call), PaymentRefunded)
    assert (told_back.refund_id, told_back.amount, told_back.refund) == (call.id, 1000, "re_1")
    assert account.refunded(call) == account.refunded(call, "pending") == []


def test_no_more_goes_back_than_came() -> None:
    account = told("create", "open", "pay")
    for name, asked in (("one", refund(2501)), ("two", refund(1, "pi_unknown"))):
        with pytest.raises(NotBelieved):
            account.tell(asked, name)
    account.tell(refund(2500), "three")
    assert [call.id for call in account.called("refund")] == [id_of("three")]


@pytest.mark.parametrize("status", ["asked", "pending", "succeeded"])
def test_what_goes_back_of_a_payment_already_does_not_go_back_once_more(status: str) -> None:
    """Of a payment booking gives back once: another command is its dead letter, replayed after it had asked anew."""
    account = told("create", "open", "pay")
    account.tell(refund(1000), "one")
    [call] = account.called("refund")
    if status != "asked":
        account.refunded(call, status)
    events = account.tell(refund(1000), "replayed")
    if status == "succeeded":
        assert (only(events, PaymentRefunded).refund_id, only(events, PaymentRefunded).refund) == (call.id, "re_1")
    else:
        assert events == []
        assert only(account.refunded(call), PaymentRefunded).refund_id == call.id
    assert account.called("refund") == [call]
    with pytest.raises(NotBelieved, match="1000 of it go back already"):
        account.tell(refund(500), "another amount")


@pytest.mark.parametrize("tried", [True, False])
def test_a_refund_that_fails_is_told_once_and_why(tried: bool) -> None:
    account = told("create", "open", "pay")
    account.tell(refund(1000), "back")
    [call] = account.called("refund")
    events = account.refunded(call, "failed") if tried else account.outcome("refund", "back", message="No.")
    failed = only(events, RefundFailed)
    assert (failed.refund_id, failed.amount, failed.automatic) == (call.id, 1000, False)
    assert (failed.reason, failed.message) == (("failed", "") if tried else ("refused", "No."))
    assert account.refunded(call, "failed") == []
    assert not tried or account.refunded(call) == []


def test_a_refund_that_a_bank_sends_back_days_later_is_told_to_have_failed() -> None:
    account = told("create", "open", "pay")
    account.tell(refund(2500), "back")
    [call] = account.called("refund")
    only(account.refunded(call), PaymentRefunded)
    assert only(account.refunded(call, "failed"), RefundFailed).refund_id == call.id


def test_wrong_money_that_cannot_go_back_is_told() -> None:
    account = told("create", "open")
    account.completed(paid(amount=2400))
    failed = only(account.refunded(account.called("refund")[0], "failed"), RefundFailed)
    assert (failed.amount, failed.automatic) == (2400, True)


def test_a_refund_that_fails_may_be_asked_for_again() -> None:
    account = told("create", "open", "pay")
    account.tell(refund(2500), "one")
    only(account.refunded(account.called("refund")[0], "failed"), RefundFailed)
    account.tell(refund(2500), "two")
    only(account.refunded(account.called("refund")[1]), PaymentRefunded)


@pytest.mark.parametrize("wrong", [{"amount": 1}, {"currency": "USD"}, {"payment": "pi_second"}], ids=str)
def test_a_refund_of_something_else_is_not_believed(wrong: dict[str, Any]) -> None:
    account = told("create", "open", "pay")
    account.completed(paid(payment="pi_second", id="cs_second"))
    account.tell(refund(2500), "one")
    with pytest.raises(NotBelieved):
        account.refunded(account.called("refund")[1], **wrong)


def test_a_refund_that_somebody_has_to_approve_is_on_its_way() -> None:
    account = told("create", "open", "pay")
    account.tell(refund(2500), "one")
    [call] = account.called("refund")
    assert account.refunded(call, "requires_action") == []
    only(account.refunded(call), PaymentRefunded)
