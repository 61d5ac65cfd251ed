"""The examples of the documentation: Harbour House, as clients write and read it."""

from datetime import timedelta
from typing import Any

from contracts import examples
from contracts.booking import CancellationPreview
from contracts.model import Value


def _said(value: Value) -> dict[str, Any]:
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


def _shown(value: Value) -> dict[str, Any]:
    return value.model_dump(mode="json", by_alias=True)


VENUE_ID, SPACE_ID, PRODUCT_ID = examples.HARBOUR_HOUSE.id, examples.LIGHTHOUSE.id, examples.ROOM_ONE_HOUR.id
BOOKING_ID, COMMAND_ID = examples.BOOKING_ID, examples.COMMAND_ID
SLOT = _said(examples.MONDAY_TEN)

NEW_VENUE = _said(examples.VENUE_FIELDS)
NEW_SPACE = _said(examples.SPACE_FIELDS)
NEW_PRODUCT = _said(examples.PRODUCT_FIELDS)
NEW_BOOKING: dict[str, Any] = {"productId": PRODUCT_ID, "spaceId": SPACE_ID, "slot": SLOT}

LONGER_MONDAY: dict[str, Any] = {"openingHours": [{"day": "monday", "open": "08:00", "close": "20:00"}]}
TWO_UNITS: dict[str, Any] = {"units": 2}
DEARER: dict[str, Any] = {"price": 2800}
CONFIRM: dict[str, Any] = {
    "status": "CONFIRMED",
    **examples.DETAILS,
    "paymentEnabled": True,
    "successUrl": examples.CONFIRM_AND_PAY.success_url,
    "cancelUrl": examples.CONFIRM_AND_PAY.cancel_url,
}
NEW_CUSTOMER: dict[str, Any] = {**examples.DETAILS}

VENUE, SPACE, PRODUCT = map(_shown, (examples.HARBOUR_HOUSE, examples.LIGHTHOUSE, examples.ROOM_ONE_HOUR))
BOOKING, CONFIRMED, WITH_PAGE = map(_shown, (examples.BOOKING, examples.CONFIRMED, examples.WITH_PAGE))
PREVIEW = _shown(
    CancellationPreview(
        booking_id=BOOKING_ID,
        status="PAID",
        paid=2500,
        refund=2500,
        fee=0,
        currency="EUR",
        at=examples.LATER - timedelta(hours=6),
        until=examples.MONDAY_TEN.from_ - timedelta(hours=24),
        cancellation_policy=examples.ROOM_ONE_HOUR.cancellation_policy,
    )
)
CUSTOMER = _shown(examples.ADA)
SLOTS = [{**SLOT, "remaining": 1, "units": 1}]
EXPLAINED = {
    "slots": SLOTS,
    "unavailable": [{**_said(examples.MONDAY_ELEVEN), "reason": "held", "until": BOOKING["expiresAt"]}],
}
