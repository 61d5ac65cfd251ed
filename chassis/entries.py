"""What a ledger holds: messages that a batch handles, commands that it answers, records that it sends."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from chassis.inbox import Stored
from chassis.messages import Answer, Output
from contracts.envelope import Headers, stamp
from contracts.model import Message
from contracts.topics import MESSAGE_BYTES


class OutputTooLarge(Exception):
    """One message would leave an output over 256 KiB, or more than 64 of them: it could never be sent."""


class Send(NamedTuple):
    """A record to be published. Without a key any partition will do."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers
    partition: int | None
    answers: bool = False


class Place(NamedTuple):
    topic: str
    partition: int
    position: int


@dataclass(slots=True)
class Decided:
    """A message that this batch handles: becomes a row of the inbox."""

    place: Place
    outputs: list[Stored]
    hash: str | None
    asked_by: list[str]
    answer: Stored | None = None
    dead: bool = False


@dataclass(slots=True)
class Asked:
    """A command handled earlier that this batch answers, or that is asked again: updates its row."""

    asked_by: list[str] = field(default_factory=list)
    answer: Stored | None = None


class AskedRow(NamedTuple):
    """The row after the write."""

    asked_by: Sequence[str]
    answer: bytes | None
    answered_at: datetime | None
    request_hash: str | None


def to_json(message: Message) -> bytes:
    """The message as it goes over the wire."""
    return message.__pydantic_serializer__.to_json(message)


def stored(output: Output) -> Stored:
    """The output as it is remembered. Raises OutputTooLarge."""
    body = output.body
    value = to_json(body)
    if len(value) > MESSAGE_BYTES:
        raise OutputTooLarge(f"{type(body).__name__} has {len(value)} bytes, {MESSAGE_BYTES} are allowed")
    if isinstance(output, Answer):
        return Stored("", output.command_id, type(body).type, "", value)
    return Stored(
        output.topic, output.key, type(body).type, stamp(output.due_at).decode() if output.due_at else "", value
    )
