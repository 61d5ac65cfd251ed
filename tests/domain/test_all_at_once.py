"""What one answer of availability may bring about: all that waited for it, and for the page, still fits into one message's outputs."""

from bookings import CANCEL
from detailed import ABOUT, confirm
from purses import GIVEN, OPENING, ask, expired, failed, opened, page, succeeded, told, update

from chassis.ledger import MOST_OUTPUTS
from contracts.availability import SlotMoved
from contracts.booking import RescheduleBooking
from contracts.envelope import derived_id
from contracts.examples import BOOKING_ID, DETAILS, LATER
from contracts.model import Slot
from services.booking import checkouts, domain
from services.booking.state import Answered

SLOT = OPENING.booking.slot
OTHER = Slot(**{"from": SLOT.to, "to": SLOT.to + (SLOT.to - SLOT.from_)})


def name(of: str, number: int = 0) -> str:
    return derived_id(BOOKING_ID, f"{of}{number}")


def test_commands_that_open_and_shut_pages_with_all_that_payment_says_fit_into_one_message() -> None:
    state = OPENING
    for number in range(checkouts.MOST_WAITING - 1):
        state = ask(state, confirm(**DETAILS, **GIVEN), name("page", number)).state or state
    assert len(page(state).waiting) == checkouts.MOST_WAITING
    state = ask(state, RescheduleBooking(booking_id=BOOKING_ID, slot=OTHER), name("move")).state or state
    for number in range(domain.MOST_WAITING // 2):
        for enabled in (False, True):
            command = update(payment_enabled=enabled)
            state = ask(state, command, name(f"switched {enabled}", number)).state or state
    assert len(state.waiting) == domain.MOST_WAITING
    assert isinstance(ask(state, CANCEL).outputs[0], Answered), "there is no room for more"
    for event in (
        *(failed("declined", name("earlier", each)) for each in range(2)),
        failed("declined"),
        failed("failed"),
        opened(),
        expired(),
        *(succeeded(f"pi_{each}") for each in range(3)),
    ):
        state = told(state, event).state or state
    decision = domain.hear(state, SlotMoved(**{**ABOUT, "question": name("move")}, slot=OTHER), LATER)
    assert decision.state is not None
    assert decision.state.booking.status == "PAID"
    assert len(decision.outputs) <= MOST_OUTPUTS
