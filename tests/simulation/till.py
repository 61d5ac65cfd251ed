"""A provider for one booking: its sessions, charges and refunds, and what it says of them, some of it never delivered."""

import random
from dataclasses import dataclass, field
from typing import Any

from contracts.examples import BOOKING_ID
from contracts.payment import CreateCheckout, ProviderRefund, ProviderSession, RecordCallOutcome, RecordProviderEvent
from services.payment.decision import Ask
from services.payment.state import Checkout, Refund


@dataclass
class Till:
    """What is true at the provider. An operation under a known key has no second effect."""

    luck: random.Random
    sessions: dict[str, ProviderSession] = field(default_factory=dict)  # by checkout
    refunds: dict[str, ProviderRefund] = field(default_factory=dict)  # by what asked for them
    events: list[RecordProviderEvent] = field(default_factory=list)  # on their way, in no order
    told: list[RecordProviderEvent] = field(default_factory=list)  # all that ever happened
    bounced: set[str] = field(default_factory=set)  # slow payments that failed
    refuses_refunds: int = 0
    most_open: int = 0

    def call(self, ask: Ask) -> RecordCallOutcome:
        """The effect, and its outcome."""
        about = {"booking_id": BOOKING_ID, "call_id": ask.id, "kind": ask.kind}
        if ask.kind == "open":
            assert isinstance(ask.request, CreateCheckout)
            return RecordCallOutcome(**about, about=ask.id, session=self._open(ask.id, ask.request))
        if ask.kind == "refund":
            assert isinstance(ask.request, Refund)
            return RecordCallOutcome(**about, about=ask.id, refund=self._refund(ask.request))
        assert isinstance(ask.request, Checkout)
        if ask.kind == "late":
            return RecordCallOutcome(**about, about=ask.request.id)
        return RecordCallOutcome(**about, about=ask.request.id, session=self.expire(ask.request.id))

    def _open(self, checkout: str, asked: CreateCheckout) -> ProviderSession:
        if checkout not in self.sessions:
            self.sessions[checkout] = ProviderSession(
                id=f"cs_{len(self.sessions)}",
                checkout_id=checkout,
                status="open",
                payment_status="unpaid",
                mode="payment",
                amount=asked.amount,
                currency=asked.currency,
                live=False,
                url=f"https://checkout.example/{len(self.sessions)}",
                expires_at=asked.expires_at,
            )
            self.most_open = max(self.most_open, len(self.open()))
        return self.sessions[checkout]

    def _refund(self, asked: Refund) -> ProviderRefund | None:
        if self.refuses_refunds:
            self.refuses_refunds -= 1
            return None
        if asked.id not in self.refunds:
            about = {"amount": asked.amount, "currency": asked.currency, "payment": asked.payment}
            refund = ProviderRefund(id=f"re_{len(self.refunds)}", refund_id=asked.id, status="succeeded", **about)
            self.refunds[asked.id] = refund
            self._tell("refund.updated", refund=refund)
            assert self.kept(asked.payment) >= 0, "more went back than came"
        return self.refunds[asked.id]

    def open(self) -> list[str]:
        return [checkout for checkout, session in self.sessions.items() if session.status == "open"]

    def expire(self, checkout: str) -> ProviderSession:
        """Only an open session expires."""
        if self.sessions[checkout].status == "open":
            self._become(checkout, "checkout.session.expired", status="expired", url=None)
        return self.sessions[checkout]

    def pay(self, checkout: str, slowly: bool = False) -> None:
        """A customer pays at an open page."""
        if self.sessions[checkout].status != "open":
            return
        self._charge(checkout, "unpaid" if slowly else "paid")

    def pay_after_all(self, checkout: str) -> None:
        """The provider lets a payment through that it had called off."""
        if self.sessions[checkout].status == "expired":
            self._charge(checkout, "paid")

    def _charge(self, checkout: str, payment_status: str) -> None:
        number = list(self.sessions).index(checkout)
        about = {"payment": f"pi_{number}", "url": None}
        self._become(checkout, "checkout.session.completed", status="complete", payment_status=payment_status, **about)

    def arrive(self, checkout: str, good: bool) -> None:
        """A slow payment succeeds or fails."""
        session = self.sessions[checkout]
        if (session.status, session.payment_status) != ("complete", "unpaid") or checkout in self.bounced:
            return
        if not good:
            self.bounced.add(checkout)
        kind = "checkout.session.async_payment_" + ("succeeded" if good else "failed")
        self._become(checkout, kind, payment_status="paid" if good else "unpaid")

    def decline(self, checkout: str) -> None:
        """Somebody's card is no good."""
        if self.sessions[checkout].status == "open":
            self._tell("payment_intent.payment_failed", checkout_id=checkout, message="Your card was declined.")

    def _become(self, checkout: str, kind: str, **changes: Any) -> None:
        self.sessions[checkout] = self.sessions[checkout].model_copy(update=changes)
        self._tell(kind, session=self.sessions[checkout])

    def _tell(self, kind: str, **said: Any) -> None:
        """Some events come twice, some not before the reconciler looks."""
        event = RecordProviderEvent(booking_id=BOOKING_ID, event=f"evt_{len(self.told)}", kind=kind, **said)
        self.told.append(event)
        self.events += [event] * self.luck.choice((0, 1, 1, 1, 2))

    # ---- the truth about money

    def captured(self) -> dict[str, int]:
        """What came, by payment."""
        paid = [each for each in self.sessions.values() if each.payment_status == "paid"]
        return {str(each.payment): each.amount for each in paid}

    def kept(self, payment: str) -> int:
        went_back = [each.amount for each in self.refunds.values() if each.payment == payment]
        return self.captured()[payment] - sum(went_back)
