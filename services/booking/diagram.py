"""`python -m services.booking.diagram` writes docs/statuses.md: the drawing of `TRANSITIONS`, so that it never says otherwise."""

from pathlib import Path

from contracts.booking import Status
from services.booking.state import TRANSITIONS

PAGE = Path(__file__).parents[2] / "docs" / "statuses.md"

# What makes a booking go this way; a test keeps it complete.
REASONS: dict[tuple[Status, Status], str] = {
    ("PENDING", "RESERVED_15_MIN"): "SlotHeld",
    ("PENDING", "CANCEL"): "SlotRefused (slot_unavailable)",
    ("RESERVED_15_MIN", "RESERVED_15_MIN"): "UpdateBooking; RescheduleBooking, SlotMoved; ExtendHold, SlotExtended",
    ("RESERVED_15_MIN", "CONFIRMED"): "ConfirmBooking with e-mail and phone, SlotCommitted",
    ("RESERVED_15_MIN", "CANCEL"): "CancelBooking or DeleteBooking (customer), or the hold ends (hold_expired)",
    (
        "CONFIRMED",
        "CONFIRMED",
    ): "UpdateBooking; RescheduleBooking, SlotMoved; CheckoutOpened, PaymentProcessing, PaymentFailed, CheckoutExpired",
    ("CONFIRMED", "PAID"): "PaymentSucceeded",
    ("CONFIRMED", "CANCEL"): "CancelBooking (customer), or CheckoutExpired where the product says so (payment_expired)",
    ("PAID", "PAID"): "UpdateBooking; RescheduleBooking, SlotMoved",
    ("PAID", "CANCEL"): "CancelBooking (customer), a refund is under way if the policy gives one",
    ("CANCEL", "CANCEL"): "PaymentSucceeded, so a refund is under way; RefundFailed; CancelBooking again",
    ("CANCEL", "CONFIRMED"): "ConfirmBooking accepted before the hold's end, slot still free (from hold_expired only)",
    ("CANCEL", "PAID"): "PaymentSucceeded, slot still free, where the product says reacquire",
    ("CANCEL", "REFUNDED"): "PaymentRefunded",
    ("REFUNDED", "REFUNDED"): "RefundFailed days later; CancelBooking again",
}

_PAGE = """# The statuses of a booking

Written by `make docs` from `TRANSITIONS` in [`services/booking/state.py`](../services/booking/state.py). Do not edit.

```mermaid
stateDiagram-v2
    [*] --> PENDING : CreateBooking
{arrows}
```

In brackets stands the `cancelReason`. A cancelled booking that is deleted stays as a hidden row; clients get 404 for it, and money that comes
for it goes back.
"""


def page() -> str:
    """The page as it has to be."""
    arrows = [
        f"    {before} --> {after} : {REASONS[before, after]}"
        for before, afters in TRANSITIONS.items()
        for after in afters
    ]
    return _PAGE.format(arrows="\n".join(arrows))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
