"""Who may do what in Kafka: the one table, from which users get their permissions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contracts import topics
from contracts.topics import Topic

DELAYS = topics.expiry(topics.LONGEST_HOLD).name.rpartition(".")[0] + "."


@dataclass(frozen=True)
class Rights:
    """What one user writes and reads, by topic; the groups it reads in; prefixes stand for delay topics of every length.

    Of `groups_seen` it sees where they stand; `settings` are those of the topics that it reads.
    """

    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    writes_prefixed: tuple[str, ...] = ()
    reads_prefixed: tuple[str, ...] = ()
    groups_seen: tuple[str, ...] = ()
    settings: bool = False


def _names(*of: Topic) -> tuple[str, ...]:
    return tuple(topic.name for topic in of)


_ANSWERS = (topics.GATEWAY_REPLIES, topics.CLIENTS_REPLIES)

RIGHTS: Mapping[str, Rights] = {
    "gateway": Rights(
        writes=_names(
            topics.BOOKING_COMMANDS, topics.AVAILABILITY_COMMANDS, topics.PAYMENT_COMMANDS, topics.NOTIFIER_COMMANDS
        ),
        reads=_names(topics.GATEWAY_REPLIES),
    ),
    "availability": Rights(
        writes=_names(topics.AVAILABILITY_EVENTS, topics.dead_letters("availability"), *_ANSWERS),
        reads=_names(topics.AVAILABILITY_COMMANDS),
        groups=("availability",),
        writes_prefixed=(DELAYS,),
    ),
    "relay": Rights(
        writes=_names(topics.AVAILABILITY_COMMANDS),
        groups=("availability.relay",),
        reads_prefixed=(DELAYS,),
    ),
    "booking": Rights(
        writes=_names(
            topics.BOOKING_EVENTS,
            topics.BOOKING_COMMANDS,  # its own: a question is given up when its answer cannot be decided
            topics.AVAILABILITY_COMMANDS,
            topics.PAYMENT_COMMANDS,
            topics.dead_letters("booking"),
            *_ANSWERS,
        ),
        reads=_names(topics.BOOKING_COMMANDS, topics.AVAILABILITY_EVENTS, topics.PAYMENT_EVENTS),
        groups=("booking",),
    ),
    "payment": Rights(
        # its own commands too: what became of a call to the provider is told as one
        writes=_names(topics.PAYMENT_EVENTS, topics.PAYMENT_COMMANDS, topics.dead_letters("payment"), *_ANSWERS),
        reads=_names(topics.PAYMENT_COMMANDS),
        groups=("payment",),
    ),
    "notifier": Rights(
        writes=_names(topics.NOTIFIER_EVENTS, topics.NOTIFIER_COMMANDS, topics.dead_letters("notifier"), *_ANSWERS),
        reads=_names(topics.NOTIFIER_COMMANDS, topics.BOOKING_EVENTS),
        groups=("notifier",),
    ),
    # Other services, with the typed client: they ask, hear their answers and what happened.
    "clients": Rights(
        writes=_names(topics.BOOKING_COMMANDS),
        reads=_names(topics.CLIENTS_REPLIES, topics.BOOKING_EVENTS),
    ),
    # `holdfast status`, `verify`, `story`, `events tail`, `topics check`: sees everything and writes nothing. What repairs (`replay`,
    # `drop`, `topics apply`) comes as Kafka's administrator: events and dead letters have one writer each.
    "operator": Rights(
        reads=_names(*topics.topics(())),
        reads_prefixed=(DELAYS,),
        groups_seen=("availability.relay",),
        settings=True,
    ),
}
OTHERS = ("clients", "operator")  # users that are no service of the platform

# Kafka's own numbers: https://kafka.apache.org/protocol (ResourceType, PatternType, AclOperation, AclPermissionType).
TOPIC, GROUP = 2, 3
LITERAL, PREFIXED = 3, 4
READ, WRITE, DESCRIBE, DESCRIBE_CONFIGS = 3, 4, 8, 10
ALLOW = 3

Permission = tuple[int, str, int, str, str, int, int]  # in the order of aiokafka's CreateAclsRequest


def permissions(user: str) -> Iterator[Permission]:
    """What Kafka has to be told of this user."""
    rights = RIGHTS[user]

    def allow(resource: int, name: str, pattern: int, *operations: int) -> Iterator[Permission]:
        for operation in operations:
            yield (resource, name, pattern, f"User:{user}", "*", operation, ALLOW)

    for name in rights.writes:
        yield from allow(TOPIC, name, LITERAL, WRITE, DESCRIBE)
    reading = (READ, DESCRIBE, DESCRIBE_CONFIGS) if rights.settings else (READ, DESCRIBE)
    for name in rights.reads:
        yield from allow(TOPIC, name, LITERAL, *reading)
    for name in rights.writes_prefixed:
        yield from allow(TOPIC, name, PREFIXED, WRITE, DESCRIBE)
    for name in rights.reads_prefixed:
        yield from allow(TOPIC, name, PREFIXED, *reading)
    for name in rights.groups:
        yield from allow(GROUP, name, LITERAL, READ, DESCRIBE)
    for name in rights.groups_seen:
        yield from allow(GROUP, name, LITERAL, DESCRIBE)


def writers(topic: str) -> set[str]:
    """The users that may write there."""
    return {
        user
        for user, rights in RIGHTS.items()
        if topic in rights.writes or any(topic.startswith(prefix) for prefix in rights.writes_prefixed)
    }
