"""A confirm that races the end of its hold wins or loses as a whole: the booking and the slot say the same."""

import random
from collections import Counter

import asyncpg
import pytest
from http_house import Told, crowded, opened
from race import Race, Round

from embedded.platform import running

ROUNDS, AT_ONCE = 1000, 125


@pytest.mark.timeout(180)
async def test_each_of_1000_confirms_around_the_deadline_ends_with_its_slot_or_with_the_slot_free() -> None:
    async with running(hold="2s", fast_sessions=True) as platform, opened(platform.url) as one, crowded(one) as house:
        race, slots = Race(house, random.Random(1000)), await house.slots(60)
        rounds: list[Round] = []
        for first in range(0, ROUNDS, AT_ONCE):
            rounds += await race.wave(slots[first : first + AT_ONCE])
        outcomes = Counter(_outcome(each) for each in rounds)
        assert sum(outcomes.values()) == ROUNDS
        for outcome in ("kept", "free", "the rival's"):
            assert outcomes[outcome] > 20, outcomes  # else it was no race
        await _databases_agree(platform.dsn("booking"), platform.dsn("availability"), rounds)


def _outcome(each: Round) -> str:
    """Whose the slot is. Fails on both, and on neither."""
    rival_has_it = each.rival is not None and each.rival.status == 201
    if each.rival is not None and not rival_has_it:
        _is_taken(each.rival)
    if each.kept:
        assert each.confirm.json["status"] == "CONFIRMED"
        assert not rival_has_it
        _is_taken(each.after, "booked")
        return "kept"
    assert (each.confirm.status, each.confirm.json["code"]) == (409, "HOLD_EXPIRED"), each.confirm.raw
    if rival_has_it:
        if each.after.status != 201:  # the rival's hold may have run out, too
            _is_taken(each.after, "held")
        return "the rival's"
    assert each.after.status == 201, each.after.raw
    return "free"


def _is_taken(told: Told, *reasons: str) -> None:
    assert (told.status, told.json["code"]) == (409, "SLOT_UNAVAILABLE"), told.raw
    assert told.json["details"][0]["issue"] in (reasons or ("held", "booked"))


async def _databases_agree(bookings: str, slots: str, rounds: list[Round]) -> None:
    """Both say of each booking what its client was told, and no two slots overlap."""
    kept = {each.booking: each.kept for each in rounds}
    for url, sql, words in (
        (bookings, "SELECT id::text, status FROM bookings", {True: "CONFIRMED", False: "CANCEL"}),
        (slots, "SELECT booking_id::text, state FROM slots", {True: "COMMITTED", False: "RELEASED"}),
    ):
        database = await asyncpg.connect(url)
        found = {id_: state for id_, state in await database.fetch(sql) if id_ in kept}
        assert found == {id_: words[is_kept] for id_, is_kept in kept.items()}
        if url == slots:
            assert await database.fetchval(OVERLAPS) == 0
        await database.close()


OVERLAPS = """
SELECT count(*)
FROM slots a
JOIN slots b ON a.space_id = b.space_id AND a.unit = b.unit AND a.during && b.during AND a.booking_id < b.booking_id
WHERE a.state = 'COMMITTED' AND b.state = 'COMMITTED'
"""
