"""The account at the provider: what can be done to checkouts, payments and refunds. Each method runs within one transaction."""

import time
from typing import Any

from services.payment.sandbox import cards, errors, money, objects
from services.payment.sandbox.cards import Card
from services.payment.sandbox.errors import Refused
from services.payment.sandbox.faults import PAY, Faults
from services.payment.sandbox.news import News
from services.payment.sandbox.objects import Object
from services.payment.sandbox.parameters import CreateRefund, CreateSession
from services.payment.sandbox.settings import Settings
from services.payment.sandbox.store import Store

DAY = 24 * 3600
BY_ITSELF: Object = {"id": None, "idempotency_key": None}


class Account:
    """One test account."""

    def __init__(self, store: Store, settings: Settings, url: str) -> None:
        self.store, self.settings, self.url = store, settings, url
        self.faults = Faults(store)
        self.news = News(store, self.faults, settings.webhook_url is not None)

    # ---- what the API does

    def create_session(self, asked: CreateSession, _request: Object) -> Object:
        """Open a checkout; nobody is told, as at Stripe."""
        now = int(time.time())
        self._check_items(asked)
        expires_at = now + DAY if asked.expires_at is None else asked.expires_at
        # A second of grace: the caller added the half hour before the request was on its way.
        if not now + self.settings.shortest_session - 1 <= expires_at <= now + DAY:
            raise Refused(
                f"The `expires_at` timestamp must be at least {self.settings.shortest_session} seconds and at most 24 hours "
                "after Checkout Session creation.",
                param="expires_at",
            )
        session = objects.session(asked, now, expires_at, self.url)
        self._distort(session, "checkout.sessions.create")
        self.store.put(session)
        self.store.set_timer(expires_at, "expire", session["id"])
        return session

    def expire_session(self, id_: str, request: Object) -> Object:
        """Close an open checkout before its time."""
        session = self.found(id_, "checkout.session")
        if session["status"] != "open":
            raise Refused(
                'Only Checkout Sessions with a status in ["open"] can be expired. '
                f"This Checkout Session has a status of `{session['status']}`."
            )
        return self._expire(session, request)

    def create_refund(self, asked: CreateRefund, request: Object) -> Object:
        """Give money back, at most what is left of the charge."""
        charge = self._charge_to_refund(asked)
        left = charge["amount_captured"] - charge["amount_refunded"]
        if left == 0:
            raise Refused(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
        amount = left if asked.amount is None else asked.amount
        if amount > left:
            raise Refused(
                f"Refund amount ({money.written(amount, charge['currency'])}) is greater than unrefunded amount on charge "
                f"({money.written(left, charge['currency'])})",
                param="amount",
            )
        now = int(time.time())
        slow = charge["_refunds"] != "succeeded"
        refund = objects.refund(asked, charge, amount, "pending" if slow else "succeeded", now)
        self.store.put(refund)
        self._book(charge, amount)
        if slow:
            self.store.set_timer(now + self.settings.slow_seconds, "refund", refund["id"])
        self.news.tell("charge.refunded", charge, request)
        self.news.tell("refund.created", refund, request)
        return refund

    def found(self, id_: str, kind: str, param: str = "id") -> Object:
        """The object, or Refused."""
        value = self.store.get(id_, kind)
        if value is None:
            raise errors.missing(kind, id_, param)
        return value

    # ---- what the customer does on the checkout page

    def pay(self, id_: str, card: Card, slowly: bool) -> Object:
        """Try to pay an open checkout; a closed one stays as it is."""
        session = self.found(id_, "checkout.session")
        if session["status"] != "open":
            return session
        now = int(time.time())
        if not card.declined:
            self._distort(session, PAY)
        intent = self._intent(session, now)
        if slowly:
            return self._begin_slowly(session, intent, card, now)
        charge = objects.charge(intent, card, "failed" if card.declined else "succeeded", now)
        if card.declined:
            self._decline(intent, charge, card)
        else:
            self._succeed(intent, charge)
            self._complete(session, "paid")
        return session

    def _begin_slowly(self, session: Object, intent: Object, card: Card, now: int) -> Object:
        charge = objects.charge(intent, card, "pending", now)
        charge["_declined"] = card.declined and card.number
        intent.update(status="processing", latest_charge=charge["id"], payment_method=charge["payment_method"])
        self._keep(charge, intent)
        self.news.tell("charge.pending", charge, BY_ITSELF)
        self.news.tell("payment_intent.processing", intent, BY_ITSELF)
        self._complete(session, "unpaid")
        self.store.set_timer(time.time() + self.settings.slow_seconds, "settle", session["id"])
        return session

    # ---- what time does

    def due(self, action: str, id_: str) -> None:
        """A timer has run out: of a checkout, of a slow payment, of a slow refund, of a payer's patience."""
        match action:
            case "expire":
                session = self.found(id_, "checkout.session")
                if session["status"] == "open":
                    self._expire(session, BY_ITSELF)
            case "settle":
                self._settle(self.found(id_, "checkout.session"))
            case "refund":
                self._settle_refund(self.found(id_, "refund"))
            case "dispute":
                self._dispute(self.found(id_, "charge"))

    def _settle(self, session: Object) -> None:
        intent = self.found(session["payment_intent"], "payment_intent")
        charge = self.found(intent["latest_charge"], "charge")
        declined = charge["_declined"]
        if declined:
            self._decline(intent, charge, cards.TABLE.get(declined) or Card(declined, cards.UNKNOWN))
            self.news.tell("checkout.session.async_payment_failed", session, BY_ITSELF)
        else:
            charge.update(status="succeeded", paid=True, captured=True, amount_captured=charge["amount"])
            self._succeed(intent, charge)
            session.update(payment_status="paid")
            self._keep(session)
            self.news.tell("checkout.session.async_payment_succeeded", session, BY_ITSELF)

    def _settle_refund(self, refund: Object) -> None:
        charge = self.found(refund["charge"], "charge")
        failed = charge["_refunds"] == "failed"
        refund.update(status="failed" if failed else "succeeded")
        if failed:
            refund.update(failure_reason="unknown")
            self._book(charge, -refund["amount"])
        self._keep(refund)
        self.news.tell("refund.updated", refund, BY_ITSELF)
        if failed:
            self.news.tell("refund.failed", refund, BY_ITSELF)

    def _dispute(self, charge: Object) -> None:
        if charge["disputed"] or charge["refunded"]:
            return
        charge.update(disputed=True)
        dispute = objects.dispute(charge, int(time.time()))
        self._keep(charge, dispute)
        self.news.tell("charge.dispute.created", dispute, BY_ITSELF)
        self.news.tell("charge.dispute.funds_withdrawn", dispute, BY_ITSELF)

    # ---- the steps

    def _check_items(self, asked: CreateSession) -> None:
        currencies = [item.price_data.currency for item in asked.line_items]
        if len(set(currencies)) > 1:
            raise Refused("All line items of a Checkout Session must have the same currency.", param="line_items")
        total = sum(item.price_data.unit_amount * item.quantity for item in asked.line_items)
        least = money.SMALLEST.get(currencies[0], 1)
        if total < least:
            raise Refused(
                f"The Checkout Session's total amount must be at least {money.written(least, currencies[0])}.",
                code="amount_too_small",
            )
        if total > money.LARGEST:
            raise Refused(
                f"The Checkout Session's total amount due must be no more than {money.written(money.LARGEST, currencies[0])}",
                code="amount_too_large",
            )

    def _distort(self, session: Object, operation: str) -> None:
        fault = self.faults.take(operation, "wrong_amount")
        if fault:
            session.update(amount_total=max(0, session["amount_total"] + fault.cents))
            session.update(currency=fault.currency or session["currency"])

    def _charge_to_refund(self, asked: CreateRefund) -> Object:
        if asked.charge is not None:
            charge = self.found(asked.charge, "charge", "charge")
            if asked.payment_intent not in (None, charge["payment_intent"]):
                raise Refused("The charge does not belong to the payment intent.", param="charge")
        elif asked.payment_intent is not None:
            intent = self.found(asked.payment_intent, "payment_intent", "payment_intent")
            if intent["status"] != "succeeded":
                raise Refused(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
            charge = self.found(intent["latest_charge"], "charge")
        else:
            raise Refused("One of the following params should be provided for this request: payment_intent or charge.")
        if charge["disputed"]:
            raise Refused(
                f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed"
            )
        if charge["status"] != "succeeded":
            raise Refused(f"Charge {charge['id']} is not successful and cannot be refunded.", param="charge")
        return charge

    def _book(self, charge: Object, refunded: int) -> None:
        charge["amount_refunded"] += refunded
        charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
        self._keep(charge)

    def _intent(self, session: Object, now: int) -> Object:
        """The payment intent, made at the first try to pay."""
        if session["payment_intent"] is not None:
            intent = self.found(session["payment_intent"], "payment_intent")
            intent.update(amount=session["amount_total"], currency=session["currency"])
            return intent
        intent = objects.payment_intent(session, now)
        session.update(payment_intent=intent["id"])
        self._keep(session, intent)
        self.news.tell("payment_intent.created", intent, BY_ITSELF)
        return intent

    def _succeed(self, intent: Object, charge: Object) -> None:
        intent.update(
            status="succeeded",
            amount_received=intent["amount"],
            latest_charge=charge["id"],
            last_payment_error=None,
            payment_method=charge["payment_method"],
        )
        self._keep(charge, intent)
        if charge["_disputed"]:
            self.store.set_timer(time.time() + self.settings.slow_seconds, "dispute", charge["id"])
        self.news.tell("charge.succeeded", charge, BY_ITSELF)
        self.news.tell("payment_intent.succeeded", intent, BY_ITSELF)

    def _decline(self, intent: Object, charge: Object, card: Card) -> None:
        assert card.declined
        charge.update(status="failed", failure_code=card.declined.code, failure_message=card.declined.message)
        intent.update(
            status="requires_payment_method",
            latest_charge=charge["id"],
            last_payment_error=objects.payment_error(card.declined, charge),
        )
        self._keep(charge, intent)
        self.news.tell("charge.failed", charge, BY_ITSELF)
        self.news.tell("payment_intent.payment_failed", intent, BY_ITSELF)

    def _complete(self, session: Object, payment_status: str) -> None:
        session.update(status="complete", payment_status=payment_status, url=None)
        self._keep(session)
        self.news.tell("checkout.session.completed", session, BY_ITSELF)

    def _expire(self, session: Object, request: Object) -> Object:
        now = int(time.time())
        session.update(status="expired", url=None)
        self._keep(session)
        if session["payment_intent"] is not None:
            intent = self.found(session["payment_intent"], "payment_intent")
            intent.update(status="canceled", canceled_at=now, cancellation_reason="automatic")
            self._keep(intent)
            self.news.tell("payment_intent.canceled", intent, request)
        self.news.tell("checkout.session.expired", session, request)
        return session

    def _keep(self, *values: Object) -> None:
        for value in values:
            self.store.put(value)


def ledger(store: Store) -> dict[str, Any]:
    """Everything there is, for those who add up afterwards."""
    return {
        "checkout_sessions": store.all("checkout.session"),
        "payment_intents": store.all("payment_intent"),
        "charges": store.all("charge"),
        "refunds": store.all("refund"),
        "disputes": store.all("dispute"),
        "events": store.all("event"),
        "idempotency_keys": [row["key"] for row in store.db.execute("SELECT key FROM keys ORDER BY created_at, rowid")],
    }
