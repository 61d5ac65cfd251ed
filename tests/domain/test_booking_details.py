"""Who books, and which extras: what a booking makes of an update, and of a confirm that brings them."""

from datetime import timedelta

import pytest
from bookings import (
    ASK,
    CANCELLED,
    CONFIRM_AGAIN,
    HELD,
    KEPT,
    LAPSED,
    PENDING,
    WAITED,
    answer,
    changed,
    now_is,
    too_late,
    unfit,
    updated,
)
from detailed import ABOUT, COMMIT, CUP, becomes, confirm, hear, offers, receive, update

from contracts.answers import Detail, Refused
from contracts.availability import (
    SlotCommitted,
    SlotLost,
)
from contracts.booking import ConfirmBooking, Customer, UpdateBooking, customer_id
from contracts.examples import (
    ADA,
    COFFEE,
    DETAILS,
    EXPIRES_AT,
    LATER,
    ORGANISATION,
)
from services.booking import domain
from services.booking.state import Answered, Decision, State

# ---- who books


def test_update_booking_enters_the_customer_and_keeps_the_hold() -> None:
    decision = receive(HELD, update(**DETAILS))
    assert decision == becomes(HELD, customer=ADA)
    assert decision.state is not None
    assert decision.state.booking.expires_at == EXPIRES_AT


def test_update_booking_writes_address_and_number_in_their_usual_form() -> None:
    decision = receive(HELD, update(email="Ada@Example.ORG", phone="+33 (0)4 91-00.00.00"))
    wanted = Customer(id=ADA.id, email="Ada@example.org", phone="+33491000000")
    assert decision == becomes(HELD, customer=wanted)


def test_update_booking_keeps_what_it_does_not_give() -> None:
    known = now_is(HELD, changed(HELD, customer=ADA))
    grace = ADA.model_copy(update={"name": "Grace Hopper"})
    assert receive(known, update(name="Grace Hopper")) == becomes(known, customer=grace)
    moved = ADA.model_copy(update={"id": customer_id(ORGANISATION, "b@example.org"), "email": "b@example.org"})
    assert receive(known, update(email="b@example.org")) == becomes(known, customer=moved)


@pytest.mark.parametrize("command", [update(), update(**DETAILS), update(email="ADA@example.org".lower())])
def test_update_booking_answers_the_same_when_nothing_changes(command: UpdateBooking) -> None:
    assert receive(KEPT, command) == Decision(KEPT, (answer(KEPT.booking),))


def test_update_booking_changes_the_customer_when_confirmed() -> None:
    later = ADA.model_copy(update={"phone": "+442079460958"})
    assert receive(KEPT, update(phone="+44 20 7946 0958")) == becomes(KEPT, customer=later)


@pytest.mark.parametrize("given", [{"name": "Ada"}, {"phone": "+33491000000"}])
def test_update_booking_is_refused_when_nobody_knows_whose_name_it_is(given: dict[str, str]) -> None:
    assert receive(HELD, update(**given)) == Decision(HELD, (unfit(("email", "is required")),))


@pytest.mark.parametrize(
    "email",
    ["", "ada", "@example.org", "ada@", "ada@localhost", "a b@example.org", "Ada <ada@example.org>", "ada@10.0.0.1"],
)
def test_update_booking_is_refused_when_the_address_is_none(email: str) -> None:
    (answered,) = receive(HELD, update(email=email)).outputs
    assert isinstance(answered, Answered)
    assert isinstance(answered.body, Refused)
    assert answered.body.code == "VALIDATION_FAILED"
    [detail] = answered.body.details
    assert detail.field == "email"
    assert detail.issue.startswith("is not an e-mail address: ")


@pytest.mark.parametrize("phone", ["", "04 91 00 00 00", "+33", "+33 1", "+999 12345678", "+33000000000", "call me"])
def test_update_booking_is_refused_when_the_number_is_none(phone: str) -> None:
    (answered,) = receive(HELD, update(email=ADA.email, phone=phone)).outputs
    assert isinstance(answered, Answered)
    assert isinstance(answered.body, Refused)
    assert [detail.field for detail in answered.body.details] == ["phone"]


def test_update_booking_is_refused_when_the_hold_is_over() -> None:
    late = domain.receive(HELD, update(**DETAILS), ASK, EXPIRES_AT, LATER, ORGANISATION)
    assert late == Decision(HELD, (too_late(),))
    assert receive(LAPSED, update(**DETAILS)) == Decision(LAPSED, (too_late(),))


def test_update_booking_is_refused_when_cancelled() -> None:
    (answered,) = receive(CANCELLED, update(**DETAILS)).outputs
    assert isinstance(answered, Answered)
    assert answered.body == Refused(code="CONFLICT", message="The booking is CANCEL (customer).")


# ---- a confirm that brings them, or lacks them


@pytest.mark.parametrize(
    ("state", "command", "missing"),
    [
        (HELD, CONFIRM_AGAIN, ("email", "phone")),
        (HELD, confirm(email=ADA.email), ("phone",)),
        (HELD, confirm(phone=ADA.phone), ("email",)),
        (LAPSED, CONFIRM_AGAIN, ("email", "phone")),
    ],
)
def test_confirm_booking_is_refused_when_something_is_missing(
    state: State, command: ConfirmBooking, missing: tuple[str, ...]
) -> None:
    assert receive(state, command) == Decision(state, (unfit(*((field, "is required") for field in missing)),))


def test_confirm_booking_names_what_is_wrong_beside_what_is_missing() -> None:
    (answered,) = receive(HELD, confirm(email="nobody")).outputs
    assert isinstance(answered, Answered)
    assert isinstance(answered.body, Refused)
    assert [detail.field for detail in answered.body.details] == ["email", "phone"]


def test_confirm_booking_needs_nothing_more_when_all_is_known() -> None:
    known = now_is(HELD, changed(HELD, customer=ADA))
    decision = receive(known, CONFIRM_AGAIN)
    assert decision.outputs == (COMMIT,)
    confirmed = hear(decision, SlotCommitted(**ABOUT))
    assert confirmed == becomes(known, status="CONFIRMED", expires_at=None)


def test_confirm_booking_changes_nothing_when_the_slot_is_lost() -> None:
    decision = hear(receive(HELD, confirm(**DETAILS)), SlotLost(**ABOUT, reason="expired"))
    lapsed = changed(HELD, status="CANCEL", cancel_reason="hold_expired")
    assert decision == Decision(now_is(HELD, lapsed), (updated(lapsed, "RESERVED_15_MIN"), too_late()))


def test_confirm_booking_changes_the_customer_when_confirmed_already() -> None:
    grace = ADA.model_copy(update={"name": "Grace Hopper"})
    assert receive(KEPT, confirm(name="Grace Hopper")) == becomes(KEPT, customer=grace)


def test_what_waits_keeps_its_details() -> None:
    waits = receive(PENDING, confirm(**DETAILS, additional_products=(COFFEE.id,)))
    assert waits.outputs == ()
    assert waits.state is not None
    again = State.model_validate_json(waits.state.model_dump_json())
    assert again == waits.state
    [waiting] = again.waiting
    assert waiting.given is not None
    assert (waiting.given.customer_id, waiting.given.extras) == (ADA.id, (COFFEE.id,))


# ---- versions


@pytest.mark.parametrize("version", [1, 3])
def test_any_command_is_refused_when_the_booking_has_another_version(version: int) -> None:
    (answered,) = receive(HELD, update(**DETAILS, if_version=version)).outputs
    detail = Detail(field="If-Match", issue="the version is 2")
    why = "The booking has version 2 by now. Read it again."
    assert answered == Answered(ASK, Refused(code="PRECONDITION_FAILED", message=why, details=(detail,)))


def test_a_version_counts_at_the_command_s_turn() -> None:
    asked = receive(HELD, update(email=ADA.email, additional_products=(COFFEE.id,)))
    assert asked.state is not None
    waits = domain.receive(
        asked.state, update(name="Ada", if_version=2), WAITED, LATER, LATER + timedelta(seconds=1), ORGANISATION
    )
    assert waits.outputs == ()
    decision = hear(waits, offers(CUP))
    last = decision.outputs[-1]
    assert isinstance(last, Answered)
    assert isinstance(last.body, Refused)
    assert (last.command_id, last.body.code) == (WAITED, "PRECONDITION_FAILED")
