"""How the samples are written: a record exactly as a client or a service publishes it."""

from datetime import datetime
from typing import NamedTuple

from contracts import topics
from contracts.envelope import Headers, edge_id, output_id, request_hash, stamp, write
from contracts.examples import CLIENT, HOLD, NOON_BEFORE, ORGANISATION
from contracts.model import Message


class Record(NamedTuple):
    """A message as Kafka carries it. An answer has no key: any partition will do."""

    topic: str
    key: str | None
    headers: Headers
    message: Message
    value: bytes

    @property
    def id(self) -> str:
        return _header(self, "ce_id")


def asked(key: str, command: Message, at: datetime = NOON_BEFORE) -> Record:
    """As the typed client publishes it."""
    command_id = edge_id(ORGANISATION, CLIENT, key)
    topic, record_key = topics.address(command)
    headers = write(
        f"/clients/{CLIENT}".encode(),
        command_id,
        command.type,
        ORGANISATION,
        command_id,
        stamp(at),
        record_key,
        reply_to=topics.CLIENTS_REPLIES.name,
    )
    return Record(topic, record_key, headers, command, command.model_dump_json(exclude_none=True).encode())


def output(cause: Record, service: str, index: int | str, message: Message, due_at: datetime | None = None) -> Record:
    """As the service publishes what it decided about `cause`."""
    topic, key = topics.address(message)
    headers = write(
        service.encode(),
        output_id(cause.id, service, index),
        message.type,
        ORGANISATION,
        _header(cause, "ce_correlationid"),
        _header(cause, "ce_time").encode(),
        key,
        causation=cause.id,
        due_at=stamp(due_at).decode() if due_at else "",
    )
    return Record(topics.expiry(HOLD).name if due_at else topic, key, headers, message, _written(message))


def answer(command: Record, service: str, message: Message) -> Record:
    """As the service answers the command to whoever asked."""
    headers = write(
        service.encode(),
        output_id(command.id, service, "answer"),
        message.type,
        ORGANISATION,
        command.id,
        _header(command, "ce_time").encode(),
        command.id,
        causation=command.id,
    )
    headers.append(("ce_requesthash", request_hash(ORGANISATION, command.message).encode()))
    return Record(topics.CLIENTS_REPLIES.name, None, headers, message, _written(message))


def _header(record: Record, name: str) -> str:
    return dict(record.headers)[name].decode()


def _written(message: Message) -> bytes:
    return message.model_dump_json().encode()
