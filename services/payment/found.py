"""Whether a session that was found at the provider says something that the account does not know. Pure."""

from contracts.payment import ProviderSession
from services.payment.state import Account, Checkout, CheckoutStatus

# (status, payment status) as the provider says them -> where our side still is if it has not heard of it.
_BEHIND: dict[tuple[str, str], frozenset[CheckoutStatus]] = {
    ("open", "unpaid"): frozenset({"opening", "unwanted", "refused"}),
    ("expired", "unpaid"): frozenset({"opening", "unwanted", "open", "closing"}),
    ("complete", "unpaid"): frozenset({"opening", "unwanted", "open", "closing"}),
}


def is_news(account: Account, said: ProviderSession) -> bool:
    """Whether telling it would change the account."""
    checkout: Checkout | None = account.checkout(said.checkout_id)
    if checkout is None:
        return False
    if said.status == "complete" and said.payment_status == "paid":
        return account.payment(said.payment) is None
    return checkout.status in _BEHIND.get((said.status, said.payment_status), ())
