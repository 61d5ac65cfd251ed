"""Who books, and which extras: what a booking makes of an update, and of a confirm that brings them."""

from datetime import timedelta
from typing import Any

import pytest
from bookings import (
    ASK,
    CANCELLED,
    CONFIRM_AGAIN,
    HELD,
    KEPT,
    LAPSED,
    PENDING,
    STRANGE,
    WAITED,
    answer,
    changed,
    now_is,
    our_fault,
    too_late,
    unfit,
    updated,
)

from contracts.answers import Detail, Refused
from contracts.availability import (
    CommitSlot,
    ExtraOffer,
    ExtrasQuoted,
    ExtrasRefused,
    QuoteExtras,
    RefusedExtra,
    SlotCommitted,
    SlotLost,
    SlotReleased,
)
from contracts.booking import ConfirmBooking, Customer, Extra, UpdateBooking, customer_id
from contracts.examples import (
    ADA,
    BOOKING_ID,
    COFFEE,
    DETAILS,
    EXPIRES_AT,
    LATER,
    LIGHTHOUSE,
    ORGANISATION,
    UPDATE_BOOKING,
    WITH_COFFEE,
)
from services.booking import domain
from services.booking.state import Answered, Command, Decision, State

CUP = Extra(id=COFFEE.id, name=COFFEE.name, price=COFFEE.price)
TEA = Extra(id=STRANGE, name="Tea", price=300)
BOUGHT = now_is(HELD, WITH_COFFEE)
ABOUT = {"booking_id": BOOKING_ID, "question": ASK}
COMMIT = CommitSlot(**ABOUT, space_id=LIGHTHOUSE.id, accepted_at=LATER)


def update(**given: Any) -> UpdateBooking:
    return UpdateBooking(booking_id=BOOKING_ID, **given)


def confirm(**given: Any) -> ConfirmBooking:
    return ConfirmBooking(booking_id=BOOKING_ID, **given)


def receive(state: State, command: Command) -> Decision:
    return domain.receive(state, command, ASK, LATER, LATER, ORGANISATION)


def quote(*products: str) -> QuoteExtras:
    return QuoteExtras(**ABOUT, space_id=LIGHTHOUSE.id, products=products, currency="EUR")


def offers(*extras: Extra) -> ExtrasQuoted:
    return ExtrasQuoted(**ABOUT, extras=tuple(ExtraOffer(**extra.model_dump()) for extra in extras))


def hear(decision: Decision, event: Any) -> Decision:
    """What follows when availability answers the question that the decision asked."""
    assert decision.state is not None
    assert decision.state.question is not None
    return domain.hear(decision.state, event, LATER)


def becomes(state: State, **changes: Any) -> Decision:
    """The next version of the booking, told and answered."""
    booking = changed(state, **changes)
    return Decision(now_is(state, booking), (updated(booking, state.booking.status), answer(booking)))


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


# ---- extras


def test_update_booking_asks_what_new_extras_cost_and_adds_them() -> None:
    decision = receive(HELD, UPDATE_BOOKING)
    assert decision.outputs == (quote(COFFEE.id),)
    assert hear(decision, offers(CUP)) == becomes(HELD, customer=ADA, additional_products=(CUP,), total_price=3000)


def test_update_booking_keeps_the_price_of_extras_that_stay_and_asks_for_the_others() -> None:
    decision = receive(BOUGHT, update(additional_products=(STRANGE, COFFEE.id)))
    assert decision.outputs == (quote(STRANGE),)
    assert hear(decision, offers(TEA)) == becomes(BOUGHT, additional_products=(TEA, CUP), total_price=3300)


def test_update_booking_takes_extras_away_without_asking() -> None:
    assert receive(BOUGHT, update(additional_products=())) == becomes(BOUGHT, additional_products=(), total_price=2500)


@pytest.mark.parametrize("state", [BOUGHT, KEPT.model_copy(update={"booking": WITH_COFFEE})])
def test_update_booking_answers_the_same_when_the_extras_are_the_same(state: State) -> None:
    assert receive(state, update(additional_products=(COFFEE.id,))) == Decision(state, (answer(state.booking),))


def test_update_booking_is_refused_when_an_extra_is_given_twice() -> None:
    decision = receive(HELD, update(additional_products=(COFFEE.id, STRANGE, COFFEE.id)))
    assert decision == Decision(HELD, (unfit(("additionalProducts.0", "is given twice")),))


@pytest.mark.parametrize("command", [update(additional_products=(COFFEE.id,)), confirm(additional_products=(STRANGE,))])
def test_extras_are_fixed_when_confirmed(command: Command) -> None:
    (answered,) = receive(KEPT, command).outputs
    assert isinstance(answered, Answered)
    why = "The booking is CONFIRMED: its extras do not change any more."
    detail = Detail(field="additionalProducts", issue="CONFIRMED")
    assert answered.body == Refused(code="CONFLICT", message=why, details=(detail,))


def test_confirm_booking_asks_for_the_price_first_then_for_the_slot() -> None:
    asked = receive(HELD, confirm(**DETAILS, additional_products=(COFFEE.id,)))
    assert asked.outputs == (quote(COFFEE.id),)
    quoted = hear(asked, offers(CUP))
    assert quoted.outputs == (COMMIT,), "the deadline rule goes by the confirm, however long the quote took"
    confirmed = hear(quoted, SlotCommitted(**ABOUT))
    assert confirmed == becomes(
        HELD, status="CONFIRMED", expires_at=None, customer=ADA, additional_products=(CUP,), total_price=3000
    )


def test_confirm_booking_ignores_a_price_that_comes_again() -> None:
    quoted = hear(receive(HELD, confirm(**DETAILS, additional_products=(COFFEE.id,))), offers(CUP))
    dearer = CUP.model_copy(update={"price": 900})
    assert hear(quoted, offers(dearer)) == Decision(quoted.state)


def test_confirm_booking_is_saved_when_the_hold_ran_out_while_the_price_was_asked() -> None:
    asked = receive(HELD, confirm(**DETAILS, additional_products=(COFFEE.id,)))
    ran_out = hear(asked, SlotReleased(booking_id=BOOKING_ID, reason="expired"))
    assert ran_out.outputs == ()
    quoted = hear(ran_out, offers(CUP))
    assert quoted.outputs == (COMMIT,)
    confirmed = hear(quoted, SlotCommitted(**ABOUT))
    assert confirmed.state is not None
    assert (confirmed.state.booking.status, confirmed.state.ran_out) == ("CONFIRMED", False)


def test_update_booking_tells_of_the_lapse_when_the_hold_ran_out_while_the_price_was_asked() -> None:
    asked = receive(HELD, UPDATE_BOOKING)
    decision = hear(hear(asked, SlotReleased(booking_id=BOOKING_ID, reason="expired")), offers(CUP))
    assert decision.state is not None
    assert (decision.state.booking.status, decision.state.booking.version) == ("CANCEL", 4)
    assert len(decision.outputs) == 3


@pytest.mark.parametrize("command", [UPDATE_BOOKING, confirm(**DETAILS, additional_products=(COFFEE.id,))])
def test_extras_refused_names_each_and_changes_nothing(command: Command) -> None:
    event = ExtrasRefused(
        **ABOUT,
        extras=(RefusedExtra(id=COFFEE.id, reason="other_currency"),),
        reason="products",
        message="These are no extras of this booking.",
    )
    detail = Detail(field="additionalProducts.0", issue="other_currency")
    refused = Refused(code="VALIDATION_FAILED", message=event.message, details=(detail,))
    assert hear(receive(HELD, command), event) == Decision(HELD, (Answered(ASK, refused),))


def test_extras_refused_is_our_fault_when_internal() -> None:
    event = ExtrasRefused(**ABOUT, extras=(), reason="internal", message="Why.")
    assert hear(receive(HELD, UPDATE_BOOKING), event) == Decision(HELD, (our_fault("Why."),))


def test_update_booking_is_refused_when_nobody_could_be_told_the_total() -> None:
    dear = Extra(id=COFFEE.id, name="Gold", price=10**12)
    decision = hear(receive(HELD, UPDATE_BOOKING), offers(dear))
    (answered,) = decision.outputs
    assert isinstance(answered, Answered)
    assert isinstance(answered.body, Refused)
    assert (answered.body.code, decision.state) == ("VALIDATION_FAILED", HELD)


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
