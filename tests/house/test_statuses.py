"""The drawing of the statuses is the one that the code makes of its table."""

from services.booking import diagram
from services.booking.state import TRANSITIONS


def test_the_drawing_is_current() -> None:
    assert diagram.PAGE.read_text(encoding="utf-8") == diagram.page(), "run `make docs`"


def test_every_arrow_says_why_and_no_reason_is_without_an_arrow() -> None:
    assert set(diagram.REASONS) == {(before, after) for before, afters in TRANSITIONS.items() for after in afters}
