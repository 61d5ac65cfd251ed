"""The typed client hears its answers, whatever else is written into its reply topic."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.record.default_records import DefaultRecordBatchBuilder, _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords

from contracts import catalogue, claims, examples, sample_records
from contracts.answers import Refused
from contracts.booking import BookingAnswer, CreateBooking
from contracts.client import Client, NotAccepted, Unanswered, Unclaimed
from contracts.envelope import request_hash
from contracts.header_names import Fetched

ANSWER = sample_records.records()[BookingAnswer.type]
GOOD = dict(ANSWER.headers)
COMMAND = sample_records.example(CreateBooking)


def record(headers: dict[str, bytes | None] | None = None, value: bytes | None = ANSWER.value) -> Any:
    made = tuple((GOOD if headers is None else GOOD | headers).items())
    return ConsumerRecord("clients.replies", 0, 0, 0, 1, None, value, None, 0, 0, made)


class Topic:
    """Stands for the consumer of the reply topic and the producer of commands."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.sent: list[Any] = []

    async def getmany(self, timeout_ms: int) -> dict[str, list[Any]]:
        found = await self.queue.get()
        if isinstance(found, Exception):
            raise found
        return {"0": found}

    async def send(self, *sent: Any, **more: Any) -> "asyncio.Future[None]":
        self.sent.append((sent, more))
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        acknowledged.set_result(None)
        return acknowledged

    async def stop(self) -> None:
        """Nothing is connected."""


@pytest.fixture
async def connected() -> AsyncIterator[tuple[Client, Topic]]:
    client, topic = Client("nowhere:1", name=examples.CLIENT, answered_within=5), Topic()
    client._consumer = client._producer = topic  # type: ignore[assignment]
    client._reader = asyncio.create_task(client._read())
    yield client, topic
    await client.stop()


async def ask(client: Client, topic: Topic, *before: Any) -> Any:
    asked = asyncio.create_task(client.ask(COMMAND, command_id=examples.COMMAND_ID))
    for batch in before:
        topic.queue.put_nowait(batch)
    topic.queue.put_nowait([record()])
    return await asked


async def test_answer_reaches_who_asked(connected: tuple[Client, Topic]) -> None:
    client, topic = connected
    reply = await ask(client, topic)
    assert reply == (BookingAnswer(booking=examples.BOOKING), False)
    assert client._waiting == {}


NOT_OURS: dict[str, Callable[[], Any]] = {
    "no headers": lambda: [record(dict.fromkeys(GOOD))],
    "a null header": lambda: [record({"ce_causationid": None})],
    "a null type": lambda: [record({"ce_type": None})],
    "no text": lambda: [record({"ce_requesthash": b"\xff"})],
    "an unknown type": lambda: [record({"ce_type": b"holdfast.Nothing.v1"})],
    "no value": lambda: [record(value=None)],
    "no JSON": lambda: [record(value=b"\xff" * 10)],
    "another answer": lambda: [record(value=b'{"booking": {}}')],
    "deep": lambda: [record(value=b"[" * 10_000)],
    "somebody else's": lambda: [record({"ce_causationid": examples.BOOKING_ID.encode()})],
    "another request under this key": lambda: [record({"ce_requesthash": b"0" * 64})],
    "a broken fetch": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    "a bug of a library": lambda: RuntimeError("boom"),
}


@pytest.mark.parametrize("noise", NOT_OURS.values(), ids=NOT_OURS.keys())
async def test_answer_arrives_after_whatever_else_is_read(
    connected: tuple[Client, Topic], noise: Callable[[], Any]
) -> None:
    client, topic = connected
    assert (await ask(client, topic, noise())).message == BookingAnswer(booking=examples.BOOKING)
    assert client.ready


async def test_replayed_answer_says_so(connected: tuple[Client, Topic]) -> None:
    client, topic = connected
    assert await ask(client, topic, [record({"ce_replayed": b"true"})]) == (
        BookingAnswer(booking=examples.BOOKING),
        True,
    )


async def test_two_who_ask_the_same_get_the_same_answer_the_second_one_as_a_repetition(
    connected: tuple[Client, Topic],
) -> None:
    client, topic = connected
    first = asyncio.create_task(client.ask(COMMAND, command_id=examples.COMMAND_ID))
    second = await ask(client, topic)
    assert second.message == (await first).message
    assert {second.replayed, (await first).replayed} == {True, False}


async def test_command_carries_what_the_sample_says(connected: tuple[Client, Topic]) -> None:
    client, topic = connected
    await ask(client, topic)
    [((name, value), more)] = topic.sent
    sample = sample_records.records()[CreateBooking.type]
    assert (name, value, more["key"].decode()) == (sample.topic, sample.value, sample.key)
    moment = {"ce_time"}
    assert [header for header in more["headers"] if header[0] not in moment] == [
        header for header in sample.headers if header[0] not in moment
    ]
    assert GOOD["ce_requesthash"].decode() == request_hash("demo", COMMAND)


async def test_late_answer_is_unanswered_and_forgotten(connected: tuple[Client, Topic]) -> None:
    client, _ = connected
    client.answered_within = 0.01
    with pytest.raises(Unanswered):
        await client.ask(COMMAND, command_id=examples.COMMAND_ID)
    assert client._waiting == {}


async def test_who_waits_when_the_client_stops_is_unanswered(connected: tuple[Client, Topic]) -> None:
    client, topic = connected
    asked = asyncio.create_task(client.ask(COMMAND, command_id=examples.COMMAND_ID))
    while not topic.sent:
        await asyncio.wait([asked], timeout=0.001)
    await client.stop()
    with pytest.raises(Unanswered):
        await asked


async def test_command_that_kafka_does_not_take_in_time_is_not_accepted(connected: tuple[Client, Topic]) -> None:
    client, topic = connected
    client.acknowledged_within = 0.01
    topic.send = lambda *_, **__: asyncio.get_running_loop().create_future()  # type: ignore[method-assign, assignment]
    with pytest.raises(NotAccepted):
        await client.ask(COMMAND, command_id=examples.COMMAND_ID)


VENUE = sample_records.records()[catalogue.PutVenue.type]
CLAIM = sample_records.records()[claims.ClaimKey.type]
CLAIMED = sample_records.records()[claims.KeyClaimed.type]


def answer(of: Any, message: Any) -> Any:
    """What answers the command of this sample."""
    headers = dict(CLAIMED.headers) | {"ce_type": message.type.encode()}
    headers["ce_requesthash"] = request_hash("demo", of.message).encode()
    return record(headers, message.model_dump_json().encode())


async def test_catalogue_command_is_published_once_its_key_is_claimed_under_the_same_id(
    connected: tuple[Client, Topic],
) -> None:
    client, topic = connected
    asked = asyncio.create_task(client.ask(VENUE.message, command_id=VENUE.id))
    while not topic.sent:
        await asyncio.wait([asked], timeout=0.001)
    [((name, value), more)] = topic.sent
    assert (name, value, more["key"].decode()) == (CLAIM.topic, CLAIM.value, VENUE.id)
    topic.queue.put_nowait([answer(CLAIM, CLAIMED.message)])
    while len(topic.sent) < 2:
        await asyncio.wait([asked], timeout=0.001)
    (name, value), more = topic.sent[1]
    assert (name, value, dict(more["headers"])["ce_id"].decode()) == (VENUE.topic, VENUE.value, VENUE.id)
    shown = catalogue.VenueAnswer(venue=examples.HARBOUR_HOUSE)
    topic.queue.put_nowait([answer(VENUE, shown)])
    assert (await asked).message == shown


async def test_catalogue_command_whose_key_is_another_requests_is_not_published(
    connected: tuple[Client, Topic],
) -> None:
    client, topic = connected
    refused = Refused(code="IDEMPOTENCY_KEY_REUSED", message="This key was used for another request before.")
    topic.queue.put_nowait([])
    asked = asyncio.create_task(client.ask(VENUE.message, command_id=VENUE.id))
    while not topic.sent:
        await asyncio.wait([asked], timeout=0.001)
    topic.queue.put_nowait([answer(CLAIM, refused)])
    assert (await asked).message == refused
    assert len(topic.sent) == 1


async def test_catalogue_command_whose_claim_is_not_answered_is_not_accepted_nor_published(
    connected: tuple[Client, Topic],
) -> None:
    client, topic = connected
    client.answered_within = 0.01
    with pytest.raises(Unclaimed):
        await client.ask(VENUE.message, command_id=VENUE.id)
    assert [sent[0] for sent, _ in topic.sent] == [CLAIM.topic]


class NoName(str):
    """The name of a header that is no UTF-8 on the wire."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"ab\xff"


def batch(*records: tuple[bytes, str], builder: Any = DefaultRecordBatchBuilder, compression: int = 0) -> bytes:
    built = builder(2, compression, 1, -1, -1, -1, 10**6)
    for place, (value, name) in enumerate(records):
        built.append(place, 1, b"key", value, [(name, b"x"), ("ce_id", None)])
    return bytes(built.build())


def read(fetched: bytes, how: Any) -> list[Any]:
    batches, found = how(fetched), []
    while batches.has_next():
        one = batches.next_batch()
        assert one.validate_crc()
        found += [(record.offset, record.key, record.value, record.headers) for record in one]
    return found


@pytest.mark.parametrize("compression", [0, 1], ids=["plain", "gzip"])
def test_header_whose_name_is_no_utf_8_stops_nobody(compression: int) -> None:
    good = batch((b"1", "a"), (b"2", "b"))
    odd = batch(
        (b"3", "c"), (b"4", NoName()), (b"5", "d"), builder=_DefaultRecordBatchBuilderPy, compression=compression
    )
    with pytest.raises(UnicodeDecodeError):
        read(good + odd + good, MemoryRecords)
    found = read(good + odd + good, Fetched)
    assert [(value, headers[0][0]) for _, _, value, headers in found] == [
        (b"1", "a"), (b"2", "b"), (b"3", "c"), (b"4", "ab\\xff"), (b"5", "d"), (b"1", "a"), (b"2", "b"),
    ]  # fmt: skip
    assert all(type(key) is bytes and type(value) is bytes for _, key, value, _ in found)
    assert read(good, Fetched) == read(good, MemoryRecords)
