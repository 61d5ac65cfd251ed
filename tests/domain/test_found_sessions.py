"""A session that is found at the provider is told exactly where telling it changes something."""

from collections.abc import Callable

import pytest
from paying import Told, expired, id_of, paid, session

from contracts.examples import BOOKING_ID
from contracts.payment import CancelCheckout, ProviderSession, RecordProviderEvent
from services.payment import domain
from services.payment.found import is_news
from services.payment.state import CHECKOUT


def _cancel(account: Told) -> None:
    account.tell(CancelCheckout(booking_id=BOOKING_ID))


# All but `waiting`: the provider has not been asked for a page yet.
ACCOUNTS: dict[str, tuple[Callable[[Told], object], ...]] = {
    "opening": (Told.create,),
    "unwanted": (Told.create, _cancel),
    "open": (Told.create, Told.opened),
    "closing": (Told.create, Told.opened, _cancel),
    "processing": (Told.create, Told.opened, lambda told: told.completed(paid(payment_status="unpaid"))),
    "paid": (Told.create, Told.opened, lambda told: told.completed(paid())),
    "failed": (
        Told.create,
        Told.opened,
        lambda told: told.event("checkout.session.async_payment_failed", session=paid(payment_status="unpaid")),
    ),
    "expired": (Told.create, Told.opened, lambda told: told.event("checkout.session.expired", session=expired())),
    "refused": (Told.create, lambda told: told.outcome("open", message="No.")),
}
FOUND = {
    "open": session(),
    "expired": expired(),
    "under way": paid(payment_status="unpaid"),
    "paid": paid(),
    "paid by another payment": paid(payment="pi_second"),
}


@pytest.mark.parametrize("said", FOUND.values(), ids=FOUND)
@pytest.mark.parametrize("status", ACCOUNTS)
def test_it_is_news_where_it_changes_the_account(status: str, said: ProviderSession) -> None:
    told = Told()
    for step in ACCOUNTS[status]:
        step(told)
    assert (told.status(), told.account is not None) == (status, True)
    found = RecordProviderEvent(booking_id=BOOKING_ID, event="found", kind="checkout.session.found", session=said)
    decision = domain.decide(told.account, id_of("found"), found, live=False)
    assert told.account is not None
    before, after = told.account.checkout(id_of("first")), decision.account.checkout(id_of("first"))
    assert before is not None
    assert after is not None
    changes = before.status != after.status or decision.account.payments != told.account.payments
    assert is_news(told.account, said) == changes


def test_every_status_in_which_there_may_be_a_session_is_looked_at() -> None:
    assert set(ACCOUNTS) == set(CHECKOUT) - {"waiting"}
