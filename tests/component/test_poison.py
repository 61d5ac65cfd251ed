"""A record that cannot be handled lies in the dead letters with its reason; the good ones around it are handled."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from bus import REPLIES, Bus, Log, Record, header, headers
from poison import NO_UTF8, SPOILT, Raw

from contracts.answers import Refused
from contracts.booking import ConfirmBooking

COMMANDS, LETTERS = "booking.commands", "booking.dead-letters"


@pytest.fixture(scope="module")
async def log(whole_bus: Bus) -> AsyncIterator[Log]:
    """What a booking decider writes while all these tests attack it."""
    await whole_bus.skip("booking")
    async with whole_bus.listening(LETTERS, REPLIES) as log, whole_bus.deciding():
        yield log


def good(message_id: str) -> Raw:
    """A command that is answered by itself: there is no such booking."""
    booking = str(uuid.uuid4())
    command = ConfirmBooking(booking_id=booking)
    return Raw(booking.encode(), command.model_dump_json().encode(), list(headers(command, message_id)))


async def write(bus: Bus, raw: Raw, partition: int = 1) -> int:
    sent = await bus.raw(COMMANDS, raw.value, raw.headers, raw.key, partition)
    return sent.offset


def letter(log: Log, partition: int, offset: int) -> Record | None:
    origin = f"{COMMANDS}/{partition}/{offset}"
    return next((r for r in log.records if header(r, "dead-letter-origin") == origin), None)


async def answered(log: Log, command: str) -> list[str | None]:
    return [header(record, "ce_type") for record in await log.caused_by(command, REPLIES)]


@pytest.mark.parametrize("what", SPOILT)
async def test_a_spoilt_record_is_buried_when_it_comes_between_good_ones(whole_bus: Bus, log: Log, what: str) -> None:
    spoil, reason = SPOILT[what]
    before, after, spoilt = str(uuid.uuid4()), str(uuid.uuid4()), spoil(good(str(uuid.uuid4())))
    await write(whole_bus, good(before))
    at = await write(whole_bus, spoilt)
    await write(whole_bus, good(after))
    assert await answered(log, before) == await answered(log, after) == ["holdfast.Refused.v1"]
    buried = await log.until(lambda _: letter(log, 1, at))
    assert buried is not None
    assert reason in (header(buried, "dead-letter-reason") or "")
    assert (buried.key, buried.value) == (spoilt.key, spoilt.value or b"")
    kept = {name: value or b"" for name, value in spoilt.headers if name not in ("content-type", NO_UTF8)}
    assert kept.items() <= dict(buried.headers).items()


async def test_the_sender_of_a_spoilt_command_is_told_why(whole_bus: Bus, log: Log) -> None:
    await write(whole_bus, replace(good(command := str(uuid.uuid4())), value=b"{not json"))
    [answer] = await log.caused_by(command, REPLIES)
    refused = Refused.model_validate_json(answer.value or b"")
    assert refused.code == "SERVER_ERROR"
    assert "Invalid JSON" in refused.details[0].issue


async def test_a_null_key_is_no_reason_to_refuse_a_command(whole_bus: Bus, log: Log) -> None:
    await write(whole_bus, replace(good(command := str(uuid.uuid4())), key=None))
    assert await answered(log, command) == ["holdfast.Refused.v1"]


async def test_a_header_whose_name_is_no_text_is_no_reason_to_refuse_a_command(whole_bus: Bus, log: Log) -> None:
    raw = good(command := str(uuid.uuid4()))
    await write(whole_bus, replace(raw, headers=[*raw.headers, (NO_UTF8, b"1")]))
    assert await answered(log, command) == ["holdfast.Refused.v1"]


async def test_of_a_header_that_comes_twice_the_last_one_counts(whole_bus: Bus, log: Log) -> None:
    raw = good(command := str(uuid.uuid4()))
    await write(whole_bus, replace(raw, headers=[("ce_id", b"another"), *raw.headers]))
    assert await answered(log, command) == ["holdfast.Refused.v1"]


async def test_an_answer_to_a_topic_that_does_not_exist_stops_nobody(whole_bus: Bus, log: Log) -> None:
    await write(whole_bus, good(str(uuid.uuid4())).saying("ce_replyto", b"nobody.replies"))
    await write(whole_bus, good(heard := str(uuid.uuid4())))
    assert await answered(log, heard) == ["holdfast.Refused.v1"]
    await whole_bus.quiet("booking")
