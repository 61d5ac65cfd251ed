"""Who is told of what: decisions about subscriptions, matching, and when an attempt is made again."""

from datetime import UTC, datetime, timedelta

import pytest

from contracts.answers import Refused
from contracts.notifier import (
    ChangeSubscription,
    CreateSubscription,
    DeleteSubscription,
    DisableSubscription,
    RotateSecret,
    Subscription,
    SubscriptionAnswer,
    SubscriptionDeletedAnswer,
)
from services.notifier import domain
from services.notifier.domain import Decision, Rules, Schedule
from services.notifier.state import Former, State

NOW = datetime(2027, 1, 10, 12, tzinfo=UTC)
ID = "5ea00000-0000-4000-8000-000000000071"
RULES = Rules(lambda url: None if url.startswith("https://") else "must begin with https://", most=2)
CREATE = CreateSubscription(
    subscription_id=ID, url="https://shop.example/hook", events=("booking.*",), secret="sealed-1"
)


def made() -> State:
    state = domain.decide(None, CREATE, NOW, RULES).state
    assert state is not None
    return state


def refused(decision: Decision) -> tuple[str, list[str]]:
    assert decision.state is None
    assert isinstance(decision.answer, Refused)
    return decision.answer.code, [detail.field for detail in decision.answer.details]


def test_create_subscription_answers_with_it_and_its_sealed_secret() -> None:
    decision = domain.decide(None, CREATE, NOW, RULES)
    subscription = Subscription(id=ID, url=CREATE.url, events=CREATE.events, version=1, created_at=NOW, updated_at=NOW)
    assert decision == Decision(
        State(subscription=subscription, secret="sealed-1"),
        SubscriptionAnswer(subscription=subscription, secret="sealed-1"),
    )


def test_create_subscription_is_refused_naming_everything_that_is_wrong() -> None:
    bad = CREATE.model_copy(update={"url": "ftp://x", "events": ("booking.*", "booking.craeted")})
    decision = domain.decide(None, bad, NOW, RULES, bad_secret="must be random")
    assert refused(decision) == ("VALIDATION_FAILED", ["url", "events.1", "secret"])


def test_create_subscription_is_refused_when_there_are_as_many_as_may_be() -> None:
    assert refused(domain.decide(None, CREATE, NOW, RULES, held=2)) == ("CONFLICT", [])


def test_change_subscription_changes_what_is_given() -> None:
    decision = domain.decide(made(), ChangeSubscription(subscription_id=ID, events=("*",)), NOW, RULES)
    assert decision.state is not None
    assert (decision.state.subscription.events, decision.state.subscription.version) == (("*",), 2)
    assert (decision.state.subscription.url, decision.state.secret) == (CREATE.url, "sealed-1")
    assert isinstance(decision.answer, SubscriptionAnswer)
    assert decision.answer.secret is None


def test_an_empty_description_is_none() -> None:
    described = domain.decide(None, CREATE.model_copy(update={"description": "a shop"}), NOW, RULES).state
    assert described is not None
    assert described.subscription.description == "a shop"
    cleared = domain.decide(described, ChangeSubscription(subscription_id=ID, description=""), NOW, RULES).state
    assert cleared is not None
    assert cleared.subscription.description is None
    nothing = domain.decide(made(), ChangeSubscription(subscription_id=ID, description=""), NOW, RULES)
    assert nothing.state is None


def test_change_subscription_that_changes_nothing_makes_no_version() -> None:
    decision = domain.decide(made(), ChangeSubscription(subscription_id=ID, enabled=True), NOW, RULES)
    assert decision == Decision(None, SubscriptionAnswer(subscription=made().subscription))


def test_change_subscription_is_refused_for_a_forbidden_url_and_for_another_version() -> None:
    change = ChangeSubscription(subscription_id=ID, url="http://10.0.0.1/")
    assert refused(domain.decide(made(), change, NOW, RULES)) == ("VALIDATION_FAILED", ["url"])
    changed = domain.decide(made(), ChangeSubscription(subscription_id=ID, enabled=False), NOW, RULES).state
    for version in (1, 3):
        stale = ChangeSubscription(subscription_id=ID, enabled=True, if_version=version)
        assert refused(domain.decide(changed, stale, NOW, RULES)) == ("PRECONDITION_FAILED", ["If-Match"])


def test_disabled_subscription_says_why_and_forgets_it_when_it_is_enabled() -> None:
    gone = domain.decide(made(), DisableSubscription(subscription_id=ID, reason="gone", version=1), NOW, RULES)
    assert gone.state is not None
    assert gone.told is not None
    assert gone.answer is None
    assert (gone.told.subscription.enabled, gone.told.subscription.disabled_reason) == (False, "gone")
    off = domain.decide(gone.state, ChangeSubscription(subscription_id=ID, enabled=False), NOW, RULES)
    assert off == Decision(None, SubscriptionAnswer(subscription=gone.state.subscription))  # why it is off stays
    again = domain.decide(gone.state, ChangeSubscription(subscription_id=ID, enabled=True), NOW, RULES)
    assert again.state is not None
    assert (again.state.subscription.enabled, again.state.subscription.disabled_reason) == (True, None)


def test_disable_subscription_does_nothing_when_its_owner_has_changed_it_since() -> None:
    changed = domain.decide(
        made(), ChangeSubscription(subscription_id=ID, url="https://new.example/"), NOW, RULES
    ).state
    late = DisableSubscription(subscription_id=ID, reason="failing", version=1)
    assert domain.decide(changed, late, NOW, RULES) == Decision(None, None)
    assert domain.decide(None, late, NOW, RULES) == Decision(None, None)


def test_rotate_secret_keeps_the_former_one_for_a_day() -> None:
    decision = domain.decide(made(), RotateSecret(subscription_id=ID, secret="sealed-2"), NOW, RULES)
    until = NOW + timedelta(hours=24)
    assert decision.state is not None
    assert decision.state.secret == "sealed-2"
    assert decision.state.former == (Former(secret="sealed-1", until=until),)
    assert decision.state.subscription.previous_secret_until == until
    assert isinstance(decision.answer, SubscriptionAnswer)
    assert decision.answer.secret == "sealed-2"
    later = domain.decide(
        decision.state, RotateSecret(subscription_id=ID, secret="sealed-3"), until, RULES
    )  # the first one has ended
    assert later.state is not None
    assert [each.secret for each in later.state.former] == ["sealed-2"]


def test_rotate_secret_is_refused_the_fifth_time_in_a_day() -> None:
    state = made()
    for number in range(4):
        rotated = domain.decide(state, RotateSecret(subscription_id=ID, secret=f"new-{number}"), NOW, RULES).state
        assert rotated is not None
        state = rotated
    assert refused(domain.decide(state, RotateSecret(subscription_id=ID, secret="more"), NOW, RULES))[0] == "CONFLICT"


def test_a_secret_that_still_counts_is_no_new_one() -> None:
    """An Idempotency-Key that is used again when nobody remembers it makes the secret that it made before."""
    once = domain.decide(made(), RotateSecret(subscription_id=ID, secret="sealed-2"), NOW, RULES).state
    for secret in ("sealed-2", "sealed-1"):
        assert (
            refused(domain.decide(once, RotateSecret(subscription_id=ID, secret=secret), NOW, RULES))[0] == "CONFLICT"
        )


def test_create_subscription_changes_none_that_is_there() -> None:
    """Its id follows from an Idempotency-Key: one that is used again later leaves what came of it as it is, deleted or not."""
    rotated = domain.decide(made(), RotateSecret(subscription_id=ID, secret="sealed-2"), NOW, RULES).state
    deleted = domain.decide(made(), DeleteSubscription(subscription_id=ID), NOW, RULES).state
    for there in (rotated, deleted):
        assert refused(domain.decide(there, CREATE, NOW, RULES)) == ("CONFLICT", [])


def test_delete_subscription_forgets_the_secret_and_is_final() -> None:
    rotated = domain.decide(made(), RotateSecret(subscription_id=ID, secret="sealed-2"), NOW, RULES).state
    decision = domain.decide(rotated, DeleteSubscription(subscription_id=ID), NOW, RULES)
    assert decision.answer == SubscriptionDeletedAnswer(subscription_id=ID)
    assert decision.state is not None
    assert (decision.state.deleted, decision.state.subscription.enabled) == (True, False)
    assert decision.state.subscription.previous_secret_until is None
    assert "sealed-" not in decision.state.model_dump_json()
    for command in (
        ChangeSubscription(subscription_id=ID, enabled=True),
        RotateSecret(subscription_id=ID, secret="x"),
        DeleteSubscription(subscription_id=ID),
    ):
        assert refused(domain.decide(decision.state, command, NOW, RULES)) == ("NOT_FOUND", [])
        assert refused(domain.decide(None, command, NOW, RULES)) == ("NOT_FOUND", [])


@pytest.mark.parametrize(
    ("patterns", "kind", "told"),
    [
        (("*",), "booking.created", True),
        (("booking.*",), "booking.paid", True),
        (("booking.*",), "payment.failed", False),
        (("payment.*",), "payment.failed", True),
        (("booking.created", "payment.failed"), "payment.failed", True),
        (("booking.created",), "booking.created_twice", False),
        (("booking.*",), "bookings.created", False),
    ],
)
def test_pattern_matches_its_events_only(patterns: tuple[str, ...], kind: str, told: bool) -> None:
    assert domain.matches(patterns, kind) is told


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("holdfast.BookingCreated.v1", "booking.created"),
        ("holdfast.BookingUpdated.v1", "booking.updated"),
        ("holdfast.BookingPaid.v1", "booking.paid"),
        ("holdfast.BookingDeleted.v1", "booking.deleted"),
        ("holdfast.BookingPaymentFailed.v1", "payment.failed"),
        ("holdfast.BookingNoShow.v2", "booking.no_show"),
    ],
)
def test_event_has_the_type_that_subscribers_know(message: str, kind: str) -> None:
    assert domain.event_type(message) == kind


def test_schedule_adds_chance_honours_the_receiver_within_bounds_and_ends() -> None:
    schedule = Schedule((5.0, 300.0), jitter=0.2, most_asked=3600.0)
    assert schedule.wait(1, 0.0) == 5.0
    assert schedule.wait(1, 1.0) == 6.0
    assert schedule.wait(2, 0.5) == 330.0
    assert schedule.wait(2, 0.0, asked=1.0) == 300.0
    assert schedule.wait(1, 0.0, asked=60.0) == 60.0
    assert schedule.wait(1, 0.0, asked=1e9) == 3600.0
    assert schedule.wait(3, 0.0, asked=60.0) is None


@pytest.mark.parametrize(
    ("status", "good"), [(200, True), (204, True), (299, True), (199, False), (301, False), (None, False)]
)
def test_any_2xx_is_success(status: int | None, good: bool) -> None:
    assert domain.succeeded(status) is good
