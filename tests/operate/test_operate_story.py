"""`holdfast story`: the whole causal tree of a booking."""

import uuid
from typing import Any

from http_house import ADA, House
from posting import commanded
from terminal import addresses, typed

from contracts.booking import CancelBooking


def names(node: dict[str, Any]) -> Any:
    """The tree as names alone."""
    return {node["type"].split(".")[1]: [names(child) for child in node["follows"]]}


async def test_story_shows_the_whole_tree_of_a_confirmed_booking(platform: Any, house: House) -> None:
    booking = await house.held()
    told = await house.patch(booking["id"], {"status": "CONFIRMED", **ADA})
    assert told.status == 200
    answer = await typed("story", booking["id"], "--data", str(platform.data), "--json")
    assert answer.code == 0, answer.complained
    create, confirm = answer.json["story"]
    assert names(create) == {
        "CreateBooking": [{"HoldSlot": [{"SlotHeld": [{"BookingCreated": []}]}, {"ExpireHold": []}]}]
    }
    assert names(confirm) == {"ConfirmBooking": [{"CommitSlot": [{"SlotCommitted": [{"BookingUpdated": []}]}]}]}
    hold = create["follows"][0]
    assert [each["by"] for each in create["decided"] + hold["decided"]] == ["booking", "availability"]
    assert create["sentBy"] == "/clients/gateway"
    assert create["sentAt"] <= hold["sentAt"] <= hold["decided"][0]["at"]
    assert hold["cause"] == create["id"]
    assert create["answer"]["body"]["booking"]["id"] == booking["id"]
    assert hold["follows"][1]["due"] > hold["follows"][1]["sentAt"]
    assert (answer.json["booking"]["status"], answer.json["booking"]["version"]) == ("CONFIRMED", 3)
    assert answer.json["notes"] == []


async def test_story_shows_a_refused_command_and_is_readable(platform: Any, house: House) -> None:
    booking = await house.held()
    assert (await house.patch(booking["id"], {"status": "CONFIRMED"})).status == 422  # no e-mail
    answer = await typed("story", booking["id"].upper(), **addresses(platform))
    assert answer.code == 0, answer.complained
    assert f"booking {booking['id']} of demo: RESERVED_15_MIN, version 2" in answer.said
    assert "ConfirmBooking from /clients/gateway; decided by booking" in answer.said
    assert "answered: Refused" in answer.said


async def test_story_shows_a_command_that_waits(platform: Any, house: House) -> None:
    booking = await house.held()
    await platform.stop_process("booking-1")
    try:
        await commanded(platform, CancelBooking(booking_id=booking["id"]), str(uuid.uuid4()))
        answer = await typed("story", booking["id"], "--data", str(platform.data))
        assert "CancelBooking from /clients/tests; not decided yet" in answer.said
    finally:
        await platform.start_process("booking-1")


async def test_story_of_a_booking_that_nobody_knows_says_so(platform: Any) -> None:
    answer = await typed("story", "4b96f5ea-3d46-59a4-912d-eb2a1da8d934", "--data", str(platform.data))
    assert answer.code == 1
    assert "nobody knows a booking 4b96f5ea" in answer.complained


async def test_story_of_what_is_no_id_says_what_an_id_looks_like() -> None:
    answer = await typed("story", "order-17")
    assert answer.code == 2
    assert "is no id: it looks like" in answer.complained
