"""The examples of the webhooks' documentation: a shop that wants to know of every change."""

from typing import Any

from contracts import webhook_examples as hooks
from services.gateway import examples

SUBSCRIPTION = hooks.HARBOUR_HOOK.model_dump(mode="json", by_alias=True)
SUBSCRIPTION_ID, DELIVERY_ID, EVENT_ID = hooks.HARBOUR_HOOK.id, hooks.DELIVERY_ID, hooks.EVENT_ID
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of the Standard Webhooks specification
WITH_SECRET = {**SUBSCRIPTION, "secret": SECRET}

NEW_SUBSCRIPTION: dict[str, Any] = {
    "url": SUBSCRIPTION["url"],
    "events": SUBSCRIPTION["events"],
    "description": SUBSCRIPTION["description"],
}
SWITCHED_OFF: dict[str, Any] = {"enabled": False}
REPLAY: dict[str, Any] = {"from": "2027-01-10T00:00:00Z", "to": "2027-01-11T00:00:00Z"}

EVENT = {
    "id": EVENT_ID,
    "type": "booking.created",
    "createdAt": "2027-01-10T12:00:00.000000Z",
    "sequence": 1,
    "data": examples.BOOKING,
    "previous": {"status": "PENDING"},
}
FEED = {"data": [EVENT], "cursor": "17", "hasMore": False}
DELIVERY = {
    "id": DELIVERY_ID,
    "subscriptionId": SUBSCRIPTION_ID,
    "eventId": EVENT_ID,
    "eventType": "booking.created",
    "status": "delivered",
    "attemptCount": 1,
    "lastStatus": 200,
    "lastError": None,
    "createdAt": "2027-01-10T12:00:00.010Z",
    "nextAttemptAt": None,
    "endedAt": "2027-01-10T12:00:00.060Z",
}
ATTEMPT = {"number": 1, "at": "2027-01-10T12:00:00.020Z", "seconds": 0.031, "status": 200, "error": None}
WHOLE_DELIVERY = {
    **DELIVERY,
    "request": {
        "method": "POST",
        "url": SUBSCRIPTION["url"],
        "headers": {"content-type": "application/json", "webhook-id": DELIVERY_ID},
        "body": '{"id":"…"}',
    },
    "response": {"status": 200, "contentType": "text/plain", "bytes": 2},
    "attempts": [ATTEMPT],
}
MADE = {"id": DELIVERY_ID, "subscriptionId": SUBSCRIPTION_ID, "eventId": EVENT_ID, "eventType": "ping"}
AGAIN = {**MADE, "eventType": "booking.created"}
REPLAYING = {"subscriptionId": SUBSCRIPTION_ID, **REPLAY}
