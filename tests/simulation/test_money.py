"""Money against time: each cell of the table in hundreds of orders, or a thousand, with what the provider says doubled, reversed or lost.

Whatever the order: what was captured and not refunded is the price of a paid booking, the fee of a paid one that was cancelled,
and else nothing; one page is open at most; each payment goes back once at most; each command has one answer, each version one
event, and the slot is the booking's just as long as its status says so.
"""

from collections import Counter
from collections.abc import Callable

import pytest
from checkout_world import PRICE, World

from contracts.answers import Refused
from contracts.terms import CancellationStep, LatePayment, PaymentExpired
from services.booking.money import Terms

RUNS, MANY = 100, 1000  # by `make test`, by `make chaos`
Hand = Callable[[World], object]

# What a cancel keeps: by no policy, half of it, all of it, a flat fee.
POLICIES: list[tuple[tuple[CancellationStep, ...], int]] = [
    ((), 0),
    ((CancellationStep(hours_before=24), CancellationStep(hours_before=1, refund_percent=50)), PRICE // 2),
    ((CancellationStep(hours_before=24),), PRICE),
    ((CancellationStep(hours_before=2, fee=300),), 300),
]


@pytest.fixture(params=[RUNS, pytest.param(MANY, marks=pytest.mark.chaos)], autouse=True)
def orders(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In so many orders."""
    monkeypatch.setitem(globals(), "RUNS", request.param)


def begun(seed: int, late: LatePayment = "refund", expired: PaymentExpired = "keep") -> World:
    """A booking with its page, the policy another one each time."""
    policy, fee = POLICIES[seed % len(POLICIES)]
    world = World(seed, Terms(cancellation_policy=policy, late_payment=late, payment_expired=expired), fee)
    world.confirm()
    world.run()
    assert world.till.open(), "there is a page"
    return world


def pays(world: World) -> None:
    world.at_a_page(world.till.pay)


def pays_slowly(world: World) -> None:
    world.at_a_page(lambda page: world.till.pay(page, slowly=True))


def arrives(world: World) -> None:
    world.at_a_page(lambda page: world.till.arrive(page, good=True))


def bounces(world: World) -> None:
    world.at_a_page(lambda page: world.till.arrive(page, good=False))


def is_declined(world: World) -> None:
    world.at_a_page(world.till.decline)


def walks_away(world: World) -> None:
    world.at_a_page(world.till.expire)


def is_let_through(world: World) -> None:
    world.at_a_page(world.till.pay_after_all)


def rival(world: World) -> None:
    """Takes the slot as soon as it is on sale."""
    if world.slot == "FREE":
        world.slot = "TAKEN"


REPORTS: dict[str, list[Hand]] = {
    "paid": [pays],
    "paid slowly": [pays_slowly, arrives],
    "failed": [is_declined],
    "failed slowly": [pays_slowly, bounces],
    "expired": [walks_away],
    "expired, and paid after all": [walks_away, is_let_through],
}


def runs(*people: list[Hand], **terms: object) -> list[World]:
    """Each to its end, and checked."""
    ended = []
    for seed in range(RUNS):
        world = begun(seed, **terms)  # type: ignore[arg-type]
        world.people = [list(plan) for plan in people]
        world.settle()
        world.check()
        ended.append(world)
    return ended


def statuses(worlds: list[World]) -> set[tuple[str, str | None]]:
    return {(world.state.booking.status, world.state.booking.cancel_reason) for world in worlds}


@pytest.mark.parametrize("report", REPORTS)
def test_confirmed(report: str) -> None:
    ended = statuses(runs(REPORTS[report]))
    assert ended == {("PAID" if "paid" in report else "CONFIRMED", None)}


@pytest.mark.parametrize("report", REPORTS)
def test_confirmed_where_a_page_that_expires_cancels(report: str) -> None:
    ended = statuses(runs(REPORTS[report], expired="cancel"))
    wanted = {
        "expired": {("CANCEL", "payment_expired")},
        "expired, and paid after all": {("PAID", None), ("REFUNDED", "payment_expired")},
    }
    assert ended == wanted.get(report, {("PAID" if "paid" in report else "CONFIRMED", None)})


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("slot", ["free", "gone"])
@pytest.mark.parametrize("late", ["refund", "reacquire"])
def test_cancelled_meanwhile(report: str, slot: str, late: str) -> None:
    rivals: list[list[Hand]] = [] if slot == "free" else [[rival] * 8]
    worlds = runs([World.cancel], REPORTS[report], *rivals, late=late)
    ended = statuses(worlds)
    assert ("CANCEL", "customer") in ended
    assert (("PAID", None) in ended) == ("paid" in report and late == "reacquire")
    assert (("REFUNDED", "customer") in ended) == ("paid" in report)


@pytest.mark.parametrize("report", REPORTS)
def test_paid_already_by_another_page(report: str) -> None:
    worlds = runs([World.confirm_elsewhere, World.confirm_elsewhere], [pays, is_let_through], REPORTS[report])
    assert ("PAID", None) in statuses(worlds)
    assert any(len(world.till.captured()) > 1 for world in worlds) or len(worlds) < MANY  # it is rare


@pytest.mark.parametrize("late", ["refund", "reacquire"])
def test_everything_at_once(late: str) -> None:
    client: list[Hand] = [World.confirm, World.confirm_elsewhere, World.cancel, World.confirm_elsewhere, World.delete]
    customer: list[Hand] = [is_declined, pays, walks_away, is_let_through, pays_slowly, pays]
    others: list[Hand] = [World.move, World.change, World.confirm_to_pay_at_the_desk, World.confirm, World.move]
    ended = runs(client, customer, others, [rival, arrives, is_let_through, rival], late=late, expired="cancel")
    assert any(world.state.hidden and world.till.captured() for world in ended)
    assert any(len(world.till.captured()) > 1 for world in ended)


@pytest.mark.parametrize("late", ["refund", "reacquire"])
def test_answers_that_cannot_be_decided_leave_money_and_slot_in_order(late: LatePayment) -> None:
    """A third of what availability answers; who asked is told so, and the world is checked as ever."""
    told = Counter[str]()
    for seed in range(RUNS):
        world = begun(seed, late, "cancel")
        world.undecided = 0.3
        client: list[Hand] = [World.move, World.cancel, World.confirm_elsewhere, World.cancel, World.delete]
        world.people = [client, [pays, walks_away, is_let_through, pays], [World.change, World.move, rival]]
        world.settle()
        world.check()
        told.update(answer.body.code for answer in world.answers if isinstance(answer.body, Refused))
    assert told["SERVER_ERROR"] > RUNS // 4


def test_a_refund_that_is_refused_is_shown_and_asked_for_again() -> None:
    shown = 0
    for seed in range(RUNS):
        world = begun(seed)
        world.till.refuses_refunds = 1
        world.people = [[World.cancel], [pays]]
        world.settle()
        if world.state.booking.payment_status == "refund_failed":
            shown += 1
            assert world.till.refunds == {}
            world.cancel()
            world.settle()
        world.till.refuses_refunds = 0
        world.check()
    assert shown > RUNS // 10
