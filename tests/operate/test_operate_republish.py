"""R21: Kafka comes back with less than it had. What was stored is sent again, the services go on, and nothing is wrong."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from awaiting import until
from http_house import ADA, House, opened
from terminal import Answer, typed

from contracts.envelope import output_id
from embedded.operate import log, places
from embedded.platform import PARTITIONS, Platform, running

SERVICES = ("gateway-1", "availability-1", "relay-1", "booking-1", "payment-1", "notifier-1")
LOST = ("availability.commands", "availability.events", "booking.commands", "booking.events", "availability.expiry.15m")


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Platform]:
    """A platform that may be broken."""
    async with running(tmp_path / "own", fast_sessions=True) as platform:
        yield platform


@pytest.fixture
async def house(own: Platform) -> AsyncIterator[House]:
    async with opened(own.url) as mine:
        yield mine


async def asked(own: Platform, *words: str) -> Answer:
    return await typed(*words, "--json", "--data", str(own.data))


async def found(own: Platform) -> set[str]:
    """The rules that are broken."""
    answer = await asked(own, "verify")
    assert answer.code in (0, 1), answer.complained
    return {each["rule"] for each in answer.json["findings"]}


async def lives(house: House) -> str:
    """Some bookings: one is confirmed, one moved and cancelled, one only held; the id of that one."""
    first, second = await house.held(), (await house.hold((await house.slots())[1])).json
    assert (await house.patch(first["id"], {"status": "CONFIRMED", **ADA})).status == 200
    assert (await house.patch(second["id"], {"slot": (await house.slots())[4]})).status == 200
    assert (await house.change(second["id"], "CANCEL")).status == 200
    return str((await house.held())["id"])


async def told(own: Platform) -> dict[str, list[int]]:
    """Of each booking the versions of its events, first occurrences in the order of the log."""
    place, versions, seen = places.recorded(own.data, own._run()), defaultdict(list), set[str]()
    async with log.reader(place) as consumer:
        spans = await log.bounds(consumer, ["booking.events"])
        async for record in log.records(consumer, spans):
            headers = log.headers(record)
            assert headers["ce_organisationid"] == "demo"
            if headers["ce_id"] not in seen:
                seen.add(headers["ce_id"])
                body = json.loads(record.value or b"")["booking"]
                versions[body["id"]].append(body["version"])
    return dict(versions)


async def forget(own: Platform, topic: str) -> None:
    """All that this topic has, while everybody is at work."""
    partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
    consumer = AIOKafkaConsumer(bootstrap_servers=own.kafka)
    await consumer.start()
    ends = await consumer.end_offsets(partitions)
    await consumer.stop()
    admin = AIOKafkaAdminClient(bootstrap_servers=own.kafka)
    await admin.start()
    await admin.delete_records({at: RecordsToDelete(before_offset=end) for at, end in ends.items()})
    await admin.close()


async def lose(own: Platform) -> None:
    """Topics with all that lay in them: a broker whose disk is gone."""
    admin = AIOKafkaAdminClient(bootstrap_servers=own.kafka)
    await admin.start()
    await admin.delete_topics(list(LOST))

    async def gone() -> bool:
        return not set(LOST) & set(await admin.list_topics())

    await until(gone)
    await admin.close()


async def test_records_that_are_gone_are_sent_again_while_everybody_is_at_work(own: Platform, house: House) -> None:
    await lives(house)
    assert await found(own) == set()
    before = await told(own)
    await forget(own, "booking.events")
    assert await found(own) == {"stored-outputs-are-sent", "versions-have-one-event-each"}
    missing = sum(map(len, before.values()))
    dry = await asked(own, "log", "republish", "--since", "1h", "--dry-run")
    assert dry.code == 1
    assert (dry.json["missing"], dry.json["sent"]) == ({"booking.events": missing, **nothing_of(dry)}, {})
    done = await asked(own, "log", "republish", "--since", "1h")
    assert done.code == 0, done.complained
    assert (done.json["sent"], done.json["left"]) == ({"booking.events": missing}, [])
    assert await told(own) == before
    assert await found(own) == set()
    again = await asked(own, "log", "republish", "--since", "1h")
    assert again.json["sent"] == {}, "nothing is missing any more"
    every = await asked(own, "log", "republish", "--since", "1h", "--all", "--topic", "booking.events")
    assert every.json["sent"] == {"booking.events": missing}
    assert await told(own) == before
    assert await found(own) == set()
    await told_once(own, missing)


def nothing_of(answer: Answer) -> dict[str, int]:
    """The topics of which nothing is missing are told too."""
    return {topic: 0 for topic in answer.json["stored"] if topic != "booking.events"}


async def told_once(own: Platform, events: int) -> None:
    """The notifier knows repeats."""
    connection = await asyncpg.connect(own.dsn("notifier"))
    try:
        assert await connection.fetchval("SELECT count(*) FROM events") == events
    finally:
        await connection.close()


async def test_platform_goes_on_after_kafka_has_lost_its_topics(own: Platform, house: House) -> None:
    held = await lives(house)
    before = await told(own)
    fits = await asked(own, "log", "check")
    assert (fits.code, fits.json) == (0, [])
    refused = await typed("log", "set-mark", "booking", "booking.commands", "0", "0", "--yes", "--data", str(own.data))
    assert refused.code == 1
    assert "workers of booking are at work" in refused.complained
    unsaid = await typed("log", "set-mark", "booking", "booking.commands", "0", "0", "--data", str(own.data))
    assert unsaid.code == 2
    assert "say --yes to do it" in unsaid.complained
    for name in SERVICES:
        await own.stop_process(name)
    await lose(own)
    assert (await asked(own, "topics", "apply")).code == 0
    lost = await asked(own, "log", "check")
    assert lost.code == 1
    assert {(mark["service"], mark["last"]) for mark in lost.json} >= {("booking", 0), ("availability", 0)}
    assert "progress-fits-the-log" in await found(own)
    early = await asked(own, "log", "republish", "--since", "1h")
    assert early.code == 1
    assert "set them right first" in early.complained
    shown = await asked(own, "log", "realign")
    assert (shown.code, shown.json["done"]) == (2, False)
    assert (await asked(own, "log", "realign", "--yes")).code == 0
    assert (await asked(own, "log", "check")).json == []
    sent = await asked(own, "log", "republish", "--since", "1h")
    assert (sent.code, sent.json["left"]) == (0, []), sent.complained
    assert set(sent.json["sent"]) == set(LOST) - {"booking.commands"}
    assert await told(own) == before
    await correlated(own)
    for name in (*SERVICES[1:], SERVICES[0]):
        await own.start_process(name)
    assert (await house.patch(held, {"status": "CONFIRMED", **ADA})).status == 200
    assert (await house.hold((await house.slots())[5])).status == 201
    assert await found(own) == set()
    assert (await asked(own, "status")).code == 0
    assert set(await told(own)) > set(before)


async def correlated(own: Platform) -> None:
    """What was made again follows from the command that began it, though no record of that is left."""
    place = places.recorded(own.data, own._run())
    connection = await asyncpg.connect(own.dsn("booking"))
    try:
        commands = {str(row[0]) for row in await connection.fetch("SELECT id FROM inbox WHERE answer IS NOT NULL")}
    finally:
        await connection.close()
    async with log.reader(place) as consumer:
        async for record in log.records(consumer, await log.bounds(consumer, ["availability.commands"])):
            headers = log.headers(record)
            if headers["ce_source"] == "booking":
                assert headers["ce_id"] in {
                    output_id(headers["ce_causationid"], "booking", index) for index in range(4)
                }
                assert headers["ce_correlationid"] in commands
