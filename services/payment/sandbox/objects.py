"""Stripe's objects: how they begin, how their ids look, and what of them is shown.

Every field that the library declares for its typed objects and that means something here is present; a key that begins
with an underscore is the sandbox's own and never shown.
"""

import secrets
import string
from collections.abc import Callable, Iterable
from typing import Any

from services.payment.sandbox.cards import Card, Declined
from services.payment.sandbox.parameters import CreateRefund, CreateSession

Object = dict[str, Any]

API_VERSION = "2026-10-28.endive"
EXPANDABLE = frozenset({"payment_intent", "latest_charge", "charge"})
# Not shown unless asked for.
INCLUDABLE = {"checkout.session": "line_items"}

_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str) -> str:
    """`pi_3…`, `re_3…`, `evt_1…`, `cs_test_a1…`: as long as Stripe's, nobody can guess one."""
    length = {"cs_test_a1": 58, "req_": 14}.get(prefix, 23)
    return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(length))


def session(asked: CreateSession, now: int, expires_at: int, url: str) -> Object:
    """An open checkout."""
    id_ = new_id("cs_test_a1")
    currency = asked.line_items[0].price_data.currency
    items = [
        _line_item(item.price_data.product_data.name, item.price_data.unit_amount, item.quantity, currency)
        for item in asked.line_items
    ]
    total = sum(item["amount_total"] for item in items)
    return {
        "id": id_,
        "object": "checkout.session",
        "adaptive_pricing": {"enabled": bool(asked.adaptive_pricing and asked.adaptive_pricing.enabled)},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": asked.cancel_url,
        "client_reference_id": asked.client_reference_id,
        "client_secret": None,
        "consent": None,
        "consent_collection": None,
        "created": now,
        "currency": currency,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": None,
        "customer_creation": "if_required",
        "customer_details": {"email": asked.customer_email} if asked.customer_email else None,
        "customer_email": asked.customer_email,
        "discounts": [],
        "expires_at": expires_at,
        "invoice": None,
        "invoice_creation": {"enabled": False, "invoice_data": {}},
        "line_items": listed(items, f"/v1/checkout/sessions/{id_}/line_items"),
        "livemode": False,
        "locale": asked.locale,
        "metadata": asked.metadata,
        "mode": asked.mode,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": asked.submit_type,
        "subscription": None,
        "success_url": asked.success_url,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": asked.ui_mode,
        "url": f"{url}/c/pay/{id_}",
        "_payment_intent_data": asked.payment_intent_data.model_dump(),
    }


def _line_item(name: str, unit_amount: int, quantity: int, currency: str) -> Object:
    amount = unit_amount * quantity
    return {
        "id": new_id("li_1"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": currency,
        "description": name,
        "price": {
            "id": new_id("price_1"),
            "object": "price",
            "active": False,
            "currency": currency,
            "type": "one_time",
            "unit_amount": unit_amount,
        },
        "quantity": quantity,
    }


def payment_intent(of: Object, now: int) -> Object:
    """What the customer of this checkout is about to pay."""
    data, id_ = of["_payment_intent_data"], new_id("pi_3")
    return {
        "id": id_,
        "object": "payment_intent",
        "amount": of["amount_total"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": data["capture_method"],
        "client_secret": new_id(f"{id_}_secret_"),
        "confirmation_method": "automatic",
        "created": now,
        "currency": of["currency"],
        "customer": None,
        "description": data["description"],
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": data["metadata"],
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_options": {},
        "payment_method_types": of["payment_method_types"],
        "processing": None,
        "receipt_email": data["receipt_email"],
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def charge(intent: Object, card: Card, status: str, now: int) -> Object:
    """One try to get the money."""
    return {
        "id": new_id("py_3" if status == "pending" else "ch_3"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"] if status == "succeeded" else 0,
        "amount_refunded": 0,
        "balance_transaction": None,
        "billing_details": {"address": None, "email": None, "name": None, "phone": None},
        "captured": status == "succeeded",
        "created": now,
        "currency": intent["currency"],
        "customer": None,
        "description": intent["description"],
        "disputed": False,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": intent["metadata"],
        "outcome": None,
        "paid": status == "succeeded",
        "payment_intent": intent["id"],
        "payment_method": new_id("pm_1"),
        "payment_method_details": {"card": {"brand": card.brand, "last4": card.number[-4:]}, "type": "card"},
        "receipt_email": intent["receipt_email"],
        "refunded": False,
        "status": status,
        "_refunds": card.refunds,
        "_disputed": card.disputed,
    }


def payment_error(declined: Declined, of: Object) -> Object:
    """What a payment intent says of its failed charge."""
    return {
        "charge": of["id"],
        "code": declined.code,
        "decline_code": declined.decline_code,
        "message": declined.message,
        "type": "card_error",
    }


def refund(asked: CreateRefund, of: Object, amount: int, status: str, now: int) -> Object:
    """Money on its way back."""
    return {
        "id": new_id("re_3"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": of["id"],
        "created": now,
        "currency": of["currency"],
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": asked.metadata,
        "payment_intent": of["payment_intent"],
        "reason": asked.reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }


def dispute(of: Object, now: int) -> Object:
    """The payer of this charge contests it; what was charged is taken away meanwhile."""
    return {
        "id": new_id("du_1"),
        "object": "dispute",
        "amount": of["amount_captured"],
        "balance_transactions": [],
        "charge": of["id"],
        "created": now,
        "currency": of["currency"],
        "evidence": {},
        "evidence_details": {
            "due_by": now + 7 * 24 * 3600,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": of["payment_intent"],
        "reason": "fraudulent",
        "status": "needs_response",
    }


def event(type_: str, of: Object, previous: Object | None, request: Object, now: int) -> Object:
    """That something happened, with the object as it was then."""
    data: Object = {"object": shown(of)}
    if previous is not None:
        data["previous_attributes"] = previous
    return {
        "id": new_id("evt_1"),
        "object": "event",
        "api_version": API_VERSION,
        "created": now,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": request,
        "type": type_,
    }


def listed(data: list[Object], url: str, has_more: bool = False) -> Object:
    """A page of a list."""
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def shown(value: Object, expand: Iterable[str] = (), find: Callable[[str], Object | None] = lambda _id: None) -> Object:
    """What the caller sees: without what is private, with whole objects for the ids under the expanded paths."""
    heads: dict[str, list[str]] = {}
    for path in expand:
        head, _, rest = path.partition(".")
        heads.setdefault(head, []).extend([rest] if rest else [])
    hidden = INCLUDABLE.get(value["object"])
    seen = {name: each for name, each in value.items() if name[0] != "_" and (name != hidden or name in heads)}
    for head, below in heads.items():
        inner = seen.get(head)
        if head in EXPANDABLE and isinstance(inner, str):
            seen[head] = shown(found, below, find) if (found := find(inner)) else inner
    return seen
