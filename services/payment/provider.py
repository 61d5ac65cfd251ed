"""The calls to the provider, with Stripe's own library. Parameters are a pure function of what was asked for.

Idempotency keys are the calls' ids. A stored 5xx would be the answer to its key for a day, and a key is forgotten after
a day: then what may be there already is looked up by its metadata, and only then a new key is used.
"""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import stripe
from prometheus_client import Counter

from chassis import tracing
from chassis.calls import Again, Attempt, Done, Schedule
from chassis.telemetry import metrics
from contracts.payment import CallKind, CreateCheckout, RecordCallOutcome
from contracts.provider_events import Object, refund_words, session_words, words
from services.payment.settings import PaymentSettings
from services.payment.state import Checkout, Refund

log = logging.getLogger(__name__)

KEY_SECONDS = 23 * 3600.0  # the provider forgets a key after 24 hours
PAGE = 100  # the most there are on one
LOOK_BACK = 300  # seconds: its clock and ours need not agree
# Money that is owed is not forgotten because the account is empty just now: it is tried again, for as long as it takes.
SHORT_OF_MONEY = frozenset({"balance_insufficient", "insufficient_funds"})
SHORT = Counter(
    "holdfast_payment_short", "Refunds that the balance at the provider did not cover, each try", registry=metrics
)
_PACE = (0.3, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)


def schedules(seconds: float) -> Mapping[str, Schedule]:
    """A page nobody waits for any more is given up; money that has to go back, and a page to be closed, never."""
    return {
        "open": Schedule(_PACE[:8], seconds=seconds),
        "close": Schedule(_PACE, for_ever=True, seconds=seconds),
        "refund": Schedule(_PACE, for_ever=True, seconds=seconds),
        "late": Schedule((1.0,), for_ever=True, seconds=seconds, timer=True),
    }


class Provider:
    """Makes payment's calls. Raises nothing of its own: what is not said for sure is tried again."""

    def __init__(self, settings: PaymentSettings) -> None:
        self._http = stripe.AIOHTTPClient(timeout=settings.provider_seconds)
        self.stripe = stripe.StripeClient(
            settings.provider_key.get_secret_value(),
            base_addresses={"api": settings.provider_url},
            http_client=self._http,
            max_network_retries=0,  # the caller tries again, and remembers that it did
        )

    async def close(self) -> None:
        await cast("Any", self._http).close_async()

    async def call(self, attempt: Attempt, /) -> Done | Again:
        try:
            match attempt.kind:
                case "open":
                    return await self._open(attempt)
                case "close":
                    return await self._close(attempt)
                case "refund":
                    return await self._refund(attempt)
                case _:
                    return _done(attempt)
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            return Again(f"our key is refused: {_why(error)}")
        except stripe.InvalidRequestError as error:
            if error.http_status in (409, 429):
                return Again(_why(error), after=_retry_after(error))
            if attempt.kind == "refund" and error.code in SHORT_OF_MONEY:
                SHORT.inc()
                log.error(
                    "refund %s waits until the account at the provider has the money: %s", attempt.id, _why(error)
                )
                return Again(_why(error), note=_next_note(attempt))
            about = tracing.about(attempt.correlation, attempt.traceparent)
            log.error("the provider refuses %s %s: %s", attempt.kind, attempt.id, _why(error), extra=about)
            return _done(attempt, message=_why(error))
        except stripe.StripeError as error:
            if (error.http_status or 0) >= 500:
                return Again(_why(error), after=_retry_after(error), note=_next_note(attempt))
            return Again(_why(error), after=_retry_after(error))

    def give_up(self, attempt: Attempt, why: str, /) -> Done:
        return _done(attempt, message=why)

    # ---- what the provider has

    async def events(self, since: datetime, kinds: Sequence[str]) -> AsyncIterator[list[Object]]:
        """Its events of these kinds since then, a page at a time, newest first. Raises StripeError."""
        listed = {"created": {"gte": int(since.timestamp())}, "types": list(kinds), "limit": PAGE}
        async for page in _pages(await self.stripe.v1.events.list_async(cast("Any", listed))):
            yield page

    async def sessions(self, since: datetime) -> AsyncIterator[list[Object]]:
        """Its checkout sessions that were made since then, a page at a time, newest first. Raises StripeError."""
        listed = {"created": {"gte": int(since.timestamp())}, "limit": PAGE}
        async for page in _pages(await self.stripe.v1.checkout.sessions.list_async(cast("Any", listed))):
            yield page

    # ---- the calls

    async def _open(self, attempt: Attempt) -> Done:
        if _is_uncertain(attempt) and (found := await self._find_session(attempt)):
            return _done(attempt, session=found)
        session = await self.stripe.v1.checkout.sessions.create_async(
            cast("Any", _checkout_parameters(attempt)), {"idempotency_key": _key(attempt)}
        )
        return _done(attempt, session=session)

    async def _find_session(self, attempt: Attempt) -> Any:
        since = int(attempt.created_at.timestamp()) - LOOK_BACK
        page = await self.stripe.v1.checkout.sessions.list_async({"created": {"gte": since}, "limit": 100})
        async for session in page.auto_paging_iter():
            if _metadata(session).get("checkout_id") == attempt.id:
                return session
        return None

    async def _close(self, attempt: Attempt) -> Done | Again:
        checkout = Checkout.model_validate_json(attempt.request)
        assert checkout.session is not None
        session: Any
        try:
            session = await self.stripe.v1.checkout.sessions.expire_async(
                checkout.session, {}, {"idempotency_key": _key(attempt)}
            )
        except stripe.InvalidRequestError as error:
            if error.http_status in (409, 429):
                raise
            try:
                session = await self.stripe.v1.checkout.sessions.retrieve_async(checkout.session)
            except stripe.InvalidRequestError as unknown:
                if unknown.code != "resource_missing":
                    return Again(_why(unknown), note=_next_note(attempt))
                log.error("session %s of checkout %s is not there any more", checkout.session, checkout.id)
                return _done(attempt, message=_why(unknown))
            if session.status == "open":  # what was refused to this key may be granted to another
                return Again(_why(error), note=_next_note(attempt))
        return _done(attempt, session=session, about=checkout.id)

    async def _refund(self, attempt: Attempt) -> Done:
        asked = Refund.model_validate_json(attempt.request)
        if _is_uncertain(attempt) and (found := await self._find_refund(attempt, asked)):
            return _done(attempt, refund=found)
        metadata = {"organisation_id": attempt.organisation, "booking_id": attempt.key, "refund_id": asked.id}
        refund = await self.stripe.v1.refunds.create_async(
            {"payment_intent": asked.payment, "amount": asked.amount, "metadata": metadata},
            {"idempotency_key": _key(attempt)},
        )
        return _done(attempt, refund=refund)

    async def _find_refund(self, attempt: Attempt, asked: Refund) -> Any:
        page = await self.stripe.v1.refunds.list_async({"payment_intent": asked.payment, "limit": 100})
        async for refund in page.auto_paging_iter():
            if _metadata(refund).get("refund_id") == attempt.id:
                return refund
        return None


def _is_uncertain(attempt: Attempt) -> bool:
    """Whether an earlier attempt may have had an effect that the key no longer tells of."""
    return attempt.note is not None or attempt.age > KEY_SECONDS


def _next_note(attempt: Attempt) -> str:
    """The number of the next key: under this one the answer stays what it is."""
    return str(int(attempt.note or 0) + 1)


def _key(attempt: Attempt) -> str:
    return attempt.id if attempt.note is None else f"{attempt.id}:{attempt.note}"


def _checkout_parameters(attempt: Attempt) -> dict[str, Any]:
    asked = CreateCheckout.model_validate_json(attempt.request)
    metadata = {"organisation_id": attempt.organisation, "booking_id": asked.booking_id, "checkout_id": attempt.id}
    price = {
        "currency": asked.currency.lower(),
        "unit_amount": asked.amount,
        "product_data": {"name": asked.description},
    }
    parameters = {
        "mode": "payment",
        "line_items": [{"quantity": 1, "price_data": price}],
        "success_url": asked.success_url,
        "cancel_url": asked.cancel_url,
        "client_reference_id": asked.booking_id,
        "expires_at": int(asked.expires_at.timestamp()),
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata},
    }
    return parameters | ({"customer_email": asked.email} if asked.email else {})


async def _pages(page: Any) -> AsyncIterator[list[Object]]:
    while True:
        yield [each.to_dict() for each in page.data]
        if not page.has_more:
            return
        page = await page.next_page_async()


def _metadata(of: Any) -> dict[str, str]:
    return of.metadata.to_dict() if of.metadata else {}


def _done(attempt: Attempt, *, session: Any = None, refund: Any = None, about: str = "", message: str = "") -> Done:
    if attempt.kind in ("close", "late") and not about:
        about = Checkout.model_validate_json(attempt.request).id
    outcome = RecordCallOutcome(
        booking_id=attempt.key,
        call_id=attempt.id,
        kind=cast("CallKind", attempt.kind),
        about=about or attempt.id,
        session=session_words(session.to_dict()) if session else None,
        refund=refund_words(refund.to_dict()) if refund else None,
        message=words(message),
    )
    return Done(outcome)


def _why(error: stripe.StripeError) -> str:
    return f"{type(error).__name__} {error.http_status}: {error.user_message}"[:500]


def _retry_after(error: stripe.StripeError) -> float:
    value = str(cast("Any", error.headers or {}).get("retry-after", ""))
    return min(float(value), 600.0) if value.isdigit() else 0.0
