"""Extras: priced when they are added, and not again."""

import pytest
from bookings import (
    ASK,
    HELD,
    KEPT,
    STRANGE,
    answer,
    our_fault,
    unfit,
)
from detailed import ABOUT, BOUGHT, COMMIT, CUP, TEA, becomes, confirm, hear, offers, quote, receive, update

from contracts.answers import Detail, Refused
from contracts.availability import (
    ExtrasRefused,
    RefusedExtra,
    SlotCommitted,
    SlotReleased,
)
from contracts.booking import Extra
from contracts.examples import (
    ADA,
    BOOKING_ID,
    COFFEE,
    DETAILS,
    UPDATE_BOOKING,
    WITH_COFFEE,
)
from services.booking.state import Answered, Command, Decision, State


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
