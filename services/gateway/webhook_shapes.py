"""What clients send and read of webhooks: bodies, queries, answers."""

from datetime import datetime
from typing import Annotated, ClassVar, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from contracts import booking, notifier
from contracts.model import Flag, Id, Instant, Value
from services.gateway import webhook_examples as examples
from services.gateway.queries import Page, Query, digits
from services.gateway.shapes import Body
from services.gateway.webhook_forms import Cursor, Secret, Url

_EVENTS = "`booking.created`, `booking.updated`, `booking.paid`, `booking.deleted`, `payment.failed`; `booking.*`, `payment.*` or `*`."
_URL = "https on port 443 at a public host, without user or fragment; in development also http on loopback."


class NewSubscription(Body):
    """Whom to tell of what. `url` is https, on port 443, on a public host. Without `secret` one is made, and shown in this answer only."""

    model_config = ConfigDict(json_schema_extra={"example": examples.NEW_SUBSCRIPTION})

    url: Url = Field(description=_URL)
    events: notifier.EventPatterns = Field(description=_EVENTS)
    secret: Secret | None = Field(default=None, description="`whsec_` and base64 of 24 to 64 random bytes.")
    description: notifier.Description | None = None


class SubscriptionChange(Body):
    """What is left out stays. `enabled: true` sends what waited; what happened meanwhile comes by `replay`."""

    model_config = ConfigDict(json_schema_extra={"example": examples.SWITCHED_OFF})

    url: Url | None = Field(default=None, description=_URL)
    events: notifier.EventPatterns | None = Field(default=None, description=_EVENTS)
    description: notifier.Description | None = Field(default=None, description="An empty text takes it away.")
    enabled: Flag | None = None


class Period(Body):
    """What happened from `from` on and before `to`."""

    model_config = ConfigDict(json_schema_extra={"example": examples.REPLAY})

    from_: Instant = Field(alias="from")
    to: Instant

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.to <= self.from_:
            raise ValueError("to is not later than from")
        return self


class SubscriptionWithSecret(notifier.Subscription):
    """The subscription; and its secret, if it was made for it: keep it, it is not shown again."""

    secret: str | None = None


class Attempt(Value):
    """One request: the status that was answered, or why there was none. What the answer said is not kept."""

    number: int
    at: datetime
    seconds: float
    status: int | None
    error: str | None


class Delivery(Value):
    """One event for one subscription. `id` is the `webhook-id` that the receiver sees, at every attempt."""

    id: Id
    subscription_id: Id
    event_id: Id
    event_type: str
    status: notifier.DeliveryStatus
    attempt_count: int
    last_status: int | None
    last_error: str | None
    created_at: datetime
    next_attempt_at: datetime | None
    ended_at: datetime | None


class SentRequest(Value):
    """What is sent; signature and timestamp are of each attempt."""

    method: str
    url: str
    headers: dict[str, str]
    body: str


class Answered(Value):
    """The last answer: its status, its `Content-Type`, how many bytes of its body were read. The body itself is not kept."""

    status: int
    content_type: str | None
    bytes: int


class WholeDelivery(Delivery):
    """The delivery with what was sent, what was answered last, and its attempts, the latest twenty."""

    request: SentRequest
    response: Answered | None
    attempts: list[Attempt]


class Made(Value):
    """A delivery that is to be made now."""

    id: Id
    subscription_id: Id
    event_id: Id
    event_type: str


class Replaying(Value):
    """What is delivered again, one after the other."""

    subscription_id: Id
    from_: datetime = Field(alias="from")
    to: datetime


class Previous(Value):
    status: booking.Status | None


class Event(Value):
    """What a subscriber gets. `sequence` counts the events of one booking from 1, of whatever types: who is told of all sees each number."""

    id: Id
    type: str
    created_at: datetime
    sequence: int
    data: booking.Booking
    previous: Previous


class Feed(Value):
    """Events, the oldest first; `cursor` is what to ask `after` next."""

    data: list[Event]
    cursor: str
    has_more: bool


class Deliveries(Page):
    """Newest first."""

    status: notifier.DeliveryStatus | None = Field(default=None, description="Only deliveries of this status.")


class Events(Query):
    """Events after a cursor, the oldest first."""

    lists: ClassVar[frozenset[str]] = frozenset({"type"})

    after: Cursor | None = Field(
        default=None, description="The `cursor` of the answer before; without it the oldest that are kept come first."
    )
    type: Annotated[tuple[notifier.EventPattern, ...], Field(max_length=20)] = Field(
        default=(),
        description="Only events of these types, or of a family: `booking.*`. Repeat it or join several with commas.",
    )
    limit: Annotated[int, Field(ge=1, le=1000, description="How many come at most."), BeforeValidator(digits)] = 100


def made(answer: notifier.DeliveryAnswer) -> Made:
    """As clients see it."""
    return Made(
        id=answer.delivery_id,
        subscription_id=answer.subscription_id,
        event_id=answer.event_id,
        event_type=answer.event_type,
    )
