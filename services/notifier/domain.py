"""What the notifier decides about subscriptions. Pure: a state and a command make a state and an answer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from contracts.answers import Code, Detail, Refused
from contracts.model import Message
from contracts.notifier import (
    ChangeSubscription,
    CreateSubscription,
    DeleteSubscription,
    DisableSubscription,
    RotateSecret,
    Subscription,
    SubscriptionAnswer,
    SubscriptionDeletedAnswer,
    SubscriptionDisabled,
)
from services.notifier.state import EVENT_TYPES, FAMILIES, KEPT_SECRET, MOST_FORMER, Former, State

Command = CreateSubscription | ChangeSubscription | DeleteSubscription | RotateSecret | DisableSubscription


@dataclass(frozen=True)
class Rules:
    """What the settings say: why a URL may not be called (None: it may), and how many subscriptions an organisation has."""

    url: Callable[[str], str | None]
    most: int


@dataclass(frozen=True)
class Decision:
    """`state` is None when nothing changes. `told` goes to whoever watches over the platform."""

    state: State | None
    answer: Message | None
    told: SubscriptionDisabled | None = None


def decide(
    state: State | None, command: Command, now: datetime, rules: Rules, held: int = 0, bad_secret: str | None = None
) -> Decision:
    """What follows. `held` is how many subscriptions the organisation has, `bad_secret` why a secret that came is none."""
    if isinstance(command, CreateSubscription):
        if state is not None:  # the key of its request is used again, so much later that its first answer is forgotten
            return _refused(
                "CONFLICT", "This subscription was made long ago. Another one needs another Idempotency-Key."
            )
        return _create(command, now, rules, held, bad_secret)
    if isinstance(command, DisableSubscription):
        return _disable(state, command, now)
    if state is None or state.deleted:
        return _refused("NOT_FOUND", "There is nothing with this id.")
    there = state.subscription.version
    if command.if_version not in (None, there):
        stale = Detail(field="If-Match", issue=f"the version is {there}")
        return _refused("PRECONDITION_FAILED", f"This has version {there} by now. Read it again.", stale)
    if isinstance(command, ChangeSubscription):
        return _change(state, command, now, rules)
    if isinstance(command, RotateSecret):
        return _rotate(state, command, now)
    gone = state.model_copy(update={"deleted": True, "secret": "x", "former": ()})
    subscription = _next(state.subscription, now, enabled=False, previous_secret_until=None)
    return Decision(
        gone.model_copy(update={"subscription": subscription}),
        SubscriptionDeletedAnswer(subscription_id=subscription.id),
    )


def _create(command: CreateSubscription, now: datetime, rules: Rules, held: int, bad_secret: str | None) -> Decision:
    wrong = [*_url(command.url, rules), *_events(command.events)]
    if bad_secret:
        wrong.append(Detail(field="secret", issue=bad_secret))
    if wrong:
        return _refused("VALIDATION_FAILED", "The subscription breaks a rule.", *wrong)
    if held >= rules.most:
        return _refused("CONFLICT", f"There are {rules.most} subscriptions already. Delete one that nobody needs.")
    subscription = Subscription(
        id=command.subscription_id,
        url=command.url,
        events=command.events,
        description=command.description or None,
        version=1,
        created_at=now,
        updated_at=now,
    )
    return _done(State(subscription=subscription, secret=command.secret), with_secret=True)


def _change(state: State, command: ChangeSubscription, now: datetime, rules: Rules) -> Decision:
    wrong = [*_url(command.url, rules), *_events(command.events or ())]
    if wrong:
        return _refused("VALIDATION_FAILED", "The subscription breaks a rule.", *wrong)
    given: dict[str, object] = command.model_dump(
        include={"url", "events", "description", "enabled"}, exclude_none=True, by_alias=False
    )
    if command.description == "":
        given["description"] = None
    if command.enabled is not None:
        given["disabled_reason"] = None if command.enabled else (state.subscription.disabled_reason or "client")
    changed = state.subscription.model_copy(update=given)
    if changed == state.subscription:
        return Decision(None, SubscriptionAnswer(subscription=state.subscription))
    return _done(state.model_copy(update={"subscription": _next(changed, now)}))


def _rotate(state: State, command: RotateSecret, now: datetime) -> Decision:
    alive = tuple(each for each in state.former if each.until > now)
    if len(alive) >= MOST_FORMER:
        return _refused("CONFLICT", f"The secret was rotated {MOST_FORMER} times within 24 hours. Come again later.")
    if command.secret in (state.secret, *(each.secret for each in alive)):
        return _refused("CONFLICT", "This secret counts already. Another one needs another Idempotency-Key.")
    until = now + KEPT_SECRET
    subscription = _next(state.subscription, now, previous_secret_until=until)
    former = (Former(secret=state.secret, until=until), *alive)
    return _done(State(subscription=subscription, secret=command.secret, former=former), with_secret=True)


def _disable(state: State | None, command: DisableSubscription, now: datetime) -> Decision:
    if state is None or state.deleted or not state.subscription.enabled:
        return Decision(None, None)
    if state.subscription.version != command.version:  # its owner has mended something since
        return Decision(None, None)
    subscription = _next(state.subscription, now, enabled=False, disabled_reason=command.reason)
    return Decision(
        state.model_copy(update={"subscription": subscription}), None, SubscriptionDisabled(subscription=subscription)
    )


def _next(subscription: Subscription, now: datetime, **changes: object) -> Subscription:
    return subscription.model_copy(update={"version": subscription.version + 1, "updated_at": now, **changes})


def _done(state: State, *, with_secret: bool = False) -> Decision:
    return Decision(
        state, SubscriptionAnswer(subscription=state.subscription, secret=state.secret if with_secret else None)
    )


def _refused(code: Code, message: str, *details: Detail) -> Decision:
    return Decision(None, Refused(code=code, message=message, details=details))


def _url(url: str | None, rules: Rules) -> list[Detail]:
    why = rules.url(url) if url is not None else None
    return [Detail(field="url", issue=why)] if why else []


def _events(patterns: tuple[str, ...]) -> list[Detail]:
    """A pattern that can never match is a mistake that its owner would notice too late."""
    known = {"*", *EVENT_TYPES, *(f"{family}.*" for family in FAMILIES)}
    allowed = ", ".join(sorted(known))
    return [
        Detail(field=f"events.{place}", issue=f"is none of {allowed}")
        for place, pattern in enumerate(patterns)
        if pattern not in known
    ]


def matches(patterns: tuple[str, ...], event_type: str) -> bool:
    """Whether a subscription to these patterns is told of this event. A family that grows is meant as a whole."""
    return any(
        pattern in ("*", event_type) or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
        for pattern in patterns
    )


# ---- what becomes of an attempt


@dataclass(frozen=True)
class Schedule:
    """`delays[n]` seconds after the attempt n+1 the next one is made, up to `jitter` of it more. `Retry-After` may lengthen a
    delay up to `most_asked`. When there is no delay left the delivery is given up."""

    delays: tuple[float, ...]
    jitter: float = 0.2
    most_asked: float = 86_400.0

    def wait(self, number: int, chance: float, asked: float | None = None) -> float | None:
        """Seconds from attempt `number`, counted from 1, to the next; None: there is no next. `chance` is from 0 to 1."""
        if number > len(self.delays):
            return None
        delay = self.delays[number - 1] * (1 + self.jitter * chance)
        return max(delay, min(asked or 0.0, self.most_asked))


GONE = 410


def succeeded(status: int | None) -> bool:
    """Any 2xx."""
    return status is not None and 200 <= status < 300


def event_type(message_type: str) -> str:
    """The type that subscribers know of a message of booking's: `holdfast.BookingCreated.v1` is `booking.created`."""
    name = message_type.split(".")[1].removeprefix("Booking")
    if name.startswith("Payment"):
        return f"payment.{_words(name.removeprefix('Payment'))}"
    return f"booking.{_words(name)}"


def _words(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
