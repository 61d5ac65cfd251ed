"""`holdfast payments ledger`: its words, its period, and what it says where there is nothing to ask."""

import asyncio
import sys
from datetime import UTC, datetime

import pytest

from embedded import payments
from embedded.jars import PROJECT

KEPT = {"currency": "EUR", "captured": 2500, "refunded": 0, "disputed": 0, "kept": 2500, "keptToday": 2500}
PAID = {"status": "PAID", "totalPrice": 2500, "currency": "EUR"}


async def said(*options: str, **environment: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "embedded.command", "payments", "ledger", *options),
        cwd=PROJECT,
        env=environment,
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    _, words = await process.communicate()
    assert process.returncode is not None
    return process.returncode, words.decode()


async def test_where_nothing_runs_it_says_so_and_the_way_out(tmp_path):
    assert await said("--data", str(tmp_path)) == (
        1,
        f"holdfast: no platform runs in {tmp_path}: start it with `holdfast up`, or name another folder with --data\n",
    )
    code, words = await said("--url", "http://127.0.0.1:9")
    assert (code, "HOLDFAST_INTERNAL_TOKEN is not set" in words) == (1, True)
    code, words = await said("--url", "http://127.0.0.1:9", HOLDFAST_INTERNAL_TOKEN="x")
    assert (code, "http://127.0.0.1:9/ledger does not answer" in words, "Traceback" in words) == (1, True, False)


@pytest.mark.parametrize("day", ["yesterday", "2027-13-01", "2027-01-11T09:00:00"])
async def test_what_is_no_day_is_named(tmp_path, day):
    code, words = await said("--from", day, "--data", str(tmp_path))
    assert (code, words.startswith(f"holdfast: {day!r}")) == (1, True)


def test_a_day_counts_to_its_end():
    assert payments._moment("2027-01-11") == datetime(2027, 1, 11, tzinfo=UTC)
    assert payments._moment("2027-01-31", closing=True) == datetime(2027, 2, 1, tzinfo=UTC)
    assert payments._moment("2027-01-11T09:00:00Z", closing=True) == datetime(2027, 1, 11, 9, tzinfo=UTC)


def test_totals_are_those_of_each_currency():
    lines = [KEPT, KEPT | {"refunded": 1000, "kept": 1500}, KEPT | {"currency": "CHF"}]
    assert payments.totals(lines) == [
        {"currency": "CHF", "captured": 2500, "refunded": 0, "disputed": 0, "kept": 2500},
        {"currency": "EUR", "captured": 5000, "refunded": 1000, "disputed": 0, "kept": 4000},
    ]


@pytest.mark.parametrize(
    ("kept", "booking", "problem"),
    [
        (2500, PAID, None),
        (1250, PAID | {"status": "REFUNDED"}, None),
        (1250, PAID | {"status": "CANCEL"}, None),
        (0, PAID | {"status": "CONFIRMED"}, None),
        (0, None, None),
        (2500, None, "2500 EUR are kept, and there is no such booking"),
        (2500, PAID | {"status": "CONFIRMED"}, "2500 EUR are kept, and the booking is CONFIRMED"),
        (0, PAID, "0 EUR are kept of a booking that is PAID and costs 2500 EUR"),
        (2500, PAID | {"totalPrice": 3000}, "2500 EUR are kept of a booking that is PAID and costs 3000 EUR"),
    ],
)
def test_what_booking_says_otherwise_is_named(kept, booking, problem):
    assert payments.compared(KEPT | {"keptToday": kept}, booking) == problem
