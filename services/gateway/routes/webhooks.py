"""Webhooks: who is told of what, and what became of it."""

import base64
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from chassis.sealing import Seal
from contracts import notifier
from contracts.envelope import derived_id
from contracts.model import Message
from services.gateway import conditions, documentation, queries
from services.gateway import webhook_examples as examples
from services.gateway import webhook_shapes as shapes
from services.gateway.calls import Answer, Command, Reading, shown
from services.gateway.errors import Problem, malformed
from services.gateway.route import Route

router = APIRouter(prefix="/v1/webhooks/subscriptions", tags=["webhooks"], route_class=Route)
ONE, DELIVERY = "/{id:uuid}", "/deliveries/{id:uuid}"
BOOKINGS = "booking:read"


@router.post(
    "",
    status_code=201,
    response_model=shapes.SubscriptionWithSecret,
    responses=documentation.command(201, examples.WITH_SECRET, "CONFLICT", "VALIDATION_FAILED"),
)
async def create_subscription(call: Command, body: shapes.NewSubscription) -> Response:
    """Tell this URL of these events from now on. A secret that is made for it is in this answer only, and in its repeats.

    What is delivered shows bookings: the token needs `booking:read` too.
    """
    call.identity.require(BOOKINGS)
    new = derived_id(call.id, "subscription")
    location = f"/v1/webhooks/subscriptions/{new}"
    command = notifier.CreateSubscription(
        subscription_id=new,
        url=body.url,
        events=body.events,
        secret=_sealed(call, new, body.secret),
        description=body.description,
    )
    answer = await _answered(call, command, notifier.SubscriptionAnswer, new, location)
    if isinstance(answer, Response):
        return answer
    return _with_secret(call, answer, 201, {"Location": location}, hidden=body.secret is not None)


@router.get(
    "",
    response_model=documentation.Listed[notifier.Subscription],
    responses=documentation.read(documentation.listed(examples.SUBSCRIPTION)),
)
async def list_subscriptions(call: Reading, query: Annotated[queries.Page, Query()]) -> Response:
    """The subscriptions, newest first, a page at a time."""
    body = await call.passed_on("notifier", "/subscriptions", query.parameters())
    return Response(body, media_type="application/json")


@router.get(
    ONE,
    response_model=notifier.Subscription,
    responses={**documentation.read(examples.SUBSCRIPTION, "NOT_FOUND"), 304: {}},
)
async def get_subscription(call: Reading, id: UUID) -> Response:  # noqa: A002 - the name of the path's parameter
    """The subscription as it is now, without its secret."""
    body = await call.passed_on("notifier", f"/subscriptions/{id}")
    tagged = conditions.tag(orjson.loads(body)["version"])
    if conditions.is_known(call.given, tagged):
        return Response(status_code=304, headers=tagged)
    return Response(body, headers=tagged, media_type="application/json")


@router.patch(
    ONE,
    response_model=notifier.Subscription,
    responses=documentation.command(
        200, examples.SUBSCRIPTION, "NOT_FOUND", "PRECONDITION_FAILED", "VALIDATION_FAILED"
    ),
)
async def change_subscription(call: Command, id: UUID, body: shapes.SubscriptionChange) -> Response:  # noqa: A002
    """Change what is given; `enabled` switches it off, or on again. For another `url` the token needs `booking:read` too."""
    if body.url is not None:
        call.identity.require(BOOKINGS)
    command = notifier.ChangeSubscription(
        subscription_id=str(id),
        url=body.url,
        events=body.events,
        description=body.description,
        enabled=body.enabled,
        if_version=call.if_match,
    )
    answer = await _answered(call, command, notifier.SubscriptionAnswer, str(id))
    if isinstance(answer, Response):
        return answer
    return shown(answer.subscription, 200, conditions.tag(answer.subscription.version))


@router.delete(ONE, status_code=204, responses=documentation.command(204, None, "NOT_FOUND", "PRECONDITION_FAILED"))
async def delete_subscription(call: Command, id: UUID) -> Response:  # noqa: A002
    """Tell it nothing any more, and forget its secret and its deliveries."""
    command = notifier.DeleteSubscription(subscription_id=str(id), if_version=call.if_match)
    answer = await _answered(call, command, notifier.SubscriptionDeletedAnswer, str(id))
    return answer if isinstance(answer, Response) else Response(status_code=204)


@router.post(
    f"{ONE}/rotate-secret",
    response_model=shapes.SubscriptionWithSecret,
    responses=documentation.command(200, examples.WITH_SECRET, "NOT_FOUND", "CONFLICT", "PRECONDITION_FAILED"),
)
async def rotate_secret(call: Command, id: UUID) -> Response:  # noqa: A002
    """A new secret, shown in this answer only. For 24 hours each delivery carries a signature of the former one too."""
    secret = _sealed(call, str(id), None)
    command = notifier.RotateSecret(subscription_id=str(id), secret=secret, if_version=call.if_match)
    answer = await _answered(call, command, notifier.SubscriptionAnswer, str(id))
    return answer if isinstance(answer, Response) else _with_secret(call, answer, 200, {})


@router.post(
    f"{ONE}/ping",
    status_code=201,
    response_model=shapes.Made,
    responses=documentation.command(201, examples.MADE, "NOT_FOUND", "CONFLICT"),
)
async def ping_subscription(call: Command, id: UUID) -> Response:  # noqa: A002
    """Deliver an event of the type `ping` now, to see whether it arrives; `Location` says what becomes of it."""
    command = notifier.PingSubscription(subscription_id=str(id))
    answer = await _answered(call, command, notifier.DeliveryAnswer, str(id))
    if isinstance(answer, Response):
        return answer
    location = f"/v1/webhooks/subscriptions/deliveries/{answer.delivery_id}"
    return shown(shapes.made(answer), 201, {"Location": location})


@router.post(
    f"{ONE}/replay",
    response_model=shapes.Replaying,
    responses=documentation.command(200, examples.REPLAYING, "NOT_FOUND", "CONFLICT", "VALIDATION_FAILED"),
)
async def replay_events(call: Command, id: UUID, body: shapes.Period) -> Response:  # noqa: A002
    """Deliver again what happened in a period, also what never was for this subscription: under the same ids as the first time."""
    command = notifier.ReplayEvents(subscription_id=str(id), from_=body.from_, to=body.to)
    answer = await _answered(call, command, notifier.ReplayAnswer, str(id))
    return answer if isinstance(answer, Response) else shown(answer)


@router.get(
    f"{ONE}/deliveries",
    response_model=documentation.Listed[shapes.Delivery],
    responses=documentation.read(documentation.listed(examples.DELIVERY), "NOT_FOUND"),
)
async def list_deliveries(call: Reading, id: UUID, query: Annotated[shapes.Deliveries, Query()]) -> Response:  # noqa: A002
    """What was or is to be delivered to this subscription, newest first, a page at a time."""
    body = await call.passed_on("notifier", f"/subscriptions/{id}/deliveries", query.parameters())
    return Response(body, media_type="application/json")


@router.get(
    DELIVERY,
    response_model=shapes.WholeDelivery,
    responses=documentation.read(examples.WHOLE_DELIVERY, "NOT_FOUND"),
)
async def get_delivery(call: Reading, id: UUID) -> Response:  # noqa: A002
    """A delivery with its request, the last response, and every attempt. The request shows a booking: `booking:read` is needed too."""
    call.identity.require(BOOKINGS)
    return Response(await call.passed_on("notifier", f"/deliveries/{id}"), media_type="application/json")


@router.post(
    f"{DELIVERY}/retry",
    response_model=shapes.Made,
    responses=documentation.command(200, examples.AGAIN, "NOT_FOUND", "CONFLICT"),
)
async def retry_delivery(call: Command, id: UUID) -> Response:  # noqa: A002
    """Deliver this again now, whatever became of it before; the retry schedule begins again."""
    answer = await _answered(call, notifier.RetryDelivery(delivery_id=str(id)), notifier.DeliveryAnswer, str(id))
    return answer if isinstance(answer, Response) else shown(shapes.made(answer))


# ---- secrets are sealed before they leave this process


def _seal(call: Command) -> Seal:
    seal: Seal = call.app.state.seal
    return seal


def _purpose(call: Command, subscription: str) -> str:
    """The notifier's words for the same (`services.notifier.handlers.purpose`): nobody can put the secret into another row."""
    return f"webhook secret of {call.identity.organisation}/{subscription}"


def _sealed(call: Command, subscription: str, own: str | None) -> str:
    """The client's secret, or one that follows from the command's id: a repeat of the request has the same one."""
    seal = _seal(call)
    secret = own or f"whsec_{base64.b64encode(seal.derived(call.id)).decode()}"
    return seal.seal(secret.encode(), _purpose(call, subscription))


def _with_secret(
    call: Command, answer: notifier.SubscriptionAnswer, status: int, headers: dict[str, str], *, hidden: bool = False
) -> Response:
    subscription = answer.subscription
    secret = None
    if answer.secret and not hidden:
        secret = _seal(call).opened(answer.secret, _purpose(call, subscription.id)).decode()
    told = shapes.SubscriptionWithSecret.model_construct(**dict(subscription), secret=secret)
    return shown(told, status, {**headers, **conditions.tag(subscription.version)})


async def _answered(
    call: Command, command: Message, expects: type[Answer], about: str, location: str | None = None
) -> Answer | Response:
    try:
        return await call.answered(command, expects, {"id": about}, location)
    except Problem as problem:
        # What a URL or a secret must look like is documented: whatever does not is malformed (400).
        if problem.code == "VALIDATION_FAILED" and {each["field"] for each in problem.details} <= {"url", "secret"}:
            details = [(each["field"], each["issue"]) for each in problem.details]
            raise malformed("The body does not have the documented shape.", *details) from None
        raise
