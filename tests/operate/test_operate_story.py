"""`holdfast story`: the whole causal tree of a booking."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from awaiting import until
from http_house import ADA, House, call
from posting import commanded
from receiving import Receiver, status
from terminal import addresses, typed

from contracts.booking import CancelBooking
from contracts.payment import CreateCheckout
from embedded.operate.story_told import _is_claim


def names(node: dict[str, Any]) -> Any:
    """The tree as names alone."""
    return {node["type"].split(".")[1]: [names(child) for child in node["follows"] if child["kind"] == "message"]}


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


async def test_command_that_a_client_repeats_was_accepted_when_it_came_first(platform: Any, house: House) -> None:
    [slot, *_], key = await house.slots(), str(uuid.uuid4())
    first = await house.hold(slot, key)
    again = await house.hold(slot, key)
    assert (first.status, again.status, again.json) == (201, 201, first.json)
    answer = await typed("story", first.json["id"], "--data", str(platform.data), "--json")
    [create] = answer.json["story"]
    assert create["acceptedAt"][:23] <= create["decided"][0]["at"][:23], "it was not decided before it came"


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


async def test_story_shows_a_call_to_the_outside_between_its_cause_and_its_outcome(platform: Any, house: House) -> None:
    booking, command_id = await house.held(), str(uuid.uuid4())
    checkout = CreateCheckout(
        booking_id=booking["id"],
        amount=2500,
        currency="EUR",
        description="Meeting room",
        success_url="https://shop.example/paid",
        cancel_url="https://shop.example/left",
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )
    await commanded(platform, checkout, command_id)

    async def told() -> dict[str, Any] | None:
        answer = await typed("story", booking["id"], "--data", str(platform.data), "--json")
        [root] = [each for each in answer.json["story"] if each["id"] == command_id]
        calls = [each for each in root["follows"] if each["kind"] == "call" and each["call"] == "open"]
        return root if calls and calls[0]["follows"] and calls[0]["closedAt"] else None

    root = await until(told)
    assert root
    [call] = [each for each in root["follows"] if each["kind"] == "call" and each["call"] == "open"]
    assert (call["service"], call["destination"], call["attempts"]) == ("payment", "provider/demo", 1)
    [outcome] = call["follows"]
    assert outcome["type"] == "holdfast.RecordCallOutcome.v1"
    assert [each["type"] for each in outcome["follows"]] == ["holdfast.CheckoutOpened.v1"]
    shown = await typed("story", booking["id"], "--data", str(platform.data))
    assert "call open to provider/demo: 1 attempt, closed at" in shown.said
    assert "payment's own timer late: end" in shown.said
    assert "clock" not in shown.said


async def test_story_shows_who_was_told_by_webhook_with_every_attempt(platform: Any, house: House) -> None:
    async with Receiver().serving() as receiver:
        receiver.answers["/hook"] = status(503)
        body = {"url": f"{receiver.url}/hook?token=secret", "events": ["booking.created"]}
        made = await call(house.session, "POST", "/v1/webhooks/subscriptions", body)
        assert made.status == 201, made.raw
        booking = await house.held()

        async def told() -> list[dict[str, Any]]:
            answer = await typed("story", booking["id"], "--data", str(platform.data), "--json")
            [event] = [each for each in every(answer.json["story"]) if each.get("type") == "holdfast.BookingCreated.v1"]
            mine = [each for each in event["follows"] if each["subscription"] == made.json["id"]]
            return mine if mine and mine[0]["tries"] else []

        [delivery] = await until(told)
        assert (delivery["kind"], delivery["url"]) == ("delivery", f"{receiver.url}/hook")
        assert delivery["tries"][0]["status"] == 503
        shown = await typed("story", booking["id"], "--data", str(platform.data))
        assert f"webhook to {receiver.url}/hook: " in shown.said
        assert "secret" not in shown.said
        await call(house.session, "DELETE", made.headers["Location"])


def every(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All nodes of a tree."""
    return [each for node in nodes for each in (node, *every(node["follows"]))]


async def test_story_of_a_booking_that_nobody_knows_says_so(platform: Any) -> None:
    answer = await typed("story", "4b96f5ea-3d46-59a4-912d-eb2a1da8d934", "--data", str(platform.data))
    assert answer.code == 1
    assert "nobody knows a booking 4b96f5ea" in answer.complained


async def test_story_of_what_is_no_booking_says_what_it_is(platform: Any, house: House) -> None:
    booking = await house.held()
    product = booking["product"]["id"]
    answer = await typed("story", product, "--data", str(platform.data))
    assert (answer.code, answer.said) == (1, "")
    assert f"{product} is no booking's id, messages have it as product.id, productId" in answer.complained


async def test_story_of_a_booking_that_was_refused_is_told(platform: Any, house: House) -> None:
    booking_id = str(uuid.uuid4())
    await commanded(platform, CancelBooking(booking_id=booking_id), str(uuid.uuid4()))

    async def told() -> str | None:
        answer = await typed("story", booking_id, "--data", str(platform.data))
        return answer.said if answer.code == 0 and "decided by booking" in answer.said else None

    said = await until(told)
    assert said
    assert said.startswith(f"booking {booking_id}, which booking never had")


@pytest.mark.parametrize(
    ("topic", "place", "is_claim"),
    [
        ("availability.commands", "booking.commands/1/7", True),
        ("availability.commands", "availability.commands/1/7", False),
        ("booking.commands", "booking.commands/1/7", False),
        ("availability.expiry.15m", "availability.commands/1/7", False),
    ],
)
def test_claim_of_a_key_is_not_taken_for_a_decision(topic: str, place: str, *, is_claim: bool) -> None:
    assert _is_claim({"topic": topic}, {"place": place}) == is_claim


async def test_story_of_what_is_no_id_says_what_an_id_looks_like() -> None:
    answer = await typed("story", "order-17")
    assert answer.code == 2
    assert "is no id: it looks like" in answer.complained
