"""The messages that wait to be decided, and which of them go first.

A partition has a backlog when its records are decided further than this worker has taken them: by whoever was here before, or
by an owner that was replaced and does not know yet. Their outputs are stored and perhaps not sent. An entity may be fed by
several topics, so a worker that took anything else first, or these in another order, could send a later version of it before
an earlier one. Therefore a backlog goes first, and whole: only then can it be sent again in the order of its decisions.
"""

from collections import defaultdict
from collections.abc import Mapping

from aiokafka import TopicPartition

from chassis.messages import DeadRecord, Incoming
from chassis.subscription import Record

Messages = list[Incoming | DeadRecord]


def partition_of(record: Record) -> TopicPartition:
    return TopicPartition(record.topic, record.partition)


class Queue:
    """What waits. `expected` belongs to the stream: the next offset to decide, of the partitions that are ours."""

    def __init__(self, expected: Mapping[TopicPartition, int], max_records: int) -> None:
        self._expected, self._max_records = expected, max_records
        self._messages: Messages = []
        self.backlog: dict[TopicPartition, int] = {}  # up to where it is decided, if that is beyond what is expected

    @property
    def full(self) -> bool:
        """Whether no more should be fetched."""
        return len(self._messages) >= 2 * self._max_records

    @property
    def ready(self) -> bool:
        """Whether something can be taken: of a backlog nothing before all of it is there."""
        if not self._messages or not self.backlog:
            return bool(self._messages)
        comes = self.upcoming()
        return all(comes[partition] >= upto for partition, upto in self.backlog.items())

    def upcoming(self) -> dict[TopicPartition, int]:
        """Of each partition that is ours the offset that follows what waits."""
        comes = dict(self._expected)
        for message in self._messages:
            if (partition := partition_of(message.record)) in comes:
                comes[partition] = message.record.offset + 1
        return comes

    def comes(self, partition: TopicPartition) -> int | None:
        return self.upcoming().get(partition)

    def add(self, messages: Messages) -> None:
        self._messages.extend(messages)

    def take(self) -> dict[TopicPartition, Messages]:
        """The next batch by partition: the backlog and nothing else, if there is one."""
        taken, left = Messages(), Messages()
        if self.backlog and self.ready:
            for message in self._messages:
                owed = message.record.offset < self.backlog.get(partition_of(message.record), 0)
                (taken if owed else left).append(message)
            self._messages = left
        elif not self.backlog:
            taken, self._messages = self._messages[: self._max_records], self._messages[self._max_records :]
        parts: dict[TopicPartition, Messages] = defaultdict(list)
        for message in taken:
            parts[partition_of(message.record)].append(message)
        return parts

    def put_back(self, parts: Mapping[TopicPartition, Messages]) -> None:
        """These were taken, and are the next again."""
        back = [message for partition, run in parts.items() if partition in self._expected for message in run]
        self._messages = back + self._messages

    def drop(self, partition: TopicPartition) -> None:
        """What waits of this partition will come again."""
        self._messages = [message for message in self._messages if partition_of(message.record) != partition]

    def owe(self, processed: Mapping[TopicPartition, int]) -> None:
        """These partitions are decided up to here: what is expected below it is a backlog."""
        self.backlog |= processed
        self.settle()

    def settle(self) -> None:
        """What is expected has changed: forget the backlogs that are taken, and those of partitions that are not ours."""
        if self.backlog:
            self.backlog = {tp: upto for tp, upto in self.backlog.items() if self._expected.get(tp, upto) < upto}

    def clear(self) -> None:
        self._messages, self.backlog = [], {}
