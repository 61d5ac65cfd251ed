"""What the relay does with records that are not as they should be, and with more of them than it can remember."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete
from bus import Bus, Record, header, until
from delays import TARGET, Waiting, administering, delay_topics, envelope, over, relaying
from poison import NO_UTF8
from workers import worker

from chassis import delay
from contracts.envelope import stamp
from contracts.topics import RECORD_BYTES

SOON = timedelta(hours=1)


@pytest.mark.parametrize(
    "due",
    [None, b"", b"soon", b"2027-01-11", b"2027-01-11T09:00:00", b"\xff\xfe", b"12", b"2027-13-41T25:00:00Z"],
    ids=repr,
)
async def test_a_record_is_forwarded_at_once_when_it_does_not_say_when_it_is_due(bus: Bus, due: bytes | None) -> None:
    await odd_one(bus, b"{}", envelope("5ea00000-0000-4000-8000-0000000000d1", due))


async def odd_one(
    bus: Bus, value: bytes | None, headers: list[tuple[str, bytes | None]], key: bytes | None = b"a key"
) -> Record:
    """The record as it was forwarded: as it came, and at once; what is behind it goes on."""
    waiting = Waiting(bus)
    async with delay_topics(bus) as (topic,), bus.listening(TARGET) as log:
        await bus.raw(topic, value, headers, key, 0)
        async with relaying(bus):
            await waiting.put(topic, over(0, 4, later=0.2))
            came = await log.until(lambda records: waiting.all_there(records) and records)
        (odd,) = [record for record in came if header(record, "ce_id") not in waiting.due]
        assert (odd.partition, odd.key, odd.value or None) == (0, key, value or None)
        return odd


@pytest.mark.parametrize("name", ["ce_dueat", "ce_id", "anything"])
async def test_a_record_is_forwarded_when_a_header_has_no_value(bus: Bus, name: str) -> None:
    said = [(other, value) for other, value in envelope("5ea00000-0000-4000-8000-0000000000d2", None) if other != name]
    odd = await odd_one(bus, b"{}", [*said, (name, None)])
    assert list(odd.headers) == said


async def test_a_record_is_forwarded_when_it_has_no_value(bus: Bus) -> None:
    await odd_one(bus, None, envelope("5ea00000-0000-4000-8000-0000000000d3", None))


async def test_a_record_is_forwarded_when_it_has_neither_key_nor_headers(bus: Bus) -> None:
    await odd_one(bus, b"no JSON", [], None)


async def test_a_record_is_forwarded_when_a_header_s_name_is_no_text(bus: Bus) -> None:
    odd = await odd_one(bus, b"{}", [(NO_UTF8, b"1")])
    assert odd.headers == (("ce_\\xff\\xfe", b"1"),)


async def test_a_record_is_forwarded_when_it_is_as_large_as_can_be(bus: Bus) -> None:
    await odd_one(bus, b"x" * (RECORD_BYTES - 200), [])


async def test_each_length_fires_on_time_when_there_are_several_and_no_setting_names_them(bus: Bus) -> None:
    waiting = Waiting(bus)
    async with delay_topics(bus, 3) as names, bus.listening(TARGET) as log, worker(bus, "relay"):
        for name in names:
            await waiting.put(name, over(2, 60))
        came = await log.until(waiting.all_there)
        assert len(came) == 180
        assert waiting.in_order(came)


async def test_a_record_waits_for_the_database_s_clock(bus: Bus) -> None:
    """It is two seconds behind ours, so they come two seconds later than we would think."""
    behind, waiting = timedelta(seconds=2), Waiting(bus)
    async with delay_topics(bus) as (topic,), bus.listening(TARGET) as log, relaying(bus, behind):
        await waiting.put(topic, over(0.5, 20, later=0.5))
        came = await log.until(waiting.all_there)
        late = [record.timestamp / 1000 - waiting.due[header(record, "ce_id")].timestamp() for record in came]
        assert min(late) >= behind.total_seconds() - 0.001


async def test_what_is_due_fires_when_fifty_thousand_others_wait(bus: Bus) -> None:
    """Few of them are in memory; those behind the first are fetched when their turn comes."""
    waiting, others = Waiting(bus), Waiting(bus)
    async with delay_topics(bus, 3) as (long, short, crowded), bus.listening(TARGET) as log:
        await others.put(long, over(0, 50_000, later=3600))
        async with relaying(bus) as relay:
            await until(lambda: full(relay, long))
            soon = await waiting.put(short, over(2, 400))
            await waiting.put(crowded, [datetime.now(UTC) + timedelta(seconds=2)] * 6000)
            came = await log.until(waiting.all_there)
            assert waiting.in_order(came)
            assert relay.most < delay.MANY + delay.FEW
            assert await full(relay, long)
            late = sorted(
                record.timestamp / 1000 - waiting.due[each].timestamp()
                for record in came
                if (each := header(record, "ce_id")) in soon
            )
            assert late[len(late) // 2] < 1, late
        assert others.forwarded(log.records) == []


async def full(relay: delay.Relay, topic: str) -> bool:
    """Whether it takes no more of this topic."""
    buffers = [waiting for at, waiting in relay._waiting.items() if at.topic == topic]
    return len(buffers) == 4 and all(waiting.paused for waiting in buffers)


async def test_the_relay_goes_on_when_the_log_has_lost_what_it_wanted_next(bus: Bus) -> None:
    """Retention took it, or an operator: what is left of the log is forwarded."""
    waiting = Waiting(bus)
    behind = timedelta(hours=1)  # nothing is due before the log is cut, however long that takes
    async with delay_topics(bus) as (topic,), bus.listening(TARGET) as log, relaying(bus, behind) as relay:
        first = await waiting.put(topic, over(0, 4 * 3000, later=0))
        await until(lambda: full(relay, topic))
        async with administering(bus) as admin:
            cut = {TopicPartition(topic, number): RecordsToDelete(before_offset=2900) for number in range(4)}
            await admin.delete_records(cut)
        await relay.comes_right()
        kept = {each for ids in waiting.order.values() for each in ids[2900:]}
        await log.until(lambda records: kept <= {header(record, "ce_id") for record in waiting.forwarded(records)}, 40)
        assert kept < set(first)


async def test_what_was_fetched_before_a_rebalance_is_not_forwarded_out_of_turn(bus: Bus) -> None:
    waiting = Waiting(bus)
    async with delay_topics(bus) as (topic,), bus.listening(TARGET) as log, relaying(bus) as relay:
        stale = tuple(Record(topic, 0, offset, 0, 1, None, b"stale", None, 0, 5, ()) for offset in (200, 201))
        await relay._receive(stale)
        await waiting.put(topic, over(0, 8, later=0))
        assert waiting.in_order(await log.until(waiting.all_there))
        assert [record for record in log.records if record.value == b"stale"] == []


# ---- one partition's buffer


def records(*offsets: int) -> Iterator[Record]:
    for offset in offsets:
        yield Record("a topic", 0, offset, 0, 1, b"", b"", None, 0, 0, ())


def taken(waiting: delay.Waiting, *offsets: int) -> list[int]:
    """Which of a batch are taken, as the relay takes them: up to a hole, for all behind it comes again."""
    found = []
    for record in records(*offsets):
        if waiting.follows(record):
            waiting.append(record)
            waiting.next = record.offset + 1
            found.append(record.offset)
        elif record.offset > waiting.next:
            break
    return found


def test_what_follows_is_taken() -> None:
    assert taken(delay.Waiting(3), 3, 4, 5) == [3, 4, 5]


def test_what_was_taken_already_is_not_taken_twice() -> None:
    waiting = delay.Waiting(3)
    assert taken(waiting, 3, 4, 5) == [3, 4, 5]
    assert taken(waiting, 2, 3, 4, 5, 6) == [6]


def test_what_was_fetched_before_a_rebalance_is_not_taken_before_what_it_follows() -> None:
    waiting = delay.Waiting(3)
    assert taken(waiting, 200, 201, 202) == []
    assert taken(waiting, 3, 4) == [3, 4]
    assert taken(waiting, *range(5, 203)) == list(range(5, 203))


@pytest.mark.parametrize("size", [1, 2, 200])
def test_a_hole_is_in_the_log_itself_when_it_is_there_at_the_second_look(size: int) -> None:
    waiting, batch = delay.Waiting(3), range(10, 10 + size)
    assert taken(waiting, *batch) == []
    assert taken(waiting, *batch) == list(batch)


def test_a_hole_in_the_middle_of_a_batch_is_looked_at_again() -> None:
    waiting = delay.Waiting(3)
    assert taken(waiting, 3, 4, 9, 10) == [3, 4]
    assert taken(waiting, 9, 10, 11) == [9, 10, 11]


def test_another_hole_is_looked_at_again_too() -> None:
    waiting = delay.Waiting(3)
    assert taken(waiting, 9, 10) == []
    assert taken(waiting, 7, 8) == [], "something came before what we saw first"
    assert taken(waiting, 12, 13) == [], "the log has lost that too"
    assert taken(waiting, 12, 13) == [12, 13]


def test_due_at_is_none_when_the_record_does_not_say() -> None:
    def due(*headers: tuple[str, bytes | None]) -> datetime | None:
        return delay.due_at(Record("a topic", 0, 0, 0, 1, b"", b"", None, 0, 0, headers))

    moment = datetime(2027, 1, 10, 12, 15, tzinfo=UTC)
    assert due(("ce_id", b"x"), ("ce_dueat", stamp(moment))) == moment
    assert [due(), due(("ce_dueat", b"12:15")), due(("ce_dueat", None)), due(("ce_dueat", b"\xff"))] == [None] * 4
