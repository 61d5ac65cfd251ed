"""What the search looks at: inputs, a database, two workers, the log of outputs. All values are plain and hashable.

The inputs lie in Kafka from the beginning, so a record that "has not come yet" is one that nobody has fetched yet.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

COMMAND = 0  # the id of the one command that is asked again and answered
EVENT, ANSWER, REFUSAL = 0, 1, 2  # kinds of what is sent; events go to one topic, the others to the askers' topics

Place = tuple[int, int]  # partition, offset
Span = tuple[int, ...]  # offsets from, upto; () where there is none
Sent = tuple[int, int, int]  # kind; id or reply topic; stamp of the decision or hash
NOWHERE: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Message:
    """An input. Whatever it is, a new one has one effect and one event."""

    id: int
    reply: int | None = None  # where its sender waits for the answer
    hash: int = 0  # of the command as it was asked
    answers: bool = False  # its outputs hold the answer to COMMAND
    entity: int = 0
    after: int | None = None  # it is a consequence: in Kafka only after this message's event


@dataclass(frozen=True)
class Faults:
    """How often each may happen in one history; `total` bounds them together."""

    rebalances: int = 0  # partitions move to the other worker, or to the same one anew; the old owner may be stopped
    crashes: int = 0
    failovers: int = 0  # the database loses its last one or two transactions, Kafka keeps everything
    lost_replies: int = 0  # a write takes effect, the worker hears of an error
    wrong_offsets: int = 0  # Kafka's committed offset is anything, and is believed (`seek_on_assignment` off)
    total: int = 99

    def left(self) -> tuple[int, ...]:
        return (self.rebalances, self.crashes, self.failovers, self.lost_replies, self.wrong_offsets, self.total)


REBALANCE, CRASH, FAILOVER, LOST_REPLY, WRONG_OFFSET, TOTAL = range(6)


@dataclass(frozen=True)
class World:
    """What can come and what can go wrong. `relaxed` are the rules that this world does not keep."""

    inputs: tuple[tuple[Message, ...], ...]
    faults: Faults = Faults()
    relaxed: frozenset[str] = frozenset()
    most: int = 2  # records of a batch
    counted: bool = False  # whether repeats are counted: a larger search
    first: dict[int, Place] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        places = [(m.id, (p, o)) for p, run in enumerate(self.inputs) for o, m in enumerate(run)]
        object.__setattr__(self, "first", dict(reversed(places)))

    def keeps(self, rule: str) -> bool:
        return rule not in self.relaxed

    def at(self, place: Place) -> Message:
        return self.inputs[place[0]][place[1]]

    @property
    def ends(self) -> tuple[int, ...]:
        return tuple(len(run) for run in self.inputs)


class Row(NamedTuple):
    """A row of the inbox, with its one stored event; its answer is kept with the database."""

    id: int
    place: Place
    stamp: int  # tells two decisions about one message apart if ids are random; else 0


class Entity(NamedTuple):
    revision: int
    effects: tuple[int, ...]  # ids of the messages that changed it, in order


class Database(NamedTuple):
    processed: tuple[int, ...]
    published: tuple[int, ...]
    inbox: tuple[Row, ...]  # as written
    entities: tuple[Entity, ...]
    asked_by: tuple[int, ...]  # on COMMAND's row
    answered: bool


class Batch(NamedTuple):
    """What a worker has in hand. `stage` is the step that comes next."""

    stage: str
    records: tuple[Place, ...]
    reached: tuple[int, ...]  # `expected` when they were taken
    was: tuple[int, ...] = ()  # `processed` as round trip 1 read it
    published: tuple[int, ...] = ()
    known: tuple[Row, ...] = ()
    marks: tuple[Span, ...] = ()  # acknowledged spans that the write marks
    loaded: tuple[Entity, ...] = ()
    sends: tuple[Sent, ...] = ()


class Flight(NamedTuple):
    """Handed to the producer: what the broker has not got yet, and the spans that are sent when it has."""

    spans: tuple[Span, ...]
    pending: tuple[Sent, ...]


class Worker(NamedTuple):
    owner: bool = False  # the group's opinion
    expected: tuple[int, ...] = ()  # its own opinion: () if no partition is its
    position: tuple[int, ...] = ()  # of its consumer
    backlog: tuple[int, ...] = ()  # up to where others have decided; () if that is not beyond `expected` anywhere
    batch: tuple[()] | Batch = ()
    flights: tuple[Flight, ...] = ()  # never more than one if R7 is kept
    sending: tuple[Span, ...] = NOWHERE
    sent: tuple[Span, ...] = NOWHERE


class State(NamedTuple):
    database: Database
    before: tuple[Database, ...]  # what a failover may go back to
    events: tuple[tuple[int, int], ...]  # first occurrences in the log of outputs: id, stamp
    answers: tuple[Sent, ...]  # what each asker's topic has, once each
    workers: tuple[Worker, Worker]
    left: tuple[int, ...]  # of each kind of fault
    records: int = 0  # sent in all, if counted
    drawn: int = 0  # random stamps so far


def spans_of(world: World, records: tuple[Place, ...]) -> list[Span]:
    """By partition; () for one that has no record here."""
    spans: list[Span] = [() for _ in world.inputs]
    for partition, offset in records:
        start, upto = spans[partition] or (offset, offset + 1)
        spans[partition] = (min(start, offset), max(upto, offset + 1))
    return spans


def beginning(world: World) -> State:
    zeros = tuple(0 for _ in world.inputs)
    entities = max(message.entity for run in world.inputs for message in run) + 1
    database = Database(zeros, zeros, (), (Entity(0, ()),) * entities, (), False)
    return State(database, (), (), (), (Worker(), Worker()), world.faults.left())
