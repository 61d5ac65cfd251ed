"""Webhooks: who wants to be told of what, and what becomes of it. Owner: notifier.

A secret never travels in clear: whoever takes it from a client seals it before (`Sealed`), and only the notifier, which signs
with it, and the gateway, which shows it once, can open it.
"""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from contracts.model import NO_CONTROLS, Flag, Id, Instant, Message, Value, Version

MOST_PATTERNS = 20

# What is wrong with a URL the notifier says, in words; here it only has to be a line of text.
HookUrl = Annotated[str, StringConstraints(pattern=NO_CONTROLS, min_length=1, max_length=2000)]
EventPattern = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z]{1,30}\.(\*|[a-z_]{1,40}))$")]
EventPatterns = Annotated[tuple[EventPattern, ...], Field(min_length=1, max_length=MOST_PATTERNS)]
Description = Annotated[str, StringConstraints(pattern=NO_CONTROLS, max_length=500)]
Sealed = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,500}$")]

DisabledReason = Literal["client", "gone", "failing"]
DeliveryStatus = Literal["waiting", "delivered", "exhausted"]


class Subscription(Value):
    """A subscription as GET shows it. `version` grows by one with each change.

    `disabled_reason`: switched off by its `client`; the receiver answered 410 (`gone`); nothing but failure for days (`failing`).
    `previous_secret_until`: after a rotation what is delivered until then is signed with the former secret too.
    """

    id: Id
    url: HookUrl
    events: EventPatterns
    description: Description | None = None
    enabled: Flag = True
    disabled_reason: DisabledReason | None = None
    previous_secret_until: Instant | None = None
    version: Version
    created_at: Instant
    updated_at: Instant


class CreateSubscription(Message):
    """Tell this URL of these events from now on."""

    subscription_id: Id
    url: HookUrl
    events: EventPatterns
    secret: Sealed
    description: Description | None = None


class ChangeSubscription(Message):
    """Change what is given, and nothing else. `enabled` switches it off, or on again: then what waited goes out.

    An empty `description` takes it away.
    """

    subscription_id: Id
    url: HookUrl | None = None
    events: EventPatterns | None = None
    description: Description | None = None
    enabled: Flag | None = None
    if_version: Version | None = None


class DeleteSubscription(Message):
    """Tell it nothing any more, and forget its secret."""

    subscription_id: Id
    if_version: Version | None = None


class RotateSecret(Message):
    """Sign with this secret from now on, and for a day with the former one too."""

    subscription_id: Id
    secret: Sealed
    if_version: Version | None = None


class PingSubscription(Message):
    """Deliver a `ping`, whatever events were asked for."""

    subscription_id: Id


class RetryDelivery(Message):
    """Deliver this again now, whether or not it was delivered before; the schedule begins again."""

    delivery_id: Id


class ReplayEvents(Message):
    """Deliver again what happened from `from` on and before `to`, also what was never delivered to this subscription."""

    subscription_id: Id
    from_: Instant = Field(alias="from")
    to: Instant


class DisableSubscription(Message):
    """Its receiver is gone, or has failed for days. Counts only while it still has this version."""

    subscription_id: Id
    reason: Literal["gone", "failing"]
    version: Version


class SubscriptionDisabled(Message):
    """A subscription was switched off because of its receiver: somebody should tell its owner."""

    subscription: Subscription


class SubscriptionAnswer(Message):
    """The subscription as the command left it; the secret, sealed, when the command brought one."""

    subscription: Subscription
    secret: Sealed | None = None


class SubscriptionDeletedAnswer(Message):
    """The subscription is gone."""

    subscription_id: Id


class DeliveryAnswer(Message):
    """The delivery that was made, or is to be made again."""

    delivery_id: Id
    subscription_id: Id
    event_id: Id
    event_type: EventPattern | Literal["ping"]


class ReplayAnswer(Message):
    """The replay has begun; its deliveries appear one after the other."""

    subscription_id: Id
    from_: Instant = Field(alias="from")
    to: Instant
