"""CloudEvents 1.0, Kafka binding, binary mode: headers <-> Envelope, and the ids of messages.

An id says where a message comes from, so the same cause always gives the same id: a repeat is recognised by everybody.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import orjson

from contracts.model import EARLIEST, LATEST, Message

EDGE = "7b2f2f4e-6f0b-5d63-9d5c-3f0f7f0c9a11"  # namespace of the commands that clients send
RECORDS = "3c8a8f0e-50f7-5c0f-8a0b-0d6f2ad3c7c2"  # namespace of records that carry no readable id of their own

_SPECVERSIONS = (b"1.0", None)  # without one it is taken for ours

Headers = list[tuple[str, bytes]]

_uuid = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
_organisation = re.compile(rb"[a-z0-9][a-z0-9-]{0,62}").fullmatch
_type = re.compile(rb"[\x21-\x7e]{1,200}").fullmatch
# Only a topic of this form is ever answered to: an answer must not become somebody's command.
_reply_topic = re.compile(rb"(?=.{1,249}\Z)[a-z0-9-]+(\.[a-z0-9-]+)*\.replies").fullmatch
_rfc_3339 = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)").fullmatch
_traceparent = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}").fullmatch


class UnreadableEnvelope(Exception):
    """The headers of a record are not those of a message; the argument says which one and why."""


class Envelope(NamedTuple):
    """What the headers say. `causation` is None for a command from the edge; `reply_to` names a topic, never an instance."""

    id: str
    type: str
    organisation: str
    correlation: str
    causation: str | None
    created: datetime
    reply_to: str | None = None
    due_at: datetime | None = None
    traceparent: bytes | None = None


def derived_id(namespace: str, name: str) -> str:
    """`uuid5(namespace, name)` in a third of the time."""
    seed = bytes.fromhex(namespace.replace("-", "")) + name.encode()
    digest = bytearray(hashlib.sha1(seed, usedforsecurity=False).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x50, digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def edge_id(organisation: str, client: str, key: str) -> str:
    """The id of a command from the edge. No part of it is the operation: one key names one effect.

    `uuid5(EDGE, "organisation|client|key")`, where a `|` in a client's name is written `%7C` and a `%` is written `%25`:
    else client `a|b` with key `c` would be client `a` with key `b|c`.
    """
    return derived_id(EDGE, f"{_quoted(organisation)}|{_quoted(client)}|{key}")


def _quoted(name: str) -> str:
    return name.replace("%", "%25").replace("|", "%7C")


def output_id(cause: str, consumer: str, index: int | str) -> str:
    """The id of the `index`-th output that `consumer` makes of the message `cause`."""
    return derived_id(cause, f"{consumer}|{index}")


def request_hash(organisation: str, message: Message) -> str:
    """SHA-256 of the canonical message: what was said, without defaults, in a fixed order.

    Two requests with the same hash ask for the same thing, even if a newer client knows fields that an older one does not send.
    """
    body = message.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    canonical = orjson.dumps([organisation, type(message).type, body], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()


@lru_cache(maxsize=64)  # what is decided together has one time
def stamp(moment: datetime) -> bytes:
    """RFC 3339 in UTC, microseconds always shown, so that stamps sort as text."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds").encode() + b"Z"


@lru_cache(maxsize=1024)
def _moment(raw: bytes, header: str) -> datetime:
    try:
        if not _rfc_3339(raw):
            raise ValueError
        moment = datetime.fromisoformat(raw.decode("ascii"))
    except ValueError:
        raise UnreadableEnvelope(f"{header} is not an RFC 3339 time") from None
    return _usual(moment, header)


def _usual(moment: datetime, name: str) -> datetime:
    if not EARLIEST <= moment <= LATEST:
        raise UnreadableEnvelope(f"{name} is out of range")
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def _of_record(timestamp_ms: int) -> datetime:
    try:
        return _usual(datetime.fromtimestamp(timestamp_ms / 1000, UTC), "the record's timestamp")
    except (ValueError, OverflowError, OSError):
        raise UnreadableEnvelope("the record's timestamp is out of range") from None


def write(
    source: bytes,
    message_id: str,
    message_type: str,
    organisation: str,
    correlation: str,
    created: bytes,
    subject: str,
    causation: str | None = None,
    reply_to: str | None = None,
    due_at: str = "",
    traceparent: bytes | None = None,
) -> Headers:
    """The headers of a record; `created` and `due_at` are stamps."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", message_id.encode()),
        ("ce_source", source),
        ("ce_type", message_type.encode()),
        ("ce_subject", subject.encode()),
        ("ce_time", created),
        ("ce_organisationid", organisation.encode()),
        ("ce_correlationid", correlation.encode()),
        ("content-type", b"application/json"),
    ]
    if causation:
        headers.append(("ce_causationid", causation.encode()))
    if reply_to:
        headers.append(("ce_replyto", reply_to.encode()))
    if due_at:
        headers.append(("ce_dueat", due_at.encode()))
    if traceparent:
        headers.append(("traceparent", traceparent))
    return headers


def read(raw: Iterable[tuple[str, bytes | None]], timestamp_ms: int) -> Envelope:
    """What the headers say. Raises UnreadableEnvelope; a missing `ce_time` is the record's own timestamp."""
    headers = dict(raw)
    get = headers.get
    if get("ce_specversion") not in _SPECVERSIONS:
        raise UnreadableEnvelope("ce_specversion is not 1.0")
    message_id = _required("ce_id", get("ce_id"), _uuid)
    correlation = get("ce_correlationid")
    causation = get("ce_causationid")
    reply_to = get("ce_replyto")
    created = get("ce_time")
    due_at = get("ce_dueat")
    traceparent = get("traceparent")
    return Envelope(
        message_id,
        _type_of(get("ce_type")),
        _organisation_of(get("ce_organisationid")),
        message_id if correlation is None else _required("ce_correlationid", correlation, _uuid),
        None if causation is None else _required("ce_causationid", causation, _uuid),
        _of_record(timestamp_ms) if created is None else _moment(created, "ce_time"),
        None if reply_to is None else _required("ce_replyto", reply_to, _reply_topic),
        None if due_at is None else _moment(due_at, "ce_dueat"),
        # A malformed trace header is no reason to refuse a message: the trace just begins anew.
        traceparent if traceparent and _traceparent(traceparent) else None,
    )


def _required(name: str, value: bytes | None, valid: Callable[[bytes], object]) -> str:
    if value is None:
        raise UnreadableEnvelope(f"{name} is missing")
    if not valid(value):
        raise UnreadableEnvelope(f"{name} is malformed")
    return value.decode("ascii")


# There are few types and organisations, and the messages of one batch were made at one time: each is read once.
@lru_cache(maxsize=256)
def _type_of(value: bytes | None) -> str:
    return _required("ce_type", value, _type)


@lru_cache(maxsize=4096)
def _organisation_of(value: bytes | None) -> str:
    return _required("ce_organisationid", value, _organisation)
