"""`holdfast status`: who is ready and what waits."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from http_house import House
from posting import posted
from terminal import addresses, typed

from contracts.envelope import stamp
from embedded.operate.status import timer_overdue, well
from embedded.operate.telling import _timers

EVERYBODY = {"gateway", "availability", "relay", "booking", "payment", "notifier"}


async def test_status_tells_readiness_lag_holds_and_calls(platform: Any, house: House) -> None:
    await house.held()
    answer = await typed("status", "--json", "--data", str(platform.data))
    assert answer.code == 0, answer.said
    seen = answer.json
    assert (seen["running"], seen["well"], seen["unknown"]) == (True, True, {})
    assert {name for name, each in seen["services"].items() if each["ready"]} == EVERYBODY
    lag = {(line["topic"], line["group"]): line for line in seen["lag"]}
    assert lag["booking.commands", "booking"]["waiting"] == 0
    assert lag["availability.expiry.15m", "availability.relay"]["waiting"] >= 1
    assert lag["availability.expiry.15m", "availability.relay"]["nextDue"]
    assert seen["holds"]["held"] >= 1
    assert seen["openCalls"] >= 0
    shown = await typed("status", **addresses(platform))
    assert shown.code == 0, shown.said
    assert "availability.expiry.15m" in shown.said
    assert "Calls to the outside: " in shown.said


async def test_status_tells_who_does_not_answer_and_what_piles_up(platform: Any) -> None:
    await platform.stop_process("booking-1")
    try:
        await posted(platform, "booking.commands", b"waits", [], "x")
        answer = await typed("status", "--json", "--data", str(platform.data))
        assert answer.code == 1
        assert not answer.json["services"]["booking"]["ready"]
        assert "does not answer" in answer.json["services"]["booking"]["missing"][0]
        [line] = [each for each in answer.json["lag"] if each["topic"] == "booking.commands"]
        assert line["waiting"] == 1
    finally:
        await platform.start_process("booking-1")


async def test_timers_that_are_overdue_are_named_as_such_and_are_not_well(platform: Any) -> None:
    """A relay that does not read a topic leaves its head where it is."""
    await platform.stop_process("relay-1")
    try:
        past = stamp(datetime.now(UTC) - timedelta(seconds=8))
        place = await posted(platform, "availability.expiry.60m", b"{}", [("ce_dueat", past)], "x")
        answer = await typed("status", "--json", "--data", str(platform.data))
        assert (answer.code, answer.json["well"]) == (1, False)
        [line] = [each for each in answer.json["lag"] if each["topic"] == "availability.expiry.60m"]
        assert (line["nextDue"], line["waiting"]) == (past.decode(), 1), place
        assert 8 <= line["overdueSeconds"] < 60
        shown = await typed("status", "--data", str(platform.data))
        assert f"overdue since {past.decode()}: the relay does not forward it" in shown.said
    finally:
        await platform.start_process("relay-1")


@pytest.mark.parametrize(
    ("ahead", "seconds", "said"),
    [
        (60.0, 0.0, "not due yet; the next at"),
        (-0.1, 0.0, "due since"),
        (-4.9, 4.9, "due since"),
        (-5.1, 5.1, "overdue since"),
    ],
)
def test_past_moment_is_never_called_not_due_yet(ahead: float, seconds: float, said: str) -> None:
    moment = stamp(datetime.now(UTC) + timedelta(seconds=ahead)).decode()
    line = {"topic": "t", "waiting": 1, "delayed": True, "nextDue": moment, "overdueSeconds": seconds}
    assert timer_overdue(line) == (said == "overdue since")
    assert _timers(line).startswith(f"{said} {moment}")


@pytest.mark.parametrize(
    ("due", "late", "found"), [(0, 0.0, False), (1, 29.0, False), (1, 31.0, True), (0, 31.0, False)]
)
def test_hold_that_is_due_and_not_ended_is_not_well_after_half_a_minute(due: int, late: float, *, found: bool) -> None:
    sight: dict[str, Any] = {"unknown": {}, "services": {}, "lag": [], "holds": {"due": due, "lateSeconds": late}}
    assert well(sight) == (not found)


async def test_timers_of_payment_are_no_calls_to_the_outside(platform: Any) -> None:
    connection, timer = await asyncpg.connect(platform.dsn("payment")), str(uuid.uuid4())
    sql = """
    INSERT INTO calls (id, kind, destination, organisation_id, correlation_id, key, request, created_at, due_at, attempts)
    VALUES ($1, 'late', 'clock', 'demo', $1, 'x', '{}', now() - interval '3 hours', now() + interval '1 hour', 0)
    """
    before = (await typed("status", "--json", "--data", str(platform.data))).json
    await connection.execute(sql, timer)
    try:
        after = await typed("status", "--json", "--data", str(platform.data))
        assert after.json["openCalls"] == before["openCalls"]
        assert (after.json["oldestCall"] or {}).get("id") != timer
        [timers] = after.json["timers"]
        assert (timers["service"], timers["waiting"]) == ("payment", 1)
        shown = await typed("status", "--data", str(platform.data))
        assert f"Own timers of payment, which call nobody: 1, the next at {timers['nextDue']}." in shown.said
        assert "clock" not in shown.said
    finally:
        await connection.execute("DELETE FROM calls WHERE id = $1", timer)
        await connection.close()


async def test_status_tells_that_the_relay_does_not_answer(platform: Any) -> None:
    await platform.stop_process("relay-1")
    try:
        answer = await typed("status", "--json", "--data", str(platform.data))
        assert (answer.code, answer.json["well"]) == (1, False)
        assert {name for name, each in answer.json["services"].items() if not each["ready"]} == {"relay"}
    finally:
        await platform.start_process("relay-1")


async def test_status_tells_the_oldest_open_call(platform: Any) -> None:
    connection, call = await asyncpg.connect(platform.dsn("payment")), str(uuid.uuid4())
    sql = """
    INSERT INTO calls (id, kind, destination, organisation_id, correlation_id, key, request, created_at, due_at, attempts, last_error)
    VALUES ($1, 'nobody-makes', 'moon', 'demo', $1, 'x', '{}', now() - interval '2 hours', now() + interval '1 hour', 3, 'no air')
    """
    await connection.execute(sql, call)
    try:
        answer = await typed("status", "--json", "--data", str(platform.data))
        oldest = answer.json["oldestCall"]
        assert (oldest["id"], oldest["service"], oldest["attempts"]) == (call, "payment", 3)
        assert 7200 <= oldest["ageSeconds"] < 7300
        shown = await typed("status", "--data", str(platform.data))
        assert "nobody-makes to moon, 3 attempts, last failed with: no air" in shown.said
    finally:
        await connection.execute("DELETE FROM calls WHERE id = $1", call)
        await connection.close()


async def test_nothing_that_runs_is_said_with_the_way_out(tmp_path: Any) -> None:
    status = await typed("status", "--data", str(tmp_path))
    assert (status.code, status.said) == (3, f"nothing runs in {tmp_path}\n")
    for words in (("verify",), ("story", "4b96f5ea-3d46-59a4-912d-eb2a1da8d934"), ("dead-letters", "list")):
        answer = await typed(*words, "--data", str(tmp_path))
        assert answer.code == 2
        assert f"nothing runs in {tmp_path}. Start the platform with `make up`" in answer.complained
