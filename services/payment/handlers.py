"""Which message goes to which function: the table of contents of payment."""

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import cast, get_args

from prometheus_client import Counter

from chassis import calls
from chassis.calls import Call
from chassis.messages import Incoming, Output, Publish, Row, Save, Statement
from chassis.telemetry import metrics
from contracts import topics
from contracts.model import Message
from contracts.payment import CreateCheckout, PaymentFailed, RefundFailed, RefundFailedReason, RefundPayment
from services.payment import domain, storage
from services.payment.decision import Ask
from services.payment.domain import Command
from services.payment.storage import Accounts

# `PaymentFailed` with the reason `mismatch`, and `RefundFailed`, are alarms.
TOLD = Counter("holdfast_payment_told", "Events about money, by their reason", ["event", "reason"], registry=metrics)
for alarm in (("PaymentFailed", "mismatch"), *(("RefundFailed", reason) for reason in get_args(RefundFailedReason))):
    TOLD.labels(*alarm)  # from 0 on: the first one of a series that was not there is no increase
# Somebody gave money back at the provider's own pages, or a payer contests a payment: alarms too.
UNASKED = Counter(
    "holdfast_payment_unasked", "What happened to money that nobody here had asked for", ["what"], registry=metrics
)
for unasked in ("refund", "dispute"):
    UNASKED.labels(unasked)

log = logging.getLogger(__name__)


class PaymentService:
    """Checkouts and refunds over Kafka. `live` says whether real money moves."""

    name = "payment"
    inputs: tuple[topics.Topic, ...] = (topics.PAYMENT_COMMANDS,)

    def __init__(self, live: bool) -> None:
        self.live = live

    def load(self, messages: Sequence[Incoming]) -> Statement:
        return storage.load({(message.organisation, cast("Command", message.body).booking_id) for message in messages})

    def begin(self, rows: Sequence[Row]) -> Accounts:
        return storage.begin(rows)

    def decide(self, accounts: Accounts, message: Incoming, now: datetime) -> Sequence[Output]:  # noqa: ARG002 - its clock is the provider's
        body = cast("Command", message.body)
        key = (message.organisation, body.booking_id)
        decision = domain.decide(accounts.accounts.get(key), message.id, body, self.live)
        accounts.put(key, decision.account)
        accounts.enter(key, decision.entries, message.accepted_at)
        accounts.calls += [_call(message, body.booking_id, ask) for ask in decision.calls]
        for event in decision.events:
            TOLD.labels(type(event).__name__, getattr(event, "reason", "")).inc()
        for what in decision.unasked:
            UNASKED.labels(what).inc()
            log.error("%s of booking %s: nobody here has asked for it", what, body.booking_id)
        return [_event(event) for event in decision.events]

    def save(self, accounts: Accounts) -> Sequence[Save]:
        return storage.save(accounts)

    def refuse(self, message: Incoming, /) -> Sequence[Output]:
        """A booking that asked for a page, or for money back, must not wait for ever."""
        match message.body:
            case CreateCheckout(booking_id=booking_id):
                return [_event(PaymentFailed(booking_id=booking_id, checkout_id=message.id, reason="internal"))]
            case RefundPayment(booking_id=booking_id, payment=payment, amount=amount):
                failed = RefundFailed(
                    booking_id=booking_id, refund_id=message.id, payment=payment, amount=amount, reason="impossible"
                )
                return [_event(failed)]
        return ()


def _event(event: Message) -> Output:
    return Publish(*topics.address(event), event)


def _call(message: Incoming, booking_id: str, ask: Ask) -> Call:
    """A flood of one organisation delays no other; the timer waits for nobody."""
    destination = "clock" if ask.kind == "late" else f"provider/{message.organisation}"
    return calls.call(message, ask.kind, destination, booking_id, ask.request, id_=ask.id, after=ask.after)
