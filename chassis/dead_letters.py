"""Dead letters: the record as it came, in a topic of its own, with the reason why it could not be handled."""

import re
from typing import TYPE_CHECKING

from chassis.inbox import Stored
from chassis.messages import DeadRecord
from contracts.answers import Detail
from contracts.envelope import Headers

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord


_control = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]").sub
FAILED = "failed with "  # begins the reason when it is our own failure, of which nobody outside is told


def told(letter: Stored) -> tuple[Detail, ...]:
    """What the sender of a command is told of why it is a dead letter."""
    if letter.type.startswith(FAILED):
        return ()
    return (Detail(field="reason", issue=_control(" ", letter.type)[:1000]),)


def letter(dead: DeadRecord, topic: str) -> Stored:
    """The output that a dead record leaves. Only the reason is stored: whoever sends it has the record in hand."""
    return Stored(topic, dead.id, dead.reason, "", b"")


def headers(record: "ConsumerRecord[bytes, bytes]", stored: Stored, service: str) -> Headers:
    """The original headers under their own names, and where, when and why the record died.

    `content-type` is not JSON: whoever reads the letter must not trip over the same body again.
    """
    original = [(name, value or b"") for name, value in record.headers if name != "content-type"]
    return [
        *original,
        ("content-type", b"application/octet-stream"),
        ("dead-letter-id", stored.key.encode()),
        ("dead-letter-reason", stored.type.encode("utf-8", "replace")),
        ("dead-letter-service", service.encode()),
        ("dead-letter-origin", f"{record.topic}/{record.partition}/{record.offset}".encode()),
        ("dead-letter-timestamp", str(record.timestamp).encode()),
        ("dead-letter-content-type", dict(record.headers).get("content-type") or b""),
    ]
