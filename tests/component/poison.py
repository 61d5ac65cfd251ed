"""Records that no message is made of, each as a change to a good one, with a word of the reason it must be buried with."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import aiokafka.producer.message_accumulator as accumulator
import aiokafka.producer.producer as producer
import aiokafka.record.default_records as default_records
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy as _Builder

Headers = list[tuple[str, bytes | None]]


@dataclass(frozen=True)
class Raw:
    """What is written: a good command until it is spoilt."""

    key: bytes | None
    value: bytes | None
    headers: Headers = field(default_factory=list)

    def saying(self, name: str, value: bytes | None) -> "Raw":
        return replace(self, headers=[(n, value if n == name else v) for n, v in self.headers])

    def without(self, name: str) -> "Raw":
        return replace(self, headers=[(n, v) for n, v in self.headers if n != name])

    def holding(self, value: bytes | None) -> "Raw":
        return replace(self, value=value)


def _field(raw: bytes) -> Callable[[Raw], Raw]:
    return lambda good: good.holding(b'{"bookingId": ' + raw + b"}")


def _id(good: Raw) -> bytes:
    assert good.key is not None
    return good.key


# What is written instead of a good command, and what its letter says.
SPOILT: dict[str, tuple[Callable[[Raw], Raw], str]] = {
    "a value that is no UTF-8": (lambda good: good.holding(b"\xff\x00"), "JSON"),
    "a null value": (lambda good: good.holding(None), "no value"),
    "an empty value": (lambda good: good.holding(b""), "JSON"),
    "half a JSON": (lambda good: good.holding((good.value or b"")[:-3]), "JSON"),
    "another shape of JSON": (lambda good: good.holding(b"[1, 2]"), "object"),
    "a JSON 10,000 deep": (lambda good: good.holding(b"[" * 10_000), "JSON"),
    "an object 10,000 deep": (lambda good: good.holding(b'{"a":' * 10_000 + b"1" + b"}" * 10_000), "JSON"),
    "a field 10,000 deep": (_field(b"[" * 10_000 + b"]" * 10_000), "JSON"),
    "a number of 4,000 digits": (_field(b"9" * 4000), "bookingId"),
    "an infinite number": (_field(b"1e400"), "bookingId"),
    "NaN": (_field(b"NaN"), "bookingId"),
    "a NUL in a string": (lambda good: good.holding(b'{"bookingId": "' + _id(good)[:-1] + b'\\u0000"}'), "bookingId"),
    "half a surrogate pair": (_field(b'"\\ud800"'), "JSON"),
    "a missing field": (lambda good: good.holding(b"{}"), "bookingId"),
    "a value of 300 KB": (lambda good: good.holding((good.value or b"") + b" " * 300_000), "bytes are more"),
    "a value of 1 MB": (lambda good: good.holding(b"x" * (2**20 - 2000)), "bytes are more"),
    "a header value that is no UTF-8": (
        lambda good: good.saying("ce_organisationid", b"\xff\xfe"),
        "ce_organisationid",
    ),
    "a type that is no UTF-8": (lambda good: good.saying("ce_type", b"\xc3\x28"), "ce_type"),
    "a reply topic that is no UTF-8": (lambda good: good.saying("ce_replyto", b"\xff.replies"), "ce_replyto"),
    "no headers": (lambda good: replace(good, headers=[]), "ce_id"),
    "no id": (lambda good: good.without("ce_id"), "ce_id"),
    "an id that is null": (lambda good: good.saying("ce_id", None), "ce_id"),
    "an id that is no UUID": (lambda good: good.saying("ce_id", b"1"), "ce_id"),
    "an id with a line feed": (lambda good: good.saying("ce_id", _id(good) + b"\n"), "ce_id"),
    "no type": (lambda good: good.without("ce_type"), "ce_type"),
    "an unknown type": (lambda good: good.saying("ce_type", b"holdfast.SellHouse.v1"), "unknown type"),
    "a newer version": (lambda good: good.saying("ce_type", b"holdfast.ConfirmBooking.v2"), "unknown type"),
    "another service's type": (lambda good: good.saying("ce_type", b"holdfast.PutVenue.v1"), "unknown type"),
    "no organisation": (lambda good: good.without("ce_organisationid"), "ce_organisationid"),
    "a malformed organisation": (lambda good: good.saying("ce_organisationid", b"De mo"), "ce_organisationid"),
    "another specification": (lambda good: good.saying("ce_specversion", b"2.0"), "ce_specversion"),
    "a malformed correlation": (lambda good: good.saying("ce_correlationid", b"7"), "ce_correlationid"),
    "a time that is none": (lambda good: good.saying("ce_time", b"yesterday"), "ce_time"),
    "a time without a zone": (lambda good: good.saying("ce_time", b"2027-01-10T12:00:00"), "ce_time"),
    "a time of the year 9999": (lambda good: good.saying("ce_time", b"9999-12-31T23:59:59Z"), "ce_time"),
    "a reply topic that is no reply topic": (lambda good: good.saying("ce_replyto", b"booking.commands"), "ce_replyto"),
    "a reply topic with a NUL": (lambda good: good.saying("ce_replyto", b"a\x00.replies"), "ce_replyto"),
    "a header whose name is no UTF-8, and no id": (
        lambda good: replace(good.without("ce_id"), headers=[*good.without("ce_id").headers, (NO_UTF8, b"1")]),
        "ce_id",
    ),
}


class _NoUtf8(str):
    """A header's name that is written as bytes which are no text."""

    __slots__ = ()

    def encode(self, *_: Any) -> bytes:
        return b"ce_\xff\xfe"


NO_UTF8 = _NoUtf8("odd")


# The compiled builder of batches would not take such a name. It is replaced once, before any producer of this process writes:
# a batch that was begun with one of them cannot be finished with the other.
accumulator.DefaultRecordBatchBuilder = producer.DefaultRecordBatchBuilder = _Builder  # type: ignore[attr-defined, misc]


@contextlib.asynccontextmanager
async def squeezing(bootstrap: str) -> AsyncIterator[producer.AIOKafkaProducer]:
    """A producer with snappy, which aiokafka has no library for here: it repeats bytes, and copies the rest."""
    compressors, encode = producer.AIOKafkaProducer._COMPRESSORS, default_records.snappy_encode
    default_records.snappy_encode = _snappy
    producer.AIOKafkaProducer._COMPRESSORS = {"snappy": (lambda: True, 2)}
    _Builder._assert_has_codec = lambda *_: True
    try:
        squeezer = producer.AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type="snappy")
        await squeezer.start()
        try:
            yield squeezer
        finally:
            await squeezer.stop()
    finally:
        default_records.snappy_encode, producer.AIOKafkaProducer._COMPRESSORS = encode, compressors
        del _Builder._assert_has_codec


def _snappy(data: bytes) -> bytes:
    """Runs of a byte as copies of the one before, everything else as it is."""
    squeezed, rest, at = bytearray(), len(data), 0
    while rest > 127:
        squeezed.append(rest & 127 | 128)
        rest >>= 7
    squeezed.append(rest)
    while at < len(data):
        run = next((n for n in range(64) if not at or data[at + n : at + n + 1] != data[at - 1 : at]), 64)
        squeezed += bytes([(run - 1) << 2 | 2, 1, 0]) if run else bytes([0, data[at]])
        at += run or 1
    return bytes(squeezed)
