"""Nothing is skipped in silence: a gap is seen and rewound, a log that lacks what comes next stops its partition, loudly."""

import uuid
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from answering import replies
from bus import REPLIES, Bus, Log, until
from workers import worker

from chassis.stream import GAPS
from contracts.booking import ConfirmBooking

ZERO, ONE = TopicPartition("booking.commands", 0), TopicPartition("booking.commands", 1)


async def ask(bus: Bus, partition: int, count: int = 1) -> list[str]:
    """Commands that are answered by themselves: there is no such booking."""
    return [
        (await bus.tell(ConfirmBooking(booking_id=str(uuid.uuid4())), partition=partition))[0] for _ in range(count)
    ]


async def answered(log: Log, commands: list[str]) -> bool:
    """Whether each was answered once, as soon as all were."""
    return await log.until(lambda records: all(len(replies(records, command)) == 1 for command in commands))


async def commit(bus: Bus, offsets: dict[TopicPartition, int]) -> None:
    """The wrong hand on Kafka's offsets."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bus.infra.kafka, group_id="booking", enable_auto_commit=False)
    await consumer.start()
    consumer.assign(list(offsets))
    await consumer.commit(offsets)
    await consumer.stop()


async def forget(bus: Bus, offsets: dict[TopicPartition, int]) -> None:
    """Records that retention took."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bus.infra.kafka)
    await admin.start()
    await admin.delete_records({at: RecordsToDelete(before_offset=offset) for at, offset in offsets.items()})
    await admin.close()


@pytest.fixture
async def log(bus: Bus) -> AsyncIterator[Log]:
    async with bus.listening(REPLIES) as log:
        yield log


def gaps() -> float:
    """How many were seen in this process."""
    return next(
        sample.value for metric in GAPS.collect() for sample in metric.samples if sample.name.endswith("_total")
    )


async def committed_ahead(bus: Bus, by: int | None) -> list[str]:
    """Commands that Kafka's offsets skip, all of them or the first few of each partition."""
    marks = await bus.ends(["booking.commands", "availability.events"])
    commands = await ask(bus, 0, 5) + await ask(bus, 1, 5)
    ahead = await bus.ends(["booking.commands", "availability.events"])
    await commit(bus, ahead if by is None else {at: min(ahead[at], mark + by) for at, mark in marks.items()})
    return commands


async def test_kafkas_offsets_are_not_believed(bus: Bus, log: Log) -> None:
    commands, before = await committed_ahead(bus, None), gaps()
    async with bus.deciding():
        assert await answered(log, commands)
        await bus.quiet("booking")
    assert gaps() == before


async def test_a_gap_in_the_middle_is_seen_and_rewound(bus: Bus, log: Log) -> None:
    commands, before = await committed_ahead(bus, 3), gaps()
    async with bus.deciding(seek_on_assignment=False):
        assert await answered(log, commands)
        assert await answered(log, await ask(bus, 0, 2))
        await bus.quiet("booking")
    assert gaps() > before


async def test_a_gap_at_the_tail_is_seen_and_rewound_when_nothing_follows(bus: Bus, log: Log) -> None:
    commands, before = await committed_ahead(bus, None), gaps()
    async with bus.deciding(seek_on_assignment=False):
        assert await answered(log, commands)
        await bus.quiet("booking")
    assert gaps() > before


async def test_a_position_that_jumps_while_others_are_busy_is_seen_and_rewound(bus: Bus, log: Log) -> None:
    async with bus.deciding() as decider:
        assert await answered(log, await ask(bus, 0) + await ask(bus, 1))
        consumer, at = decider.stream.consumer, (await bus.ends(["booking.commands"]))[ZERO]
        consumer.pause(ZERO)
        commands = await ask(bus, 0, 5)
        consumer.seek(ZERO, at + 3)
        consumer.resume(ZERO)
        assert await answered(log, commands + await ask(bus, 1, 5))
        await bus.quiet("booking")


async def test_a_log_that_has_lost_what_comes_next_stops_its_partition_alone_and_readiness_says_so(
    bus: Bus, log: Log
) -> None:
    lost = await ask(bus, 0, 5)
    end = (await bus.ends(["booking.commands"]))[ZERO]
    await forget(bus, {ZERO: end})
    async with worker(bus, "booking", becomes_ready=False) as booking:
        assert await answered(log, await ask(bus, 1))
        said = await booking.ready()
    assert said is not None
    assert said["ready"] is False
    assert str(said["missing"]).startswith(
        f"['booking.commands/0: offset {end - 5} comes next, the log has {end} to {end}"
    )
    assert not any(replies(log.records, command) for command in lost)
    assert (await bus.marks("booking"))[ZERO] == (end - 5, end - 5)


async def test_a_log_that_ends_before_what_comes_next_stops_its_partition(bus: Bus, log: Log) -> None:
    """A topic that was made anew, or a broker that has lost its last records."""
    end = (await bus.ends(["booking.commands"]))[ZERO]
    sql = "UPDATE progress SET processed = $1, published = $1 WHERE topic = 'booking.commands' AND partition = 0"
    await bus.pools["booking"].execute(sql, end + 7)
    async with bus.deciding() as decider:
        assert decider.missing() == [
            f"booking.commands/0: offset {end + 7} comes next, the log has {await first(bus)} to {end}"
        ]
        assert await answered(log, await ask(bus, 1))


async def first(bus: Bus) -> int:
    """Where partition 0 begins now."""
    async with bus.listening() as log:
        beginning: dict[TopicPartition, int] = await log.consumer.beginning_offsets([ZERO])
        return beginning[ZERO]


async def test_records_that_vanish_under_a_running_worker_stop_the_partition_alone(bus: Bus, log: Log) -> None:
    await ask(bus, 0, 3)
    async with bus.deciding() as decider:
        await bus.quiet("booking")
        end = (await bus.ends(["booking.commands"]))[ZERO]
        await forget(bus, {ZERO: end})
        decider.stream.consumer.seek(ZERO, end - 2)

        async def stopped() -> bool:
            return any(
                word.startswith("booking.commands/0: ") and "OffsetOutOfRange" in word for word in decider.missing()
            )

        await until(stopped)
        assert await answered(log, await ask(bus, 1, 3))
        assert len(decider.missing()) == 1


async def test_a_hole_in_the_log_itself_stops_the_partition_alone_and_is_named(bus: Bus, log: Log) -> None:
    """A transaction leaves one. No topic of ours has any: whoever writes so must not be believed, nor rewound for ever."""
    [before] = await ask(bus, 0)
    producer = AIOKafkaProducer(bootstrap_servers=bus.infra.kafka, transactional_id=str(uuid.uuid4()))
    await producer.start()
    async with producer.transaction():
        await producer.send_and_wait("booking.commands", b"{}", partition=0)
    await producer.stop()
    async with bus.deciding() as decider:
        assert await answered(log, [before, *await ask(bus, 1, 3)])
        end = (await bus.ends(["booking.commands"]))[ZERO]

        async def stopped() -> bool:
            return any(f"looks at {end - 1} have not helped" in word for word in decider.missing())

        await until(stopped)
        assert await answered(log, await ask(bus, 1, 3))
