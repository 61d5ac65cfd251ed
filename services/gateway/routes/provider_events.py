"""The provider's events over HTTP, as Stripe's webhooks send them. No token: the signature says who speaks.

An event is answered 2xx when it is a record in Kafka, or needs to be none; whatever else is answered, the provider sends
it again. Its id is that of the provider's event, so an event that comes twice counts once.
"""

import logging
import time
import uuid

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.tracing import about
from contracts import provider_events
from contracts.outcomes import NotAccepted
from services.gateway import bodies, measures, provider_documentation, signatures
from services.gateway.calls import trace_of
from services.gateway.errors import Problem
from services.gateway.replies import Replies
from services.gateway.route import Readable
from services.gateway.settings import Settings

log = logging.getLogger(__name__)

SIGNATURE = b"stripe-signature"


class _Endpoint:
    """POST /v1/payments/webhooks/stripe."""

    def __init__(self, settings: Settings, replies: Replies) -> None:
        self._settings, self._replies = settings, replies
        self._secrets = [secret.get_secret_value() for secret in settings.stripe_webhook_secrets]

    async def answer(self, request: Request) -> Response:
        correlation = str(uuid.uuid4())
        try:
            outcome, correlation = await self._heard(request, correlation)
            measures.EVENTS.labels(outcome).inc()
            response = Response(orjson.dumps({"outcome": outcome}), media_type="application/json")
        except Problem as problem:
            response = problem.answer(correlation)
        response.headers["X-Correlation-Id"] = correlation
        return response

    async def _heard(self, request: Request, correlation: str) -> tuple[str, str]:
        """What became of the event, and under which id."""
        raw, trace = await bodies.read(request, self._settings.stripe_event_bytes), _trace(request)
        event = self._believed(request, raw, correlation)
        try:
            heard = provider_events.heard(event)
        except provider_events.NotUnderstood as error:
            said, told = (
                "event %s of the provider is about something of ours and not understood: %s",
                about(correlation, trace),
            )
            log.error(said, event["id"], error, extra=told)
            return "ignored", correlation
        if heard is None:
            return "ignored", correlation
        try:
            await self._replies.tell(heard.record, heard.id, heard.organisation, trace)
        except NotAccepted:
            told = about(heard.id, trace)
            log.warning("event %s of the provider is not taken: Kafka is away", event["id"], extra=told)
            measures.EVENTS.labels("not_taken").inc()
            raise Problem("SERVICE_UNAVAILABLE", "Events cannot be taken at the moment.") from None
        log.info(
            "recorded event %s of the provider", event["id"], extra={**about(heard.id, trace), "kind": event["type"]}
        )
        return "recorded", heard.id

    def _believed(self, request: Request, raw: bytes, correlation: str) -> provider_events.Object:
        """The event, if it is the provider's and of our mode. Raises Problem, in the same words whatever is wrong."""
        given = [value for name, value in request.scope["headers"] if name == SIGNATURE]
        try:
            signatures.check(raw, given, self._secrets, time.time(), self._settings.stripe_tolerance)
            event = orjson.loads(raw)
            if not isinstance(event, dict) or not all(isinstance(event.get(each), str) for each in ("id", "type")):
                raise signatures.NotSigned("signed, but no event")
            if event.get("livemode") is not self._settings.stripe_live:
                # Somebody has mixed up keys or endpoints: at the provider it shows as failing, and nothing is lost.
                raise signatures.NotSigned(f"signed, but livemode {event.get('livemode')}")
        except (signatures.NotSigned, orjson.JSONDecodeError) as error:
            log.warning("refused what calls itself an event of the provider: %s", error, extra=about(correlation))
            measures.EVENTS.labels("refused").inc()
            raise Problem("VALIDATION_FAILED", "This is no event of our payment provider.", status=400) from None
        return event


def _trace(request: Request) -> bytes | None:
    return trace_of(dict(request.scope["headers"]).get(b"traceparent"))


def router(settings: Settings, replies: Replies) -> APIRouter:
    """The endpoint that is told to the provider."""
    endpoint = _Endpoint(settings, replies)
    made = APIRouter(tags=["payments"], route_class=Readable)

    @made.post(
        "/v1/payments/webhooks/stripe",
        response_model=None,
        operation_id="record_provider_event",
        responses=provider_documentation.ANSWERS,
        openapi_extra=provider_documentation.BODY,
    )
    async def record_provider_event(request: Request) -> Response:
        """An event of the payment provider: for Stripe to call, and for nobody else. Signed over the very bytes of the body."""
        return await endpoint.answer(request)

    return made
