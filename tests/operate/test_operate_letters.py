"""`holdfast dead-letters`: listed, shown, replayed once, set aside."""

import json
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import ConsumerRecord
from awaiting import until
from posting import commanded, posted, read_at
from terminal import typed

from contracts import topics
from contracts.booking import FindOrCreateCustomer
from contracts.payment import CreateCheckout, RefundPayment
from embedded.operate.letters import QUESTIONS, obstacle

SAMPLES = Path(__file__).parents[2] / "contracts/samples"
AHEAD = timedelta(minutes=5, seconds=3)  # three seconds outside the fence


async def letters(platform: Any, *words: str) -> list[dict[str, Any]]:
    answer = await typed("dead-letters", "list", "--json", "--data", str(platform.data), *words)
    assert answer.code == 0, answer.complained
    found: list[dict[str, Any]] = answer.json
    return found


async def letter_of(platform: Any, place: str) -> dict[str, Any]:
    """The letter of the record at this place, as soon as it is one."""

    async def there() -> dict[str, Any] | None:
        return next((each for each in await letters(platform) if each["origin"] == place), None)

    found = await until(there)
    assert found
    return found


async def test_rubbish_is_listed_shown_and_not_replayed(platform: Any) -> None:
    place = await posted(platform, "booking.commands", b"\xffrubbish", [("ce_id", b"no id")], "x")
    letter = await letter_of(platform, place)
    assert (letter["service"], letter["reason"], letter["handled"]) == ("booking", "ce_id is malformed", None)
    listed = await typed("dead-letters", "list", "--service", "booking", "--data", str(platform.data))
    assert letter["id"] in listed.said
    shown = await typed("dead-letters", "show", letter["id"][:13], "--json", "--data", str(platform.data))
    assert shown.json["headers"]["dead-letter-origin"] == place
    assert shown.json["body"] == "\N{REPLACEMENT CHARACTER}rubbish"
    told = await typed("dead-letters", "show", letter["id"], "--data", str(platform.data))
    assert (
        "not to be replayed: its headers are not those of a message (ce_id is malformed): it would be buried"
        in told.said
    )
    replayed = await typed("dead-letters", "replay", letter["id"], "--data", str(platform.data))
    assert replayed.code == 1
    assert "is not replayed: its headers are not those of a message (ce_id is malformed)" in replayed.complained


async def test_dropped_letter_is_noted_and_stays_in_kafka(platform: Any) -> None:
    place = await posted(platform, "booking.commands", b"{}", [], "x")
    letter = await letter_of(platform, place)
    mine = (letter["id"], "--data", str(platform.data))
    asked = await typed("dead-letters", "drop", *mine)
    assert asked.code == 2
    assert "Kafka keeps the record" in asked.complained
    assert letter["id"] in [each["id"] for each in await letters(platform)]
    dropped = await typed("dead-letters", "drop", *mine, "--yes", "--why", "nobody sent it")
    assert dropped.code == 0, dropped.complained
    assert letter["id"] not in [each["id"] for each in await letters(platform)]
    [noted] = [each for each in await letters(platform, "--all") if each["id"] == letter["id"]]
    assert (noted["handled"]["done"], noted["handled"]["why"]) == ("dropped", "nobody sent it")
    shown = await typed("dead-letters", "show", "--json", *mine)
    assert shown.json["origin"] == place, "the record is still there"
    again = await typed("dead-letters", "drop", *mine, "--yes")
    assert again.code == 1
    assert "was dropped already" in again.complained


async def test_replayed_letter_takes_effect_once(platform: Any) -> None:
    command_id, email = str(uuid.uuid4()), f"{uuid.uuid4()}@example.org"
    command = FindOrCreateCustomer(customer_id=str(uuid.uuid4()), email=email)
    place = await commanded(platform, command, command_id, AHEAD)
    letter = await letter_of(platform, place)
    assert letter["reason"] == "created more than 5 minutes in the future"
    connection = await asyncpg.connect(platform.dsn("booking"))
    try:
        inside = "SELECT clock_timestamp() > $1::text::timestamptz - interval '5 minutes'"
        await until(lambda: connection.fetchval(inside, letter["created"]))
        assert await connection.fetchval("SELECT count(*) FROM customers WHERE email = $1", email) == 0
        replayed = await typed("dead-letters", "replay", letter["id"], "--json", "--data", str(platform.data))
        assert replayed.code == 0, replayed.complained
        await until(lambda: connection.fetchval("SELECT 1 FROM customers WHERE email = $1", email))
    finally:
        await connection.close()
    [done] = replayed.json
    first, second = await read_at(platform, place), await read_at(platform, done["replayed"])
    assert (second.key, second.value) == (first.key, first.value)
    trail = [header for header in second.headers if header not in first.headers]
    assert set(first.headers) <= set(second.headers)
    assert [name for name, _ in trail] == ["holdfast-replayed-letter", "holdfast-replayed-at", "holdfast-replayed-by"]
    assert trail[0][1].decode() == letter["id"]
    assert letter["id"] not in [each["id"] for each in await letters(platform)]
    again = await typed("dead-letters", "replay", letter["id"], "--data", str(platform.data))
    assert again.code == 1
    assert "was replayed at" in again.complained
    forced = await typed("dead-letters", "replay", letter["id"], "--again", "--json", "--data", str(platform.data))
    assert forced.code == 0, forced.complained
    assert forced.json[0]["replayed"] != done["replayed"]


async def test_unknown_letters_and_services_are_named(platform: Any) -> None:
    unknown = await typed("dead-letters", "show", "4b96f5ea", "--data", str(platform.data))
    assert unknown.code == 1
    assert "there is no dead letter 4b96f5ea" in unknown.complained
    nobody = await typed("dead-letters", "list", "--service", "bookings", "--data", str(platform.data))
    assert nobody.code == 2
    assert "there is no topic bookings.dead-letters" in nobody.complained


def record(
    sample: dict[str, Any], written: datetime, body: bytes | None = b"the sample's"
) -> ConsumerRecord[bytes, bytes]:
    """A sample as Kafka has it."""
    headers = [(name, value.encode()) for name, value in sample["headers"].items()]
    value = json.dumps(sample["body"]).encode() if body == b"the sample's" else body
    stamped = int(written.timestamp() * 1000)
    return ConsumerRecord("booking.commands", 0, 0, stamped, 0, b"k", value, None, 1, len(value or b""), headers)


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"not json", "Invalid JSON"),
        (b"{}", "Field required"),
        (b"\xff", "its body cannot be read"),
        (None, "the record has no value"),
    ],
)
def test_what_would_be_buried_again_for_its_body_is_not_replayed(body: bytes | None, word: str) -> None:
    sample = json.loads((SAMPLES / "CreateBooking.v1.json").read_text())
    now = datetime.fromisoformat(sample["headers"]["ce_time"])
    why = obstacle(record(sample, now, body), now)
    assert why is not None
    assert word in why
    assert why.endswith(": it would be buried again")


@pytest.mark.parametrize(
    ("created", "word"),
    [
        (-timedelta(days=7), "more than 7 days ago"),
        (-timedelta(days=6, hours=23), None),
        (timedelta(minutes=4, seconds=59), None),
        (timedelta(minutes=5, seconds=1), "more than 5 minutes ahead of now"),
    ],
)
def test_what_would_be_buried_again_for_its_time_is_not_replayed(created: timedelta, word: str | None) -> None:
    sample = json.loads((SAMPLES / "CreateBooking.v1.json").read_text())
    now = datetime.fromisoformat(sample["headers"]["ce_time"]) - created
    why = obstacle(record(sample, now), now)
    assert (why is None) == (word is None)
    assert word is None or (why is not None and word in why)


def test_every_question_of_booking_is_known_as_one() -> None:
    asked = [*topics.AVAILABILITY_COMMANDS.messages, *topics.PAYMENT_COMMANDS.messages]
    answered = {model.type for model in asked if "question" in model.model_fields}
    assert answered | {CreateCheckout.type, RefundPayment.type} == QUESTIONS


@pytest.mark.parametrize(("name", "whose"), [("ReleaseSlot", True), ("RefundPayment", True), ("CreateBooking", False)])
def test_what_booking_was_told_of_is_not_replayed_behind_its_back(name: str, whose: bool) -> None:
    sample = json.loads((SAMPLES / f"{name}.v1.json").read_text())
    now = datetime.fromisoformat(sample["headers"]["ce_time"])
    why = obstacle(record(sample, now), now)
    assert (why is not None and "behind their back" in why) == whose
    assert whose or why is None
