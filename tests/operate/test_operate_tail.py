"""`holdfast events tail`."""

import asyncio
import contextlib
import json
from typing import Any

from http_house import House
from terminal import typed

from embedded.operate import places, tail


async def test_tail_shows_the_events_of_one_booking(platform: Any, house: House) -> None:
    booking = await house.held()
    await house.held()
    await house.change(booking["id"], "CANCEL")
    words = ("events", "tail", "--from-beginning", "--data", str(platform.data), "--booking", booking["id"].upper())
    answer = await typed(*words, "--limit", "2", "--json")
    assert answer.code == 0, answer.complained
    created, updated = map(json.loads, answer.said.splitlines())
    assert [created["type"], updated["type"]] == ["holdfast.BookingCreated.v1", "holdfast.BookingUpdated.v1"]
    assert created["data"]["booking"]["id"] == created["bookingId"] == booking["id"]
    only = await typed(*words, "--type", "BookingUpdated", "--organisation", "demo", "--limit", "1")
    assert only.said.split()[1:3] == ["BookingUpdated", "v3"]
    assert "RESERVED_15_MIN → CANCEL (customer)" in only.said


async def test_tail_from_the_beginning_goes_by_time_over_all_partitions(platform: Any, house: House) -> None:
    mine = {(await house.held())["id"] for _ in range(6)}
    place, written, seen = places.recorded(platform.data, platform._run()), [], set()
    async with (
        asyncio.timeout(30),
        contextlib.aclosing(tail.events(place, tail.Wanted(), from_beginning=True)) as events,
    ):
        async for event in events:
            written.append(event["written"])
            seen.add(event["place"].split("/")[1])
            mine.discard(event["bookingId"])
            if not mine:
                break
        later = await house.held()
        assert (await anext(events))["bookingId"] == later["id"], "what comes after is followed"
    assert written == sorted(written)
    assert len(seen) > 1


async def test_tail_of_a_type_that_is_none_says_which_there_are(platform: Any) -> None:
    answer = await typed("events", "tail", "--type", "SlotHeld", "--data", str(platform.data))
    assert answer.code == 2
    assert "there are no events 'SlotHeld': BookingCreated, BookingUpdated, " in answer.complained


async def test_tail_of_what_is_no_id_does_not_wait_for_ever(platform: Any) -> None:
    answer = await typed("events", "tail", "--booking", "nonsense", "--data", str(platform.data))
    assert answer.code == 2
    assert "'nonsense' is no id: it looks like" in answer.complained
