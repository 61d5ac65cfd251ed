"""A booking of the Lighthouse room in each of its states, and what is asked of it."""

from datetime import datetime

from contracts.answers import Detail, Refused
from contracts.booking import (
    BookedProduct,
    BookedSpace,
    Booking,
    BookingAnswer,
    BookingUpdated,
    CancelBooking,
    ConfirmBooking,
    DeleteBooking,
    ExtendHold,
    RescheduleBooking,
    Status,
    UpdateBooking,
)
from contracts.examples import (
    BOOKING,
    BOOKING_ID,
    COMMAND_ID,
    CONFIRM_BOOKING,
    CONFIRMED,
    EXPIRES_AT,
    LATER,
    LIGHTHOUSE,
    MONDAY_ELEVEN,
    MONDAY_TEN,
    NOON_BEFORE,
    ORGANISATION,
    ROOM_ONE_HOUR,
)
from services.booking import commands
from services.booking.money import Terms
from services.booking.state import Answered, Asked, Command, Kind, State

ASK = "5ea00000-0000-4000-8000-0000000000a1"
WAITED = "5ea00000-0000-4000-8000-0000000000a2"
STRANGE = "5ea00000-0000-4000-8000-0000000000ff"

CONFIRM = CONFIRM_BOOKING
CONFIRM_AGAIN = ConfirmBooking(booking_id=BOOKING_ID)
UPDATE = UpdateBooking(booking_id=BOOKING_ID, email="ada@example.org")
RESCHEDULE = RescheduleBooking(booking_id=BOOKING_ID, slot=MONDAY_ELEVEN)
EXTEND = ExtendHold(booking_id=BOOKING_ID)
CANCEL = CancelBooking(booking_id=BOOKING_ID)
DELETE = DeleteBooking(booking_id=BOOKING_ID)
COMMANDS: dict[Kind, Command] = {
    "update": UPDATE,
    "confirm": CONFIRM,
    "reschedule": RESCHEDULE,
    "extend": EXTEND,
    "cancel": CANCEL,
    "delete": DELETE,
}

PENDING = State(
    booking=Booking(
        id=BOOKING_ID,
        status="PENDING",
        version=1,
        slot=MONDAY_TEN,
        product=BookedProduct(id=ROOM_ONE_HOUR.id),
        space=BookedSpace(id=LIGHTHOUSE.id),
        created_at=NOON_BEFORE,
        updated_at=NOON_BEFORE,
    ),
    question=Asked(id=COMMAND_ID, kind="create", accepted_at=NOON_BEFORE),
)
TERMS = Terms(cancellation_policy=ROOM_ONE_HOUR.cancellation_policy)
HELD = State(booking=BOOKING, hold_ends_at=EXPIRES_AT, listed=True, agreed=TERMS)
KEPT = State(booking=CONFIRMED, hold_ends_at=EXPIRES_AT, listed=True, agreed=TERMS)


def changed(state: State, **changes: object) -> Booking:
    """The next version of the booking."""
    return state.booking.model_copy(update={"version": state.booking.version + 1, "updated_at": LATER, **changes})


def now_is(state: State, booking: Booking, **changes: object) -> State:
    """The state with this booking and no question."""
    return state.model_copy(update={"booking": booking, "question": None, **changes})


CANCELLED = now_is(HELD, changed(HELD, status="CANCEL", cancel_reason="customer"))
LAPSED = now_is(HELD, changed(HELD, status="CANCEL", cancel_reason="hold_expired"))
REFUSED = now_is(PENDING, changed(PENDING, status="CANCEL", cancel_reason="slot_unavailable"))
HIDDEN = now_is(CANCELLED, changed(CANCELLED), hidden=True)


def said(kind: Kind, command_id: str = ASK, accepted_at: datetime = LATER) -> Asked:
    """The command of this kind, as it waits or asks."""
    return commands.asked(COMMANDS[kind], command_id, accepted_at, ORGANISATION)


def asking(state: State, kind: Kind, command_id: str = ASK) -> State:
    """The state with the question of a command accepted in time."""
    return state.model_copy(update={"question": said(kind, command_id)})


def waiting(state: State, *asked: tuple[str, Kind]) -> State:
    """The state with commands that wait for their turn."""
    queue = tuple(said(kind, command_id) for command_id, kind in asked)
    return state.model_copy(update={"waiting": queue})


def answer(booking: Booking, command_id: str = ASK) -> Answered:
    return Answered(command_id, BookingAnswer(booking=booking))


def updated(booking: Booking, before: Status) -> BookingUpdated:
    return BookingUpdated(booking=booking, previous_status=before)


def not_found(command_id: str = ASK) -> Answered:
    return Answered(command_id, Refused(code="NOT_FOUND", message="There is no such booking."))


def too_late(command_id: str = ASK) -> Answered:
    why = "The hold ended at 2027-01-10T12:15:00Z. Book the slot again if it is still free."
    return Answered(command_id, Refused(code="HOLD_EXPIRED", message=why))


def conflict(why: str, command_id: str = ASK) -> Answered:
    return Answered(command_id, Refused(code="CONFLICT", message=why))


def unfit(*details: tuple[str, str], command_id: str = ASK) -> Answered:
    named = tuple(Detail(field=field, issue=issue) for field, issue in details)
    why = "The booking cannot be changed like this."
    return Answered(command_id, Refused(code="VALIDATION_FAILED", message=why, details=named))


def our_fault(why: str, command_id: str = ASK) -> Answered:
    return Answered(command_id, Refused(code="SERVER_ERROR", message=why))
