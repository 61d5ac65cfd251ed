"""The table of topics agrees with itself and with the messages."""

import importlib
import inspect
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from contracts import answers, catalogue, claims, client, envelope, examples, notifier, sample_records, topics
from contracts.availability import ExpireHold
from contracts.booking import FindOrCreateCustomer
from contracts.model import UUID_PATTERN, Message

INBOX_REMEMBERS = timedelta(days=8)
OF_THEIR_OWN = {
    FindOrCreateCustomer: "Customer",
    claims.ClaimKey: "Command",
    notifier.RetryDelivery: "Delivery",
}  # of no booking: what their key is the id of
HOLDS = topics.hold_lengths(timedelta(seconds=90))
TABLE = topics.topics(HOLDS)
by_name = pytest.mark.parametrize("topic", TABLE, ids=lambda topic: topic.name)


def defined() -> set[type[Message]]:
    """Every message class of the package; what others are made of is none itself."""
    names = [path.stem for path in Path(topics.__file__).parent.glob("*.py")]
    modules = [importlib.import_module(f"contracts.{name}") for name in names if name != "__init__"]
    classes = {found for module in modules for _, found in inspect.getmembers(module, inspect.isclass)}
    return {found for found in classes if issubclass(found, Message) and not found.__subclasses__()}


def test_every_message_travels_in_one_topic_or_is_an_answer() -> None:
    homes = Counter(message for topic in topics.topics(()) for message in topic.messages)
    assert set(homes.values()) == {1}
    assert set(homes) | set(client.ANSWERS.values()) == defined()
    assert set(homes) & set(client.ANSWERS.values()) == set()


def test_only_the_end_of_a_hold_travels_in_more_than_one_topic() -> None:
    homes = Counter(message for topic in TABLE for message in topic.messages)
    assert {message for message, count in homes.items() if count > 1} == {ExpireHold}
    assert homes[ExpireHold] == 1 + len(HOLDS)


def test_types_on_the_wire_are_unique_and_well_formed() -> None:
    types = [message.type for message in defined()]
    assert len(types) == len(set(types))
    assert all(re.fullmatch(r"holdfast\.[A-Z][A-Za-z]+\.v[1-9][0-9]*", kind) for kind in types)
    assert {kind: message.type for kind, message in topics.models().items()} == {kind: kind for kind in topics.models()}


@by_name
def test_topic_is_named_by_its_owner(topic: topics.Topic) -> None:
    assert re.fullmatch(r"[a-z]+\.(commands|events|replies|dead-letters|expiry\.[0-9]+[sm])", topic.name)
    assert len(topic.name) <= 249


def test_topics_have_names_of_their_own() -> None:
    assert len({topic.name for topic in TABLE}) == len(TABLE)


@by_name
def test_every_message_of_a_topic_has_its_key(topic: topics.Topic) -> None:
    for message in topic.messages:
        record = sample_records.records()[message.type]
        assert record.key is not None
        assert re.fullmatch(UUID_PATTERN, record.key)
        field = topics.key_field(topic, message)
        of_its_own = message.__module__ == catalogue.__name__ or message in OF_THEIR_OWN
        assert of_its_own or field == topic.key
        if of_its_own:  # keyed by what it changes
            assert (
                field
                == f"{re.sub('Put|Archive|FindOrCreate', '', OF_THEIR_OWN.get(message, message.__name__)).lower()}_id"
            )


def test_one_booking_and_one_space_keep_their_order() -> None:
    keys = {message.type: topics.address(sample_records.example(message))[1] for message in topics.models().values()}
    for topic, key in (
        (topics.BOOKING_COMMANDS, examples.BOOKING_ID),
        (topics.AVAILABILITY_EVENTS, examples.BOOKING_ID),
        (topics.BOOKING_EVENTS, examples.BOOKING_ID),
    ):
        assert {keys[message.type] for message in topic.messages if message not in OF_THEIR_OWN} == {key}
    slots = [message for message in topics.AVAILABILITY_COMMANDS.messages if message.__module__ != catalogue.__name__]
    assert {keys[message.type] for message in slots} == {examples.LIGHTHOUSE.id}


def test_answer_has_no_address_of_its_own() -> None:
    with pytest.raises(LookupError, match="Refused"):
        topics.address(answers.Refused(code="NOT_FOUND", message="There is no such booking."))


@by_name
def test_delay_topic_forwards_what_its_target_takes_under_the_same_key(topic: topics.Topic) -> None:
    if topic.forwards_to is None:
        assert ".expiry." not in topic.name
        return
    target = next(other for other in TABLE if other.name == topic.forwards_to)
    assert target.forwards_to is None
    assert set(topic.messages) <= set(target.messages)
    assert topic.key == target.key


@by_name
def test_inbox_remembers_longer_than_a_topic_keeps(topic: topics.Topic) -> None:
    if not topic.name.endswith(".dead-letters"):
        assert topic.retention < INBOX_REMEMBERS


@by_name
def test_topic_takes_the_largest_message(topic: topics.Topic) -> None:
    assert topic.record_bytes >= 2 * topics.MESSAGE_BYTES
    if topic.name.endswith(".dead-letters"):  # the largest record there may be, and why it died
        assert topic.record_bytes >= 2 * topics.RECORD_BYTES


def test_delay_outlives_no_retention() -> None:
    assert all(length < topics.WEEK for length in HOLDS)


@pytest.mark.parametrize(("seconds", "name"), [(90, "90s"), (60, "1m"), (300, "5m"), (2, "2s"), (3600, "60m")])
def test_delay_topic_is_named_by_its_length(seconds: int, name: str) -> None:
    assert topics.expiry(timedelta(seconds=seconds)).name == f"availability.expiry.{name}"


def test_hold_lengths_are_the_known_ones_and_the_platforms_own() -> None:
    minutes = [timedelta(minutes=minutes) for minutes in catalogue.HOLD_LENGTHS]
    assert topics.hold_lengths(timedelta(minutes=15)) == tuple(minutes)
    assert topics.hold_lengths(timedelta(seconds=3)) == (timedelta(seconds=3), *minutes)


def test_answers_go_to_reply_topics_and_nothing_else_does() -> None:
    def taken(name: str) -> bool:
        header = [
            ("ce_id", b"0" * 8 + b"-0000-4000-8000-" + b"0" * 12),
            ("ce_type", b"x"),
            ("ce_organisationid", b"demo"),
        ]
        try:
            return envelope.read([*header, ("ce_replyto", name.encode())], 0).reply_to == name
        except envelope.UnreadableEnvelope:
            return False

    replies = {topic.name for topic in (topics.GATEWAY_REPLIES, topics.CLIENTS_REPLIES)}
    assert {topic.name for topic in TABLE if taken(topic.name)} == replies
    assert not any(topic.messages for topic in TABLE if topic.name in replies)
