"""What happens to our payments without us: it is in the ledger once, named as what does not add up, and booking hears nothing."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from paying import Told, id_of, paid

from contracts.examples import BOOKING_ID
from contracts.payment import ProviderDispute, ProviderRefund, RefundPayment
from contracts.provider_events import About, NotUnderstood, heard, unnamed
from services.payment.decision import NotBelieved
from services.payment.ledger import Line, lines

NOON = datetime(2027, 1, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WITHDRAWN, REINSTATED = "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated"
ABOUT = About("demo", BOOKING_ID)
REFUND = {
    "id": "re_page",
    "object": "refund",
    "amount": 1000,
    "currency": "eur",
    "payment_intent": "pi_first",
    "status": "succeeded",
    "metadata": {},
}
DISPUTE = {**REFUND, "id": "du_1", "object": "dispute", "status": "needs_response", "reason": "fraudulent"}


def bought() -> Told:
    account = Told()
    account.create()
    account.opened()
    account.completed(paid())
    return account


def line(account: Told) -> Line:
    entries = [(entry, NOON) for entry in account.entries]
    [only] = lines("demo", BOOKING_ID, account.account, entries, NOON - DAY, NOON + DAY, NOON)
    return only


def sums(account: Told) -> tuple[int, int, int, int]:
    found = line(account)
    return found.captured, found.refunded, found.disputed, found.kept


def went_back(account: Told, status: str = "succeeded", **changes: Any) -> list[Any]:
    """Somebody gives money back at the provider's own pages."""
    about = {"payment": "pi_first", "currency": "EUR", **changes}
    said = ProviderRefund(**{"id": "re_page", "status": status, "amount": 1000, **about})  # type: ignore[arg-type]
    return account.event("refund.updated", refund=said)


def contested(
    account: Told, kind: str = "charge.dispute.created", status: str = "needs_response", **changes: Any
) -> None:
    about = {"id": "du_1", "amount": 2500, "currency": "EUR", "payment": "pi_first", **changes}
    assert account.event(kind, dispute=ProviderDispute(status=status, **about)) == []


def test_a_refund_made_elsewhere_is_entered_once_and_named() -> None:
    account = bought()
    for status in ("pending", "succeeded", "succeeded", "pending"):
        assert went_back(account, status) == []
    assert sums(account) == (2500, 1000, 0, 1500)
    assert line(account).problems == ("1000 EUR of pi_first went back that nobody here had asked for",)


def test_no_more_is_asked_back_than_a_refund_made_elsewhere_has_left() -> None:
    account = bought()
    went_back(account)
    with pytest.raises(NotBelieved, match="1500 that are left"):
        account.tell(RefundPayment(booking_id=BOOKING_ID, payment="pi_first", amount=2500), "back")
    account.tell(RefundPayment(booking_id=BOOKING_ID, payment="pi_first", amount=1500), "rest")
    account.refunded(account.called("refund")[0])
    assert sums(account) == (2500, 2500, 0, 0)


def test_a_refund_made_elsewhere_that_the_bank_does_not_take_leaves_nothing_behind() -> None:
    account = bought()
    went_back(account)
    assert went_back(account, "failed") == []
    assert sums(account) == (2500, 0, 0, 2500)
    assert line(account).problems == ()


def test_our_own_refund_that_has_lost_its_metadata_is_ours_still() -> None:
    account = bought()
    account.tell(RefundPayment(booking_id=BOOKING_ID, payment="pi_first", amount=1000), "back")
    account.refunded(account.called("refund")[0], id="re_page")
    assert went_back(account) == []
    assert (sums(account), line(account).problems) == ((2500, 1000, 0, 1500), ())


def test_a_dispute_takes_the_money_and_one_that_is_won_brings_it_back() -> None:
    account = bought()
    contested(account)
    assert sums(account) == (2500, 0, 0, 2500)
    contested(account, WITHDRAWN)
    assert sums(account) == (2500, 0, 2500, 0)
    assert line(account).problems == ("2500 EUR of pi_first are contested by their payer: needs_response",)
    contested(account, "charge.dispute.closed", "won")
    contested(account, REINSTATED, "won")
    assert (sums(account), line(account).problems) == ((2500, 0, 0, 2500), ())


@pytest.mark.parametrize("end", ["won", "lost"])
@pytest.mark.parametrize("seed", range(20))
def test_a_dispute_comes_to_the_same_in_whatever_order_it_is_told(seed: int, end: str) -> None:
    account, chance = bought(), random.Random(seed)
    words = [
        ("charge.dispute.created", "needs_response"),
        (WITHDRAWN, "needs_response"),
        ("charge.dispute.closed", end),
    ]
    words += [(REINSTATED, "won")] if end == "won" else []
    story = words * 2
    chance.shuffle(story)
    for kind, status in story:
        contested(account, kind, status)
    lost = ("2500 EUR of pi_first are contested by their payer: lost",)
    assert sums(account)[2:] == ((0, 2500) if end == "won" else (2500, 0))
    assert line(account).problems == (() if end == "won" else lost)


@pytest.mark.parametrize("about", [{"payment": "pi_another"}, {"currency": "USD"}], ids=str)
def test_what_is_about_a_payment_of_nobody_here_is_not_believed(about: dict[str, str]) -> None:
    account = bought()
    with pytest.raises(NotBelieved):
        went_back(account, **about)
    with pytest.raises(NotBelieved):
        contested(account, **about)


@pytest.mark.parametrize(("kind", "of"), [("refund.created", REFUND), (WITHDRAWN, DISPUTE)], ids=str)
def test_an_event_that_names_no_booking_names_its_payment(kind: str, of: dict[str, Any]) -> None:
    event = {"id": "evt_1", "type": kind, "data": {"object": of}}
    assert (heard(event), unnamed(event)) == (None, "pi_first")
    said = heard(event, ABOUT)
    assert said is not None
    assert (said.organisation, said.record.booking_id) == ("demo", BOOKING_ID)
    assert (said.record.refund or said.record.dispute) is not None
    whole = {"id": "pi_first", "object": "payment_intent"}
    assert unnamed({**event, "data": {"object": {**of, "payment_intent": whole}}}) == "pi_first"


def test_what_names_its_booking_or_no_payment_is_looked_up_nowhere() -> None:
    ours = {**REFUND, "metadata": {"organisation_id": "demo", "booking_id": BOOKING_ID, "refund_id": id_of("back")}}
    for of in (ours, {**REFUND, "payment_intent": None}, {}):
        assert unnamed({"id": "evt_1", "type": "refund.created", "data": {"object": of}}) is None
    assert unnamed({"id": "evt_1", "type": "charge.succeeded", "data": {"object": REFUND}}) is None


@pytest.mark.parametrize("field", ["amount", "status", "payment_intent"])
def test_a_dispute_that_lacks_something_is_not_understood(field: str) -> None:
    of = {name: value for name, value in DISPUTE.items() if name != field}
    with pytest.raises(NotUnderstood):
        heard({"id": "evt_1", "type": WITHDRAWN, "data": {"object": of}}, ABOUT)


def test_a_page_that_the_provider_does_not_know_any_more_is_over_and_the_next_one_is_opened() -> None:
    account = Told()
    account.create()
    account.opened()
    account.create("second", amount=3000)
    assert account.status("second") == "waiting"
    [gone] = account.outcome("close", message="No such session.")
    assert type(gone).__name__ == "CheckoutExpired"
    assert (account.status(), account.status("second")) == ("expired", "opening")
