"""The ledger of a booking: what it comes to, and what does not add up."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from paying import Told, paid

from contracts.examples import BOOKING_ID
from contracts.payment import RefundPayment
from services.payment.decision import NotBelieved
from services.payment.ledger import Line, lines, problems
from services.payment.state import Entry

NOON = datetime(2027, 1, 10, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def dated(account: Told, *ats: datetime) -> list[tuple[Entry, datetime]]:
    """Its entries, at these times; the last one counts for the rest."""
    return [(entry, ats[min(number, len(ats) - 1)]) for number, entry in enumerate(account.entries)]


def line(account: Told, *ats: datetime, begin: datetime = NOON - DAY, end: datetime = NOON + DAY) -> Line:
    [only] = lines("demo", BOOKING_ID, account.account, dated(account, *(ats or [NOON])), begin, end, NOON)
    return only


def bought() -> Told:
    account = Told()
    account.create()
    account.opened()
    account.completed(paid())
    return account


def back(account: Told, amount: int, name: str) -> None:
    account.tell(RefundPayment(booking_id=BOOKING_ID, payment="pi_first", amount=amount), name)


def test_what_came_less_what_went_back_is_kept() -> None:
    account = bought()
    back(account, 1000, "one")
    account.refunded(account.called("refund")[0])
    assert line(account).model_dump(include={"captured", "refunded", "kept", "problems"}) == {
        "captured": 2500,
        "refunded": 1000,
        "kept": 1500,
        "problems": (),
    }


def test_a_period_counts_what_happened_in_it() -> None:
    account = bought()
    back(account, 1000, "one")
    account.refunded(account.called("refund")[0])
    days = (NOON, NOON + 2 * DAY)
    assert line(account, *days).kept == 2500
    later = line(account, *days, begin=NOON + DAY, end=NOON + 3 * DAY)
    assert (later.captured, later.refunded, later.kept, later.kept_today) == (0, 1000, -1000, 1500)
    at_its_ends = line(account, *days, begin=NOON, end=NOON + 2 * DAY)
    assert (at_its_ends.captured, at_its_ends.refunded) == (2500, 0), (
        "it begins with its begin, and ends before its end"
    )
    assert lines("demo", BOOKING_ID, account.account, dated(account, NOON), NOON + DAY, NOON + 2 * DAY, NOON) == []


def test_a_refund_that_failed_is_named_until_as_much_went_back_otherwise() -> None:
    account = bought()
    back(account, 2500, "one")
    account.refunded(account.called("refund")[0], "failed")
    assert line(account).problems == ("a refund failed: 2500 EUR of pi_first",)
    back(account, 2500, "two")
    account.refunded(account.called("refund")[1])
    assert (line(account).problems, line(account).kept) == ((), 0)


def test_money_that_a_bank_has_sent_back_again_is_kept_again() -> None:
    account = bought()
    back(account, 2500, "one")
    call = account.called("refund")[0]
    account.refunded(call)
    account.refunded(call, "failed")
    assert (line(account).refunded, line(account).kept) == (0, 2500)
    assert line(account).problems == ("a refund failed: 2500 EUR of pi_first",)


def test_a_refund_that_takes_longer_than_a_day_is_named() -> None:
    account = bought()
    back(account, 2500, "one")
    assert line(account).problems == ()
    old = problems(account.account, dated(account, NOON - 2 * DAY), NOON)
    assert old == ["a refund is on its way since 2027-01-08: 2500 EUR of pi_first"]


@pytest.mark.parametrize(
    ("said", "how"), [("succeeded", "went back"), ("failed", "did not go back"), (None, "is going back")]
)
def test_money_that_nobody_asked_for_is_named(said: str | None, how: str) -> None:
    account = Told()
    account.create()
    account.opened()
    account.completed(paid(amount=2400))
    if said:
        account.refunded(account.called("refund")[0], said)
    assert line(account).problems == (f"2400 EUR of pi_first came that nobody had asked for, and {how}",)


def test_two_payments_that_are_kept_are_named() -> None:
    account = bought()
    account.create("second")
    account.opened("second")
    account.completed(paid("second"))
    assert line(account).problems == ("2 payments are kept: pi_first, pi_second",)


def test_entries_that_say_otherwise_than_the_account_are_named() -> None:
    account = bought()
    assert problems(account.account, [], NOON) == ["ledger and account differ"]
    assert problems(None, dated(account, NOON), NOON) == ["there are entries and no account"]


@pytest.mark.parametrize("seed", range(200))
def test_entries_and_account_agree_whatever_happened(seed: int) -> None:
    chance = random.Random(seed)
    account = bought()
    for number in range(6):
        try:
            back(account, chance.randrange(1, 1500), f"refund-{number}")
        except NotBelieved:
            continue
        call = account.called("refund")[-1]
        for said in chance.choices(["pending", "succeeded", "failed"], k=chance.randrange(4)):
            account.refunded(call, said)
    assert "ledger and account differ" not in problems(account.account, dated(account, NOON), NOON)
    assert len({(entry.kind, entry.about) for entry in account.entries}) == len(account.entries)
