"""`holdfast payments ledger`: its words, its period, and what it says where there is nothing to ask."""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from contracts.examples import BOOKING_ID
from embedded import payments
from embedded.jars import PROJECT

KEPT = {"currency": "EUR", "captured": 2500, "refunded": 0, "disputed": 0, "kept": 2500, "keptToday": 2500}


async def told(*options: str, **environment: str) -> tuple[int, str, str]:
    """Exit code, answer and complaints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "embedded.command", "payments", "ledger", *options),
        cwd=PROJECT,
        env=environment,
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    answer, words = await process.communicate()
    assert process.returncode is not None
    return process.returncode, answer.decode(), words.decode()


async def said(*options: str, **environment: str) -> tuple[int, str]:
    code, _, words = await told(*options, **environment)
    return code, words


@pytest.fixture
async def services():
    """Payment's and booking's read ports, as they answer whoever has the token `between us`."""
    line = KEPT | {"organisation": "demo", "bookingId": BOOKING_ID, "problems": []}

    def answer(body: object) -> Any:
        async def handle(request: web.Request) -> web.Response:
            known = request.headers.get("Authorization") == "Bearer between us"
            return web.json_response(body) if known else web.Response(status=401)

        return handle

    app = web.Application()
    app.router.add_get("/payment/ledger", answer({"data": [line], "next": None}))
    app.router.add_get("/booking/bookings/{id}/money", answer(booking("CANCEL", 0)))
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_where_nothing_runs_it_says_so_and_the_way_out(tmp_path):
    code, words = await said("--data", str(tmp_path))
    assert (code, words.startswith(f"holdfast: nothing runs in {tmp_path}. Start the platform with")) == (2, True)
    code, words = await said("--url", "http://127.0.0.1:9")
    assert (code, "HOLDFAST_INTERNAL_TOKEN is not set" in words) == (2, True)
    code, words = await said("--url", "http://127.0.0.1:9", HOLDFAST_INTERNAL_TOKEN="x")
    assert (code, "http://127.0.0.1:9/ledger does not answer" in words, "Traceback" in words) == (2, True, False)


async def test_the_environment_says_where_payment_and_booking_are_read(services):
    block = {
        "HOLDFAST_KAFKA": "127.0.0.1:9",
        "HOLDFAST_GATEWAY_PAYMENT_URL": f"{services}/payment/",
        "HOLDFAST_GATEWAY_BOOKING_URL": f"{services}/booking",
        "HOLDFAST_INTERNAL_TOKEN": "between us",
    }
    code, answer, words = await told(**block)
    assert (code, words) == (4, "")
    assert f"demo {BOOKING_ID}: 2500 EUR are kept, and the booking, which is CANCEL, says 0" in answer
    del block["HOLDFAST_GATEWAY_BOOKING_URL"]
    code, answer, words = await told(**block)
    assert (code, "Everything adds up." in answer) == (0, True)
    assert words.startswith("holdfast: nothing is compared with the bookings: HOLDFAST_GATEWAY_BOOKING_URL")
    code, words = await said(**{**block, "HOLDFAST_INTERNAL_TOKEN": "another"})
    assert (code, words) == (2, f"holdfast: {services}/payment/ledger answers 401\n")


@pytest.mark.parametrize("name", ["HOLDFAST_GATEWAY_PAYMENT_URL", "HOLDFAST_INTERNAL_TOKEN"])
async def test_what_the_environment_does_not_say_is_named(name):
    block = {"HOLDFAST_KAFKA": "127.0.0.1:9", "HOLDFAST_GATEWAY_PAYMENT_URL": "http://127.0.0.1:9"}
    block["HOLDFAST_INTERNAL_TOKEN"] = "x"
    del block[name]
    code, words = await said(**block)
    assert (code, name in words, "Traceback" in words) == (2, True, False)


async def test_the_command_starts_without_what_only_some_of_it_needs():
    late = "aiohttp aiokafka asyncpg stripe sqlite3"
    code = f"import sys, embedded.command; sys.exit(' '.join(set('{late}'.split()) & set(sys.modules)) or None)"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=PROJECT, stderr=asyncio.subprocess.PIPE
    )
    assert (await process.communicate())[1] == b""


@pytest.mark.parametrize("day", ["yesterday", "2027-13-01", "2027-01-11T09:00:00"])
async def test_what_is_no_day_is_named(tmp_path, day):
    code, words = await said("--from", day, "--data", str(tmp_path))
    assert (code, words.startswith(f"holdfast: {day!r}")) == (2, True)


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


def booking(status: str, kept: int = 0, going_back: int = 0, price: int = 2500) -> dict[str, object]:
    """What booking makes of its money."""
    return {"status": status, "totalPrice": price, "currency": "EUR", "kept": kept, "goingBack": going_back}


@pytest.mark.parametrize(
    ("kept", "said", "problem"),
    [
        (2500, booking("PAID", 2500), None),
        (1250, booking("REFUNDED", 1250), None),
        (2500, booking("CANCEL", 2500, going_back=1250), None),
        (1250, booking("CANCEL", 2500, going_back=1250), None),  # payment has heard of it, booking has not yet
        (0, booking("CONFIRMED"), None),
        (0, None, None),
        (2500, None, "2500 EUR are kept, and there is no such booking"),
        (2500, booking("CONFIRMED"), "2500 EUR are kept, and the booking is CONFIRMED"),
        (0, booking("PAID", 2500), "0 EUR are kept of a booking that is PAID and costs 2500 EUR"),
        (
            2500,
            booking("PAID", 2500, price=3000),
            "2500 EUR are kept of a booking that is PAID and costs 3000 EUR",
        ),
        (
            2500,
            booking("PAID", 2500) | {"currency": "CHF"},
            "2500 EUR are kept of a booking that is PAID and costs 2500 CHF",
        ),
        (100, booking("CANCEL", 2500) | {"currency": "CHF"}, None),  # of another currency it says nothing
        (2500, booking("REFUNDED", 0), "2500 EUR are kept, and the booking, which is REFUNDED, says 0"),
        (1000, booking("CANCEL", 2500), "1000 EUR are kept, and the booking, which is CANCEL, says 2500"),
        (1000, booking("CANCEL", 2500, 1250), "1000 EUR are kept, and the booking, which is CANCEL, says 2500"),
    ],
)
def test_what_booking_says_otherwise_is_named(kept, said, problem):
    assert payments.compared(KEPT | {"keptToday": kept}, said) == problem


def test_nothing_is_cut_off_however_narrow_the_terminal_is(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    id_ = "4b96f5ea-3d46-59a4-912d-eb2a1da8d934"
    line = KEPT | {"organisation": "demo", "bookingId": id_, "captured": 123456789}
    payments._show([line], [{"organisation": "demo", "bookingId": id_, "problem": "it is odd"}])
    said = capsys.readouterr().out
    assert f"demo          {id_}  123456789         0         0  2500       EUR" in said
    assert "total         1 booking " in said
    assert said.endswith(f"1 thing does not add up:\n  demo {id_}: it is odd\n")
    payments._show([], [])
    assert capsys.readouterr().out.endswith("Nothing happened to money in this time.\n")


async def test_a_period_that_ends_before_it_begins_is_refused(tmp_path):
    code, words = await said("--from", "2027-01-11", "--to", "2027-01-09", "--data", str(tmp_path))
    assert (code, "the period ends before it begins" in words) == (2, True)
