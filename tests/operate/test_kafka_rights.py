"""Kafka's users: each service does its own work and no more, forged records are refused, and an operator is let in over TLS."""

import json
import re
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError
from awaiting import until
from guarded import ADMIN, HOLD, Guarded, guarded, password
from http_house import ADA, House, call, opened
from terminal import Answer, addresses, typed

from contracts import connecting, topics
from contracts.client import Client, CommandRefused
from contracts.envelope import stamp, write
from contracts.model import Message
from contracts.payment import PaymentSucceeded
from services.provision.access import RIGHTS

ALL = [topic.name for topic in topics.topics(topics.hold_lengths(HOLD))]


@pytest.fixture(scope="module")
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Guarded, Path]]:
    folder = tmp_path_factory.mktemp("guarded")
    async with guarded(folder) as platform:
        yield platform, folder / "authority.pem"


@pytest.fixture(scope="module")
def platform(there: tuple[Guarded, Path]) -> Guarded:
    return there[0]


@pytest.fixture
async def room(platform: Guarded) -> AsyncIterator[House]:
    async with opened(platform.url) as mine:
        yield mine


async def as_operator(there: tuple[Guarded, Path], *words: str, kafka: str | None = None) -> Answer:
    """The command as somebody types it who has the operator's password, or another."""
    platform, authority = there
    told = {**addresses(platform), "HOLDFAST_KAFKA": kafka or platform.outside("operator")}
    return await typed(*words, **told, SSL_CERT_FILE=str(authority))


def allowed(names: tuple[str, ...], prefixes: tuple[str, ...]) -> set[str]:
    return {topic for topic in ALL if topic in names or topic.startswith(prefixes or ("-",))}


async def is_refused(producer: AIOKafkaProducer, topic: str, headers: Any = None, value: bytes = b"{}") -> bool:
    try:
        await producer.send_and_wait(topic, value, key=b"forged", headers=headers)
    except TopicAuthorizationFailedError:
        return True
    return False


async def is_readable(where: dict[str, Any], topic: str) -> bool:
    """Of a topic that the user may know of; a consumer of its own, since what one is refused it does not forget."""
    place = TopicPartition(topic, 0)
    async with AIOKafkaConsumer(**where, auto_offset_reset="earliest") as consumer:
        consumer.assign([place])

        async def answered() -> str:
            try:
                await consumer.getmany(timeout_ms=50)
            except TopicAuthorizationFailedError:
                return "refused"
            return "" if consumer.highwater(place) is None else "read"

        return await until(answered) == "read"


@pytest.mark.parametrize("user", RIGHTS)
async def test_user_writes_nothing_and_reads_nothing_but_what_the_table_says(platform: Guarded, user: str) -> None:
    where, rights = connecting.address(platform.inside(user)).options, RIGHTS[user]
    foreign = [topic for topic in ALL if topic not in allowed(rights.writes, rights.writes_prefixed)]
    async with AIOKafkaProducer(**where) as producer:
        assert [topic for topic in foreign if not await is_refused(producer, topic)] == []
    async with AIOKafkaConsumer(**where) as consumer:
        seen = await consumer.topics() & set(ALL)
    readable = {topic for topic in sorted(seen) if await is_readable(where, topic)}
    assert readable == allowed(rights.reads, rights.reads_prefixed)


async def test_event_that_the_gateway_forges_is_refused(platform: Guarded, room: House) -> None:
    booking, event = await room.held(), topics.BOOKING_EVENTS
    forged = headers_of(event.messages[0], "demo", booking["id"])
    for user in set(RIGHTS) - {"booking"}:
        async with AIOKafkaProducer(**connecting.address(platform.inside(user)).options) as producer:
            assert await is_refused(producer, event.name, forged, json.dumps({"booking": booking}).encode()), user


async def test_place_in_the_work_of_others_is_not_taken(platform: Guarded) -> None:
    for user, group in (
        ("notifier", "booking"),
        ("booking", "notifier"),
        ("gateway", "booking"),
        ("operator", "booking"),
    ):
        where = connecting.address(platform.inside(user)).options
        async with AIOKafkaConsumer(**where, group_id=group, enable_auto_commit=False) as consumer:
            with pytest.raises(GroupAuthorizationFailedError):
                await consumer.committed(TopicPartition(topics.BOOKING_COMMANDS.name, 0))


@pytest.mark.parametrize(
    "who", ["", "scram-sha-512://booking:guessed@", "scram-sha-512://somebody:else@", f"plain://admin:{ADMIN}@"]
)
async def test_nobody_comes_in_without_a_password_of_their_own(platform: Guarded, who: str) -> None:
    servers = connecting.address(platform.inside("booking")).servers
    producer = AIOKafkaProducer(**connecting.address(who + servers).options, request_timeout_ms=3000)
    with pytest.raises(KafkaError):
        await producer.start()
    await producer.stop()


async def test_booking_is_held_paid_told_and_cancelled_by_services_that_come_as_themselves(
    platform: Guarded, room: House
) -> None:
    booking = await room.held()
    ways = {"successUrl": "http://localhost:3000/thanks", "cancelUrl": "http://localhost:3000/back"}
    told = await room.patch(booking["id"], {"status": "CONFIRMED", **ADA, "paymentEnabled": True, **ways})
    assert told.status == 200, told.raw
    assert told.json["paymentUrl"].startswith("http")
    other = await room.held()
    assert (await room.change(other["id"], "CONFIRMED")).json["status"] == "CONFIRMED"
    assert (await room.change(other["id"], "CANCEL")).json["status"] == "CANCEL"

    async def in_the_feed() -> bool:
        feed = await call(room.session, "GET", "/v1/events?limit=1000")
        return {booking["id"], other["id"]} <= set(re.findall(r"[0-9a-f-]{36}", feed.raw.decode()))

    await until(in_the_feed)


async def test_operator_sees_everything_over_an_encrypted_line(there: tuple[Guarded, Path], room: House) -> None:
    booking = await room.held()
    status = await as_operator(there, "status", "--json")
    assert (status.code, status.json["unknown"]) == (0, {}), status.said + status.complained
    assert {line["topic"] for line in status.json["lag"]} >= {"booking.commands", "availability.expiry.15m"}
    story = await as_operator(there, "story", booking["id"])
    assert story.code == 0, story.complained
    assert "HoldSlot" in story.said
    tail = await as_operator(there, "events", "tail", "--from-beginning", "--booking", booking["id"], "--limit", "1")
    assert "BookingCreated" in tail.said, tail.complained
    for words in (("verify",), ("topics", "check"), ("dead-letters", "list")):
        looked = await as_operator(there, *words)
        assert looked.code == 0, (words, looked.said, looked.complained)
    said = "".join(each.said + each.complained for each in (status, story, tail))
    assert password("operator") not in said
    assert "scram" not in said


async def test_organisation_that_nobody_knows_moves_no_booking_of_another(platform: Guarded, room: House) -> None:
    """A command is answered as one for a booking that is not there; money without a booking waits for a person."""
    booking = await room.held()
    async with Client(platform.inside("clients"), organisation="nobody-knows", name="forger") as forger:
        with pytest.raises(CommandRefused) as refused:
            await forger.confirm_booking(booking["id"])
        assert refused.value.refused.code == "NOT_FOUND"
    paid = PaymentSucceeded(
        booking_id=booking["id"], checkout_id=str(uuid.uuid4()), payment="pi_1", amount=2500, currency="EUR"
    )
    await posted(platform, paid, "nobody-knows", booking["id"])

    async def buried() -> bool:
        letters = await typed("dead-letters", "list", "--json", "--data", str(platform.data))
        return any(each["organisation"] == "nobody-knows" for each in letters.json)

    await until(buried, 30)
    assert (await room.get(booking["id"])).json == booking
    async with Client(platform.inside("clients"), name="owner") as owner:
        assert (await owner.cancel_booking(booking["id"])).status == "CANCEL"


async def test_operator_repairs_as_the_administrator_and_not_as_who_looks(there: tuple[Guarded, Path]) -> None:
    platform, _ = there
    before = {each["id"] for each in (await as_operator(there, "dead-letters", "list", "--json")).json}
    async with AIOKafkaProducer(**connecting.address(platform.inside("clients")).options) as producer:
        await producer.send_and_wait(topics.BOOKING_COMMANDS.name, b"{}", key=b"nobody")

    async def died() -> set[str]:
        return {each["id"] for each in (await as_operator(there, "dead-letters", "list", "--json")).json} - before

    (letter,) = await until(died, 30)
    drop = ("dead-letters", "drop", letter, "--yes", "--why", "a test")
    refused = await as_operator(there, *drop)
    assert refused.code == 2
    assert "Kafka does not allow it to this user" in refused.complained
    done = await as_operator(there, *drop, kafka=platform.outside("admin"))
    assert done.code == 0, done.complained


async def test_wrong_password_is_said_in_a_sentence_that_does_not_repeat_it(there: tuple[Guarded, Path]) -> None:
    platform, _ = there
    servers = connecting.address(platform.outside("operator")).servers
    answer = await as_operator(there, "topics", "check", kafka=f"scram-sha-512+tls://operator:guessed@{servers}")
    assert answer.code == 2
    assert "could not look" in answer.complained
    assert "guessed" not in answer.said + answer.complained


async def test_server_that_nobody_vouches_for_is_not_told_the_password(there: tuple[Guarded, Path]) -> None:
    platform, _ = there
    told = {**addresses(platform), "HOLDFAST_KAFKA": platform.outside("operator")}
    answer = await typed("topics", "check", **told)
    assert answer.code == 2
    assert "could not look" in answer.complained


def headers_of(message: type[Message], organisation: str, booking: str) -> Any:
    return write(
        b"/forged", str(uuid.uuid4()), message.type, organisation, str(uuid.uuid4()), stamp(datetime.now(UTC)), booking
    )


async def posted(platform: Guarded, event: Message, organisation: str, booking: str) -> None:
    """As Kafka's administrator, who may write anywhere."""
    topic, key = topics.address(event)
    async with AIOKafkaProducer(**connecting.address(platform.kafka).options) as producer:
        headers = headers_of(type(event), organisation, booking)
        await producer.send_and_wait(
            topic, event.model_dump_json(exclude_none=True).encode(), key.encode(), headers=headers
        )
