"""What the provider's events and objects say, in our words. Pure, and shared: the gateway hears events, payment lists them.

An event becomes the same record, under the same id, by whichever door it comes: so it counts once. The shapes are Stripe's
(https://docs.stripe.com/api); of an object only what is named here is read.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from contracts.envelope import derived_id
from contracts.model import UUID_PATTERN
from contracts.payment import ProviderDispute, ProviderRefund, ProviderSession, RecordProviderEvent

Object = Mapping[str, Any]
P = TypeVar("P", ProviderRefund, ProviderDispute)

PROVIDER = "a4cf1f5e-8f0e-5b1c-9a53-6d0a7c1f2b40"  # namespace of records that tell the provider's words

SESSIONS = (
    "checkout.session.completed",
    "checkout.session.expired",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
)
REFUNDS = ("refund.created", "refund.updated", "refund.failed")
DISPUTES = (
    "charge.dispute.created",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "charge.dispute.closed",
)
DECLINED = "payment_intent.payment_failed"
KINDS = (*SESSIONS, *REFUNDS, *DISPUTES, DECLINED)

_organisation = re.compile(r"[a-z0-9][a-z0-9-]{0,62}").fullmatch
_uuid = re.compile(UUID_PATTERN).fullmatch


class NotUnderstood(Exception):
    """It is about something of ours and cannot be said in our words; the argument says what it is."""


class Heard(NamedTuple):
    """A record of the provider's word: its id, whose booking it is about, and what it says."""

    id: str
    organisation: str
    record: RecordProviderEvent


class About(NamedTuple):
    """Whose an object of the provider is, as the metadata say that we have given it."""

    organisation: str
    booking_id: str


NOBODY = About("", "00000000-0000-0000-0000-000000000000")  # whose something is as long as it is not known


def heard(event: Object, about: About | None = None) -> Heard | None:
    """The record of this event; None if it is of a kind that changes nothing here, or about nothing of ours.

    `about` is for who knows it otherwise than by the metadata. Raises NotUnderstood.
    """
    kind, of = event.get("type"), _part(_part(event, "data"), "object")
    about = about or whose(of)
    if kind not in KINDS or about is None:
        return None
    said: dict[str, Any]
    if kind in SESSIONS:
        said = {"session": session_words(of)}
    elif kind in REFUNDS:
        said = {"refund": refund_words(of), "message": words(of.get("failure_reason"))}
    elif kind in DISPUTES:
        said = {"dispute": dispute_words(of), "message": words(of.get("reason"))}
    else:
        error = _part(of, "last_payment_error")
        said = {"checkout_id": _own_id(of, "checkout_id"), "message": words(error.get("message"))}
    try:
        record = RecordProviderEvent(booking_id=about.booking_id, event=event.get("id"), kind=kind, **said)
    except ValidationError as error:
        raise NotUnderstood(_fields(error)) from None
    return Heard(derived_id(PROVIDER, f"{event.get('account') or ''}|{record.event}"), about.organisation, record)


def found(session: Object) -> Heard | None:
    """The record of a session as it was found at the provider, whoever should have told of it; None: it is not ours.

    One id for each state that a session can be in. Raises NotUnderstood.
    """
    about = whose(session)
    if about is None:
        return None
    said = session_words(session)
    event = f"found_{said.id}_{said.status}_{said.payment_status}"[:255]
    record = RecordProviderEvent(booking_id=about.booking_id, event=event, kind="checkout.session.found", session=said)
    return Heard(derived_id(PROVIDER, f"|{event}"), about.organisation, record)


def whose(of: Object) -> About | None:
    """Whose booking an object is about; None: somebody else's matter."""
    given = _part(of, "metadata")
    organisation, booking_id = str(given.get("organisation_id", "")), str(given.get("booking_id", ""))
    return About(organisation, booking_id) if _organisation(organisation) and _uuid(booking_id) else None


def unnamed(event: Object) -> str | None:
    """The payment that an event is about which names no booking: a refund that was made at the provider's own pages, a dispute."""
    of = _part(_part(event, "data"), "object")
    if event.get("type") not in (*REFUNDS, *DISPUTES) or whose(of) is not None:
        return None
    payment = _id_of(of.get("payment_intent"))
    return payment if isinstance(payment, str) else None


def session_words(session: Object) -> ProviderSession:
    """A checkout session in our words. Raises NotUnderstood: one that only stores a card has no amount and no currency."""
    try:
        return ProviderSession(
            id=session["id"],
            checkout_id=_own_id(session, "checkout_id"),
            status=session["status"],
            payment_status=session["payment_status"],
            mode=session["mode"],
            amount=session["amount_total"],
            currency=str(session["currency"]).upper(),
            live=session["livemode"],
            payment=_id_of(session.get("payment_intent")),
            url=session.get("url"),
            expires_at=datetime.fromtimestamp(session["expires_at"], UTC),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise NotUnderstood(f"a session in mode {session.get('mode')}: {_fields(error)}") from None


def refund_words(refund: Object) -> ProviderRefund:
    """A refund in our words. Raises NotUnderstood."""
    return _of_a_payment(ProviderRefund, "a refund", refund, refund_id=_own_id(refund, "refund_id"))


def dispute_words(dispute: Object) -> ProviderDispute:
    """A dispute in our words. Raises NotUnderstood."""
    return _of_a_payment(ProviderDispute, "a dispute", dispute)


def _of_a_payment(kind: type[P], name: str, of: Object, **more: Any) -> P:
    """What refunds and disputes have in common: an amount of a payment, and how it stands."""
    try:
        return kind(
            id=of["id"],
            status=of["status"],
            amount=of["amount"],
            currency=str(of["currency"]).upper(),
            payment=_id_of(of["payment_intent"]),
            **more,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NotUnderstood(f"{name}: {_fields(error)}") from None


def words(text: object) -> str:
    """A text of the provider's as one line."""
    return "".join(each for each in " ".join(str(text or "").split()) if each.isprintable())[:1000]


def _own_id(of: Object, name: str) -> str | None:
    given = str(_part(of, "metadata").get(name, ""))
    return given if _uuid(given) else None


def _part(of: Object, name: str) -> Object:
    """What is under this name, if it has fields of its own."""
    value = of.get(name)
    return value if isinstance(value, Mapping) else {}


def _id_of(value: Any) -> str | None:
    """Of something that is there as a whole, or only by its id."""
    return value.get("id") if isinstance(value, Mapping) else value


def _fields(error: Exception) -> str:
    """Which fields are not as they should be; never what is in them."""
    if isinstance(error, ValidationError):
        return ", ".join(sorted({str(each["loc"][0]) for each in error.errors() if each["loc"]}))
    return repr(error)[:200]
