"""`holdfast verify` beside customers who never stop: what is under way is no finding, and what is wrong is one all the same."""

import sys
from pathlib import Path
from typing import Any

import asyncpg

sys.path.append(str(Path(__file__).parents[1] / "chaos"))  # its customers serve here too

from flows import Load, pressure, street
from terminal import typed

Findings = list[tuple[str, str, str]]


async def found(platform: Any) -> Findings:
    answer = await typed("verify", "--json", "--data", str(platform.data))
    assert answer.code in (0, 1), answer.complained
    return [(each["rule"], each["about"], each["what"]) for each in answer.json["findings"]]


async def test_customers_under_way_are_no_finding(platform: Any) -> None:
    before = await found(platform)  # what tests of other folders left on the platform that all share
    looked: list[int] = []
    async with street(platform.kafka) as mine, pressure(mine) as load:
        for _ in range(4):
            answered = load.answered
            assert [each for each in await found(platform) if each not in before] == []
            looked.append(load.answered - answered)
    assert load.failures == []
    assert min(looked) > 20, f"that was no load: {looked}"
    assert [each for each in await found(platform) if each not in before] == []


async def test_what_is_wrong_is_found_while_customers_are_under_way(platform: Any) -> None:
    before = await found(platform)
    async with street(platform.kafka) as mine:
        booking = await Load(mine).book("one that stays", mine.free())
        assert booking
        async with pressure(mine):
            connection, slot = (
                await asyncpg.connect(platform.dsn("availability")),
                "UPDATE slots SET state = '{}' WHERE booking_id = $1",
            )
            try:
                await connection.execute(slot.format("RELEASED"), booking.id)
                news = [each for each in await found(platform) if each not in before]
            finally:
                await connection.execute(slot.format("HELD"), booking.id)
                await connection.close()
    assert [(rule, about.partition("/")[2]) for rule, about, _ in news] == [("status-and-slot-agree", booking.id)]
