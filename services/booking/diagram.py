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
    ("CONFIRMED", "CONFIRMED"): "UpdateBooking; RescheduleBooking, SlotMoved",
    ("CONFIRMED", "CANCEL"): "CancelBooking (customer)",
    ("CANCEL", "CONFIRMED"): "ConfirmBooking accepted before the hold's end, slot still free (from hold_expired only)",
}

_PAGE = """# The statuses of a booking

Written by `make docs` from `TRANSITIONS` in [`services/booking/state.py`](../services/booking/state.py). Do not edit.

```mermaid
stateDiagram-v2
    [*] --> PENDING : CreateBooking
{arrows}
```

In brackets stands the `cancelReason`. A cancelled booking that is deleted stays as a hidden row; clients get 404 for it.
{later}
"""


def page() -> str:
    """The page as it has to be."""
    arrows = [
        f"    {before} --> {after} : {REASONS[before, after]}"
        for before, afters in TRANSITIONS.items()
        for after in afters
    ]
    reached = {status for afters in TRANSITIONS.values() for status in afters}
    later = [f"`{status}`" for status, afters in TRANSITIONS.items() if not afters and status not in reached]
    words = (
        f"The contract also names {' and '.join(later)}: no booking gets there yet, payment is not built."
        if later
        else ""
    )
    return _PAGE.format(arrows="\n".join(arrows), later=words)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
