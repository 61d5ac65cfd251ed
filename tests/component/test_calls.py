"""Calls to the outside: at least once under one key, the first outcome counts, nobody waits for another destination."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bus import Bus, stays, until
from calling import Scene, scene

from chassis import calls
from chassis.caller import outcome_id
from chassis.calls import Schedule
from chassis.failpoints import CALL_POINTS, EXIT_CODE


@pytest.fixture
async def toy(whole_bus: Bus, tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(whole_bus, tmp_path) as made:
        yield made


@pytest.mark.parametrize("point", CALL_POINTS)
async def test_a_call_has_one_effect_and_one_outcome_when_its_caller_dies(toy: Scene, point: str) -> None:
    async with toy.process(HOLDFAST_FAILPOINT=f"{point}:1") as first:
        call_id = await toy.ask("there")
        assert await asyncio.wait_for(first.wait(), 30) == EXIT_CODE
    before = len(toy.other.requests)
    assert before == (0 if point == "claimed" else 1)
    async with toy.process():
        await until(lambda: toy.heard(call_id))
        await toy.closed()
    assert {key for _, key in toy.other.requests} == {call_id}
    assert len(toy.other.requests) == before + (0 if point == "closed" else 1)
    assert list(toy.other.effects) == [call_id]
    assert await toy.heard(call_id) == ["done by 1"]


async def test_a_call_has_one_effect_and_one_outcome_when_its_caller_is_killed_before_the_answer(toy: Scene) -> None:
    async with toy.process() as first:

        async def kill(_key: str) -> None:
            if first.returncode is None:
                first.kill()
                await first.wait()

        toy.other.on_effect = kill
        call_id = await toy.ask("there")
        await asyncio.wait_for(first.wait(), 30)
    assert list(toy.other.effects) == [call_id]
    async with toy.process():
        await until(lambda: toy.heard(call_id))
        await toy.closed()
    assert toy.other.asked("there") == [call_id, call_id]
    assert await toy.heard(call_id) == ["done by 1"]


async def test_the_first_outcome_counts_when_two_callers_have_one_each(toy: Scene) -> None:
    toy.other.gates["there"] = asyncio.Event()
    async with toy.bus.listening(toy.toy.commands.name) as log, toy.deciding(), toy.calling():
        call_id = await toy.ask("there")
        await until(lambda: _some(toy.other.asked("there"), 1))
        # Its caller stood still for so long that it was thought dead.
        await toy.pool.execute("UPDATE calls SET due_at = clock_timestamp()")
        async with toy.calling(schedule=Schedule(delays=(), seconds=0.1)):  # gives up after one attempt
            [first] = await toy.told(log, 1)
            [answer] = await until(lambda: toy.heard(call_id))
            toy.other.gates["there"].set()
            ids = await toy.told(log, 2)
    assert answer == "given up: TimeoutError: "
    assert ids == [first, first] == [outcome_id(call_id)] * 2
    async with toy.deciding():
        await stays(lambda: _is(toy.heard(call_id), [answer]), 0.5)


async def test_no_transaction_is_open_while_a_call_lasts(toy: Scene) -> None:
    toy.other.gates["there"] = asyncio.Event()
    sql = """
    SELECT count(*) = 0
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
    """
    async with toy.deciding(), toy.calling():
        call_id = await toy.ask("there")
        await until(lambda: _some(toy.other.asked("there"), 1))
        await until(lambda: toy.pool.fetchval(sql), 5)
        assert await toy.heard(call_id) == []
        toy.other.gates["there"].set()
        await until(lambda: toy.heard(call_id))


async def test_a_slow_destination_delays_nobody_else(toy: Scene) -> None:
    toy.other.gates["slow"] = asyncio.Event()
    async with toy.deciding(), toy.calling(most=6, most_each=4):
        slow = [await toy.ask("slow") for _ in range(30)]
        await until(lambda: _some(toy.other.asked("slow"), 4))
        others = [await toy.ask(f"quick-{number % 5}") for number in range(30)]
        for each in others:
            await until(lambda each=each: toy.heard(each))  # type: ignore[misc]
        assert len(toy.other.asked("slow")) == 4
        toy.other.gates["slow"].set()
        await toy.closed(len(slow) + len(others))
    assert sorted(toy.other.asked("slow")) == sorted(slow)


async def test_a_timer_waits_for_no_call_even_when_there_is_no_room_for_more(toy: Scene) -> None:
    toy.other.gates.update({"slow": asyncio.Event(), "slower": asyncio.Event()})
    async with toy.deciding(), toy.calling(most=2):
        for each in ("slow", "slower"):
            await toy.ask(each)
            await until(lambda each=each: _some(toy.other.asked(each), 1))  # type: ignore[misc]
        timer, third = await toy.ask("clock"), await toy.ask("third")
        await until(lambda: toy.heard(timer))
        assert toy.other.asked("third") == []
        for gate in toy.other.gates.values():
            gate.set()
        await until(lambda: toy.heard(third))
        await toy.closed(4)


async def test_who_has_waited_in_a_short_queue_comes_before_a_long_one(toy: Scene) -> None:
    """With room for two, each free place goes to the destination that has the fewest under way."""
    async with toy.deciding():
        for _ in range(20):
            await toy.ask("long")
        await until(lambda: _is(toy.open_calls(), 20))
        await toy.ask("short")
        await until(lambda: _is(toy.open_calls(), 21))
    async with toy.deciding(), toy.calling(most=2):
        await until(lambda: _some(toy.other.asked("short"), 1))
        place = [destination for destination, _ in toy.other.requests].index("short")
        assert place < 2
        await toy.closed(21)


async def test_a_caller_is_woken_by_the_commit(toy: Scene) -> None:
    async with toy.deciding(), toy.calling(look_seconds=60.0):
        first = await toy.ask("there")
        await until(lambda: toy.heard(first))
        waits = []
        for number in range(1, 11):
            began = time.monotonic()
            await toy.ask("there")
            await until(lambda number=number: _some(toy.other.requests, number + 1))  # type: ignore[misc]
            waits.append(time.monotonic() - began)
        assert sorted(waits)[5] < 0.5, "from Kafka over the decision to the other side"
        assert max(waits) < 5


async def test_a_caller_hears_again_after_its_line_to_the_database_was_cut(toy: Scene) -> None:
    listens = "state = 'idle' AND query ILIKE 'listen%' AND datname = current_database()"
    async with toy.deciding(), toy.calling(look_seconds=60.0):
        await until(lambda: toy.pool.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE {listens}"))
        await toy.pool.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {listens}")
        call_id = await toy.ask("there")
        await until(lambda: toy.heard(call_id))


async def test_a_call_is_tried_again_under_its_key_by_its_schedule(toy: Scene) -> None:
    toy.other.fails["there"] = 2
    async with toy.deciding(), toy.calling(schedule=Schedule(delays=(0.3, 0.6), jitter=0.0)):
        began = time.monotonic()
        call_id = await toy.ask("there")
        await until(lambda: toy.heard(call_id))
        assert time.monotonic() - began >= 0.9
        await toy.closed()
    assert toy.other.asked("there") == [call_id] * 3
    row = await toy.pool.fetchrow("SELECT attempts, note FROM calls")
    assert row["attempts"] == 3
    assert row["note"] == "attempt 2 after attempt 1 after None"


async def test_a_call_that_is_tried_no_more_has_an_outcome_too(toy: Scene) -> None:
    toy.other.fails["there"] = 10
    async with toy.deciding(), toy.calling(schedule=Schedule(delays=(0.01, 0.01))):
        call_id = await toy.ask("there")
        assert await until(lambda: toy.heard(call_id)) == ["given up: 503 not now"]
        await toy.closed()
    assert toy.other.asked("there") == [call_id] * 3


async def test_a_call_whose_outcome_does_not_matter_is_closed_and_nothing_is_told(toy: Scene) -> None:
    async with toy.deciding(), toy.calling():
        call_id = await toy.ask("there", matters=False)
        await toy.closed()
        assert toy.other.asked("there") == [call_id]
        await stays(lambda: _is(toy.heard(call_id), []), 0.3)


async def test_a_caller_that_stops_gives_back_what_is_under_way(toy: Scene) -> None:
    toy.other.gates["there"] = asyncio.Event()
    async with toy.deciding():
        async with toy.calling():
            call_id = await toy.ask("there")
            await until(lambda: _some(toy.other.asked("there"), 1))
        toy.other.gates["there"].set()
        async with toy.calling():  # the claim would have lasted 40 s
            assert len(await until(lambda: toy.heard(call_id), 10)) == 1
            await toy.closed()


async def test_only_what_has_been_closed_for_eight_days_is_forgotten(toy: Scene) -> None:
    async with toy.deciding(), toy.calling():
        old, young = await toy.ask("there"), await toy.ask("there")
        await toy.closed(2)
    async with toy.deciding():
        waits = await toy.ask("there")
        await until(lambda: _is(toy.open_calls(), 1))
    long_ago = "clock_timestamp() - interval '9 days'"
    await toy.pool.execute(f"UPDATE calls SET closed_at = {long_ago} WHERE id = $1", old)
    await toy.pool.execute(f"UPDATE calls SET created_at = {long_ago} WHERE id = $1", waits)
    assert await toy.pool.execute(calls.PRUNE) == "DELETE 1"
    assert {str(row[0]) for row in await toy.pool.fetch("SELECT id FROM calls")} == {young, waits}


async def _some(found: list[object] | list[str] | list[tuple[str, str]], count: int) -> bool:
    return len(found) >= count


async def _is(asked: object, expected: object) -> bool:
    return bool(await asked == expected)  # type: ignore[misc]
