"""Who wants to be told of the house's bookings: a shop."""

from contracts import notifier
from contracts.envelope import derived_id
from contracts.examples import COMMAND_ID, LATER, NOON_BEFORE

HARBOUR_HOOK = notifier.Subscription(
    id=derived_id(COMMAND_ID, "subscription"),
    url="https://shop.example/hooks/bookings",
    events=("booking.*",),
    description="The shop",
    version=1,
    created_at=NOON_BEFORE,
    updated_at=NOON_BEFORE,
)
SEALED_SECRET = "AQID_sealed-by-whoever-took-it"  # noqa: S105 - it shows the form, and opens nothing
DELIVERY_ID = derived_id(HARBOUR_HOOK.id, COMMAND_ID)
EVENT_ID = derived_id(COMMAND_ID, "event")
DELIVERED_AT = LATER
