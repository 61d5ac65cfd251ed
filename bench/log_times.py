"""What the topics say afterwards: Kafka's own times of the records, to the millisecond, whoever was watching."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from contracts import topics
from contracts.booking import BookingCreated, CreateBooking
from embedded.platform import PARTITIONS

Marks = dict[TopicPartition, int]
Record = ConsumerRecord[bytes, bytes]


def partitions(names: Iterable[str]) -> list[TopicPartition]:
    """All of them."""
    return [TopicPartition(name, number) for name in names for number in range(PARTITIONS)]


async def ends(bootstrap: str, *names: str) -> Marks:
    """Where these topics end now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        found: Marks = await consumer.end_offsets(partitions(names))
        return found
    finally:
        await consumer.stop()


async def since(bootstrap: str, marks: Marks) -> AsyncIterator[Record]:
    """The records from these marks to the ends of now."""
    upto = await ends(bootstrap, *{tp.topic for tp in marks})
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, fetch_max_bytes=16 * 2**20)
    await consumer.start()
    try:
        open_ = {tp for tp, begin in marks.items() if begin < upto[tp]}
        consumer.assign(list(open_))
        for tp in open_:
            consumer.seek(tp, marks[tp])
        while open_:
            for tp, records in (await consumer.getmany(timeout_ms=1000)).items():
                for record in records:
                    if record.offset < upto[tp]:
                        yield record
                if tp in open_ and records[-1].offset + 1 >= upto[tp]:
                    open_.remove(tp)
    finally:
        await consumer.stop()


def header(record: Record, name: str) -> str:
    """A header in text, empty if there is none."""
    return next((value.decode() for each, value in record.headers if each == name and value), "")


@dataclass
class Holds:
    """CreateBooking commands and the BookingCreated events they led to, with Kafka's times in milliseconds."""

    asked: dict[str, int] = field(default_factory=dict)
    created: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))  # by command, by event
    sent_again: int = 0  # records of an event that was there already: a crash may leave some, whoever reads knows them

    @property
    def latencies(self) -> list[float]:
        """Milliseconds from a command's record to its event's; both are cut to whole ones."""
        return [float(min(events.values()) - self.asked[key]) for key, events in self.created.items()]

    @property
    def seconds(self) -> float:
        """From the first command to the last event."""
        last = max((at for events in self.created.values() for at in events.values()), default=0)
        return (last - min(self.asked.values(), default=last)) / 1000

    @property
    def per_second(self) -> float | None:
        """Holds per second, by Kafka's clock."""
        return len(self.created) / self.seconds if self.seconds > 0 else None

    @property
    def lost(self) -> int:
        """Commands without an event: refused ones, or worse."""
        return len(self.asked.keys() - self.created.keys())

    @property
    def twice(self) -> int:
        """Commands with more than one event."""
        return sum(len(events) > 1 for events in self.created.values())


async def mark(bootstrap: str) -> Marks:
    """Where holds will be found."""
    return await ends(bootstrap, topics.BOOKING_COMMANDS.name, topics.BOOKING_EVENTS.name)


async def holds(bootstrap: str, marks: Marks) -> Holds:
    """The holds since then."""
    found = Holds()
    async for record in since(bootstrap, marks):
        kind = header(record, "ce_type")
        if kind == CreateBooking.type:
            found.asked.setdefault(header(record, "ce_id"), record.timestamp)
        elif kind == BookingCreated.type:
            events, event = found.created[header(record, "ce_correlationid")], header(record, "ce_id")
            found.sent_again += event in events
            events.setdefault(event, record.timestamp)
    for key in found.created.keys() - found.asked.keys():  # of commands from before; the topics are read side by side
        del found.created[key]
    return found
