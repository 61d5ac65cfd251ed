"""What becomes of a question whose answer booking could not decide: it is closed, and nobody waits for it any more. Pure.

The answer lies in the dead letters. What availability has done by it stays true: no slot is left without its booking, and no booking
without its slot. Commands that waited behind the question are refused too, as one of them may be what could not be decided;
what payment said waits no longer and is decided.
"""

from dataclasses import replace
from datetime import datetime

from contracts.availability import ReleaseSlot, SlotLost, SlotMoved, SlotReleased
from contracts.booking import AbandonQuestion
from contracts.model import Message
from contracts.payment import PaymentFailed
from services.booking import changes, checkouts, payments, refusals
from services.booking.state import Answered, Asked, Decision, State

WHY = "The command could not be carried out. Read the booking: a repeat under another key is handled afresh."


def of_availability(state: State, asked: Asked, said: AbandonQuestion, now: datetime) -> Decision:
    """The question of this command is closed; so are the commands that waited behind it."""
    told = [_refused(each.id) for each in (asked, *state.commands_waiting()) if each.heard is None]
    waiting = tuple(each for each in state.waiting if each.heard is not None)
    closed = state.model_copy(update={"question": None, "ran_out": False, "waiting": waiting})
    decision = _as_availability_has_it(closed, asked, said.answer, now)
    mine = (each for each in decision.outputs if not (isinstance(each, Answered) and each.command_id == asked.id))
    return replace(decision, outputs=(*mine, *told))


def of_a_page(state: State, said: AbandonQuestion) -> Decision:
    """Who waits for the page that was asked for so waits no longer, nor does who confirms again.

    After a `PaymentFailed` there is no page, and the next confirm asks for another. Otherwise there is one, or will be: it can be closed.
    """
    page = state.purse.page
    if page is None or not page.is_of(said.question):
        return Decision(state)
    if _is(said.answer, PaymentFailed):
        return checkouts.refused(checkouts.over(state), "SERVER_ERROR", WHY)
    return checkouts.refused(state, "SERVER_ERROR", WHY, late=True)


def _as_availability_has_it(state: State, asked: Asked, answer: str, now: datetime) -> Decision:
    if asked.kind == "create":
        gone = changes.change(state, now, status="CANCEL", cancel_reason="slot_unavailable", announce=False)
        return gone.and_then(_release(state, asked))
    if asked.kind == "reacquire" and asked.heard is not None:
        return payments.late(state, asked.heard, now).and_then(_release(state, asked))
    if asked.kind == "confirm" and not asked.quoting:
        given_back = Decision(state, (_release(state, asked),))
        if state.booking.status != "RESERVED_15_MIN":
            return given_back
        # As if the hold had ended: a confirm that is accepted in time may take the slot again.
        return given_back.followed_by(changes.change(state, now, status="CANCEL", cancel_reason="hold_expired"))
    if _is(answer, SlotReleased):
        if asked.kind == "expire":
            return payments.expired(state, now)
        return changes.hide(state, asked, now) if asked.kind == "delete" else payments.cancelled(state, asked, now)
    if _is(answer, SlotMoved) and asked.slot is not None:
        return changes.change(payments.moved(state, asked), now, slot=asked.slot)
    if _is(answer, SlotLost) and asked.kind == "expire":
        return payments.still_held(state, now)
    return Decision(state)


def _release(state: State, asked: Asked) -> ReleaseSlot:
    """Nobody hears its answer: the question is closed."""
    return ReleaseSlot(booking_id=state.booking.id, question=asked.id, space_id=state.booking.space.id)


def _refused(command_id: str) -> Answered:
    return refusals.refused(command_id, "SERVER_ERROR", WHY)


def _is(answer: str, kind: type[Message]) -> bool:
    return answer == kind.__name__
