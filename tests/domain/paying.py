"""A booking's account, told one message after the other."""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from contracts.envelope import derived_id
from contracts.examples import BOOKING_ID, CREATE_CHECKOUT, OPEN_SESSION
from contracts.model import Message
from contracts.payment import (
    ProviderRefund,
    ProviderSession,
    RecordCallOutcome,
    RecordProviderEvent,
    RefundPayment,
)
from services.payment import domain
from services.payment.decision import Ask
from services.payment.state import Account, Entry, Refund

M = TypeVar("M", bound=Message)


def id_of(name: str) -> str:
    return derived_id(BOOKING_ID, name)


def session(checkout: str = "first", **changes: Any) -> ProviderSession:
    """What the provider says of this checkout's session."""
    usual = {"id": f"cs_{checkout}", "checkout_id": id_of(checkout), "url": f"https://checkout.example/{checkout}"}
    return OPEN_SESSION.model_copy(update={**usual, **changes})


def paid(checkout: str = "first", **changes: Any) -> ProviderSession:
    done = {"status": "complete", "payment_status": "paid", "payment": f"pi_{checkout}", "url": None}
    return session(checkout, **{**done, **changes})


def expired(checkout: str = "first") -> ProviderSession:
    return session(checkout, status="expired", url=None)


@dataclass
class Told:
    """The account, with all that was told and called so far."""

    account: Account | None = None
    events: list[Message] = field(default_factory=list)
    calls: list[Ask] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    def tell(self, message: domain.Command, name: str = "") -> list[Message]:
        """The events that follow."""
        decision = domain.decide(self.account, id_of(name), message, live=False)
        self.account = decision.account
        self.events += decision.events
        self.calls += decision.calls
        self.entries += decision.entries
        return decision.events

    def create(self, name: str = "first", **changes: Any) -> list[Message]:
        return self.tell(CREATE_CHECKOUT.model_copy(update=changes), name)

    def outcome(self, kind: Any, about: str = "first", **said: Any) -> list[Message]:
        call = RecordCallOutcome(booking_id=BOOKING_ID, call_id=id_of("x"), kind=kind, about=id_of(about), **said)
        return self.tell(call)

    def opened(self, name: str = "first", **changes: Any) -> list[Message]:
        return self.outcome("open", name, session=session(name, **changes))

    def event(self, kind: str, **said: Any) -> list[Message]:
        return self.tell(RecordProviderEvent(booking_id=BOOKING_ID, event="evt_1", kind=kind, **said))

    def completed(self, said: ProviderSession) -> list[Message]:
        return self.event("checkout.session.completed", session=said)

    def called(self, kind: str) -> list[Ask]:
        return [ask for ask in self.calls if ask.kind == kind]

    def refunded(self, ask: Ask, status: str = "succeeded", **changes: Any) -> list[Message]:
        """What follows when the provider says this of the refund that was asked for."""
        asked = ask.request
        assert isinstance(asked, Refund)
        said = ProviderRefund(
            id="re_1", refund_id=ask.id, status=status, amount=asked.amount, currency="EUR", payment=asked.payment
        )
        return self.event("refund.updated", refund=said.model_copy(update=changes))

    def status(self, name: str = "first") -> str:
        assert self.account is not None
        checkout = self.account.checkout(id_of(name))
        assert checkout is not None
        return checkout.status


def only(events: list[Message], kind: type[M]) -> M:
    """The only event, which is of this kind."""
    [event] = events
    assert isinstance(event, kind)
    return event


def told(*steps: str) -> Told:
    """An account after these steps."""
    account = Told()
    for step in steps:
        {"create": account.create, "open": account.opened, "pay": lambda: account.completed(paid())}[step]()
    return account


def refund(amount: int, payment: str = "pi_first") -> RefundPayment:
    return RefundPayment(booking_id=BOOKING_ID, payment=payment, amount=amount)
