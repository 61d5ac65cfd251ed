"""The part of the samples that is about webhooks."""

from contracts import notifier
from contracts.examples import LATER, NOON_BEFORE
from contracts.sample_writing import Record, answer, asked, output
from contracts.webhook_examples import DELIVERY_ID, EVENT_ID, HARBOUR_HOOK, SEALED_SECRET


def records() -> list[Record]:
    """A shop subscribes, tries its receiver out, asks for more, loses its receiver, and leaves."""
    about = {"subscription_id": HARBOUR_HOOK.id}
    new = notifier.CreateSubscription(
        **about, url=HARBOUR_HOOK.url, events=HARBOUR_HOOK.events, secret=SEALED_SECRET, description="The shop"
    )
    gone = HARBOUR_HOOK.model_copy(
        update={"enabled": False, "disabled_reason": "gone", "version": 2, "updated_at": LATER}
    )
    made = notifier.DeliveryAnswer(**about, delivery_id=DELIVERY_ID, event_id=EVENT_ID, event_type="ping")
    span = {"from": NOON_BEFORE, "to": LATER}
    disable = notifier.DisableSubscription(**about, reason="gone", version=1)
    return [
        create := asked("hook", new),
        answer(create, "notifier", notifier.SubscriptionAnswer(subscription=HARBOUR_HOOK, secret=SEALED_SECRET)),
        asked("hook-all", notifier.ChangeSubscription(**about, events=("*",)), at=LATER),
        asked("hook-rotate", notifier.RotateSecret(**about, secret=SEALED_SECRET), at=LATER),
        ping := asked("hook-ping", notifier.PingSubscription(**about), at=LATER),
        answer(ping, "notifier", made),
        asked("hook-retry", notifier.RetryDelivery(delivery_id=DELIVERY_ID), at=LATER),
        replay := asked("hook-replay", notifier.ReplayEvents(**about, **span), at=LATER),
        answer(replay, "notifier", notifier.ReplayAnswer(**about, **span)),
        failed := output(ping, "notifier", "gone", disable),
        output(failed, "notifier", 0, notifier.SubscriptionDisabled(subscription=gone)),
        delete := asked("hook-ends", notifier.DeleteSubscription(**about), at=LATER),
        answer(delete, "notifier", notifier.SubscriptionDeletedAnswer(**about)),
    ]
