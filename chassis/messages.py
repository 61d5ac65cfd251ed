"""What goes into a decision and what comes out of it."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from aiokafka import ConsumerRecord
from pydantic import ValidationError

from contracts.envelope import RECORDS, Envelope, UnreadableEnvelope, derived_id, read
from contracts.model import Message
from contracts.topics import MESSAGE_BYTES

MOST_REASON = 1000  # characters


class Incoming(NamedTuple):
    """A message as it came, with the record that carried it."""

    record: "ConsumerRecord[bytes, bytes]"
    envelope: Envelope
    body: Message

    @property
    def id(self) -> str:
        return self.envelope.id

    @property
    def organisation(self) -> str:
        return self.envelope.organisation

    @property
    def accepted_at(self) -> datetime:
        """When the broker wrote the record: the only clock that a client cannot turn."""
        return datetime.fromtimestamp(self.record.timestamp / 1000, UTC)


class Publish(NamedTuple):
    """An output: a message for a topic. `due_at` is for delay topics."""

    topic: str
    key: str
    body: Message
    due_at: datetime | None = None


class Answer(NamedTuple):
    """An output: the answer to the command with this id, which may have come long ago."""

    command_id: str
    body: Message


Output = Publish | Answer


Row = Sequence[Any]  # of a statement's answer, its columns in order


class Statement(NamedTuple):
    """SQL with its arguments."""

    sql: str
    arguments: Sequence[Any] = ()


class Save(NamedTuple):
    """A part of the one statement that writes a batch.

    `sql` is an INSERT or UPDATE over arrays `{0}`, `{1}`, … that returns one row for each row it changed, or a SELECT that
    finds one row for each that must be there; `rows` is how many it must be, else nothing of the batch is written and it is
    decided again; None if any number is right. `name` is the rule that would be broken. A later part may read an earlier one
    by its name.
    """

    name: str
    sql: str
    rows: int | None
    arrays: Sequence[Sequence[Any]]


def columns(rows: Iterable[tuple[Any, ...]], width: int) -> list[Sequence[Any]]:
    """Rows as the arrays that a statement takes, `width` of them even if there are no rows."""
    return list(zip(*rows, strict=True)) or [()] * width


def shortened(reason: str) -> str:
    """A reason as it is kept with a dead letter; that more was there is seen."""
    return reason if len(reason) <= MOST_REASON else reason[: MOST_REASON - 1] + "…"


class DeadRecord(NamedTuple):
    """A record that is no message that this service understands, and why."""

    record: "ConsumerRecord[bytes, bytes]"
    reason: str
    envelope: Envelope | None = None
    body: Message | None = None

    @property
    def id(self) -> str:
        """Derived from its place in the log: whatever id it claims stays free for the message that will come in its stead."""
        return derived_id(RECORDS, f"{self.record.topic}/{self.record.partition}/{self.record.offset}")

    @property
    def readable(self) -> Incoming | None:
        """The message, if the record holds one."""
        return Incoming(self.record, self.envelope, self.body) if self.envelope and self.body else None


def open_record(record: "ConsumerRecord[bytes, bytes]", models: dict[str, type[Message]]) -> Incoming | DeadRecord:
    """The message in a record. Never raises: what cannot be read is dead, with the reason."""
    envelope: Envelope | None = None
    try:
        envelope = read(record.headers, record.timestamp)
        model = models.get(envelope.type)
        if model is None:
            return DeadRecord(record, f"unknown type {envelope.type}", envelope)
        if record.value is None:
            return DeadRecord(record, "the record has no value", envelope)
        if len(record.value) > MESSAGE_BYTES:
            return DeadRecord(
                record, f"{len(record.value)} bytes are more than the {MESSAGE_BYTES} of a message", envelope
            )
        return Incoming(record, envelope, model.model_validate_json(record.value))
    except UnreadableEnvelope as error:
        return DeadRecord(record, str(error))
    except ValidationError as error:
        # Where and what, never the value: the reason is listed and logged, and a value may be somebody's address.
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        reason = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in wrong)
        return DeadRecord(record, shortened(reason), envelope)
    except ValueError as error:
        return DeadRecord(record, shortened(" ".join(str(error).split())), envelope)
    except Exception as error:  # whatever a hostile record makes a library raise, the next one goes on
        return DeadRecord(record, shortened(f"{type(error).__name__}: {error}"), envelope)
