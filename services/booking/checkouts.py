"""The page where a booking is paid: when one is asked for, when it is shut, and who is answered with its address. Pure.

Waiting for a page does not occupy the booking: who waits stands with the page, not in the booking's queue.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from contracts.answers import Code, Detail
from contracts.booking import Booking
from contracts.envelope import output_id
from contracts.payment import CancelCheckout, CreateCheckout
from services.booking import changes, refusals
from services.booking.money import USUAL, Page, Returns
from services.booking.state import Answered, Asked, Decision, Given, State

SERVICE = "booking"
MOST_WAITING = 4  # for a page: each is answered by the same message, as are all that wait for the booking; what it may say is bounded


def missing(state: State, asked: Asked) -> list[Detail]:
    """What a page needs and nobody has said, if the command asks for one."""
    if not _asks(state.booking, asked):
        return []
    said, told = _returns(state, asked), {detail.field for detail in (asked.given or Given()).wrong}
    wanted = (("successUrl", said.success_url), ("cancelUrl", said.cancel_url))
    return [Detail(field=field, issue="is required") for field, url in wanted if url is None and field not in told]


def remembered(state: State, asked: Asked) -> State:
    """The state with the addresses that were given: who confirms again need not repeat them."""
    said = asked.given.returns if asked.given else Returns()
    if said == Returns():
        return state
    before = state.purse.returns
    return state.with_purse(
        returns=Returns(
            success_url=said.success_url or before.success_url, cancel_url=said.cancel_url or before.cancel_url
        )
    )


def change(state: State, asked: Asked, now: datetime, **changed: Any) -> Decision:
    """The booking with these changes and, if it is confirmed and to be paid, a page; answered when there is one."""
    before, state = state, remembered(state, asked)
    after = state.booking.model_copy(update=changed)
    if after.status != "CONFIRMED" or not _asks(after, asked) or not after.total_price:
        shut = _shut(state, asked) if after.status == "CONFIRMED" and not after.payment_enabled else Decision(state)
        assert shut.state is not None
        more = {"payment_url": None, "payment_status": None} if shut.outputs else {}
        decision = changes.differs(shut.state, now, **changed, **more)
        return changes.with_answer(replace(decision, outputs=(*decision.outputs, *shut.outputs)), asked)
    if after.payment_status == "processing":  # by a slow method: whether it comes is said later
        return changes.with_answer(changes.differs(state, now, **changed), asked)
    page, wanted = state.purse.page, _returns(state, asked)
    if len(_waiting(state)) >= MOST_WAITING:
        return Decision(before, (refusals.too_many(asked.id, MOST_WAITING),))
    if page is not None and not (page.over or page.tried) and page.returns == wanted:
        decision = changes.differs(state, now, **changed)
        if page.url is not None or page.late:
            return changes.with_answer(decision, asked)
        return _with_page(decision, page.model_copy(update={"waiting": (*page.waiting, asked.id)}))
    decision = changes.differs(state, now, **changed, payment_status="opening", payment_url=None)
    waiting = (*(page.waiting if page is not None and not page.over else ()), asked.id)
    return _with_page(decision, Page(returns=wanted, waiting=waiting)).and_then(_create(after, wanted, asked, now))


def named(decision: Decision, cause: str) -> Decision:
    """The decision about the message `cause`, the page that it asks for known by the id that the question will have."""
    state = decision.state
    if state is None or state.money is None or (page := state.money.page) is None or page.question is not None:
        return decision
    index = max(place for place, output in enumerate(decision.outputs) if isinstance(output, CreateCheckout))
    return _with_page(decision, page.model_copy(update={"question": output_id(cause, SERVICE, index)}))


def answered(state: State, *, late: bool = False) -> Decision:
    """Who waits for the page is answered with the booking as it is."""
    return _let_go(state, late, [changes.as_it_is(state, each) for each in _waiting(state)])


def refused(state: State, code: Code, why: str, *, late: bool = False) -> Decision:
    """Who waits for the page is told why there is none; `late`: or that they shall not wait for it."""
    return _let_go(state, late, [refusals.refused(each, code, why) for each in _waiting(state)])


def close(state: State, why: str) -> Decision:
    """The page shall not be paid at any more; who waits for it is told why. Nothing follows where no page is open."""
    page = state.purse.page
    if page is None or page.over:
        return Decision(state)
    shut = refused(over(state), "CONFLICT", why)
    return replace(shut, outputs=(CancelCheckout(booking_id=state.booking.id), *shut.outputs))


def over(state: State) -> State:
    """Nothing can be paid at the page any more."""
    assert state.purse.page is not None
    return with_page(state, state.purse.page.model_copy(update={"over": True}))


def with_page(state: State, page: Page) -> State:
    return state.with_purse(page=page)


def _asks(booking: Booking, asked: Asked) -> bool:
    """Whether the command wants the booking to have a page, once it is confirmed."""
    said = asked.given.payment_enabled if asked.given else None
    enabled = booking.payment_enabled if said is None else said
    if asked.kind != "confirm" and not (said and booking.status == "CONFIRMED"):
        return False
    return enabled and booking.status != "PAID"


def _returns(state: State, asked: Asked) -> Returns:
    said, before, usual = (
        asked.given.returns if asked.given else Returns(),
        state.purse.returns,
        (asked.usual or USUAL).returns,
    )
    return Returns(
        success_url=said.success_url or before.success_url or usual.success_url,
        cancel_url=said.cancel_url or before.cancel_url or usual.cancel_url,
    )


def _create(booking: Booking, returns: Returns, asked: Asked, now: datetime) -> CreateCheckout:
    return CreateCheckout(
        booking_id=booking.id,
        amount=booking.total_price,
        currency=booking.currency,
        description=booking.product.name or "Booking",
        email=booking.customer.email if booking.customer else None,
        success_url=returns.success_url,
        cancel_url=returns.cancel_url,
        expires_at=now + timedelta(seconds=(asked.usual or USUAL).seconds),
    )


def _shut(state: State, asked: Asked) -> Decision:
    """The customer shall not pay here after all."""
    if asked.given is None or asked.given.payment_enabled is not False:
        return Decision(state)
    return close(state, "The payment was switched off.")


def _waiting(state: State) -> tuple[str, ...]:
    return state.purse.page.waiting if state.purse.page is not None else ()


def _let_go(state: State, late: bool, answers: list[Answered]) -> Decision:
    page = state.purse.page
    if page is None or not (answers or late):
        return Decision(state)
    return Decision(
        with_page(state, page.model_copy(update={"waiting": (), "late": late or page.late})), tuple(answers)
    )


def _with_page(decision: Decision, page: Page) -> Decision:
    assert decision.state is not None
    return replace(decision, state=with_page(decision.state, page))
