"""`booking.events` as they happen, and those of before in the order in which Kafka wrote them, as far as memory allows."""

import heapq
import json
from collections import defaultdict
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer

from contracts import topics
from contracts.envelope import stamp
from embedded.operate import log
from embedded.operate.places import Place
from embedded.problem import Problem

Event = dict[str, Any]
PREFIX = "holdfast."
SORTED = 20_000  # of events of before so many are put in order; more of them come partition by partition


@dataclass(frozen=True)
class Wanted:
    """Which events are shown; None is any."""

    type: str | None = None
    booking: str | None = None
    organisation: str | None = None

    def __post_init__(self) -> None:
        if self.type is not None and self.full not in {model.type for model in topics.BOOKING_EVENTS.messages}:
            names = ", ".join(model.__name__ for model in topics.BOOKING_EVENTS.messages)
            raise Problem(f"there are no events {self.type!r}: {names}")

    @property
    def full(self) -> str:
        """The type on the wire: `BookingCreated` is version 1 of it."""
        name = (self.type or "").removeprefix(PREFIX)
        return f"{PREFIX}{name}" if "." in name else f"{PREFIX}{name}.v1"

    def takes(self, headers: dict[str, str]) -> bool:
        return (
            (self.type is None or headers.get("ce_type") == self.full)
            and (self.booking is None or headers.get("ce_subject") == self.booking)
            and (self.organisation is None or headers.get("ce_organisationid") == self.organisation)
        )


async def events(place: Place, wanted: Wanted, *, from_beginning: bool = False) -> AsyncGenerator[Event, None]:
    """Those from now on, or from the oldest that Kafka has. Raises Problem if there is no such topic."""
    name = topics.BOOKING_EVENTS.name
    async with log.reader(place, fetch_max_wait_ms=100) as consumer:
        spans = await log.bounds(consumer, [name])
        if not spans:
            raise Problem(f"there is no topic {name}: `holdfast topics apply` makes it")
        consumer.assign(list(spans))
        many = sum(last - first for first, last in spans.values()) > SORTED
        if from_beginning and not many:
            async for event in _earlier(consumer, spans, wanted):
                yield event
            consumer.assign(list(spans))
        for partition, (first, last) in spans.items():
            consumer.seek(partition, first if from_beginning and many else last)
        while True:
            record = await consumer.getone()
            headers = log.headers(record)
            if wanted.takes(headers):
                yield _event(record, headers)


async def _earlier(consumer: AIOKafkaConsumer, spans: log.Bounds, wanted: Wanted) -> AsyncGenerator[Event, None]:
    """Those of these spans by time; of each partition in its own order, whatever its times say."""
    read: dict[int, list[log.Record]] = defaultdict(list)
    async for record in log.records(consumer, spans):
        if wanted.takes(log.headers(record)):
            read[record.partition].append(record)
    for record in heapq.merge(*(read[number] for number in sorted(read)), key=lambda record: record.timestamp):
        yield _event(record, log.headers(record))


def _event(record: log.Record, headers: dict[str, str]) -> Event:
    try:
        body = json.loads(record.value or b"null")
    except ValueError:
        body = None
    return {
        "id": headers.get("ce_id"),
        "type": headers.get("ce_type"),
        "organisation": headers.get("ce_organisationid"),
        "bookingId": headers.get("ce_subject"),
        "correlationId": headers.get("ce_correlationid"),
        "causationId": headers.get("ce_causationid"),
        "time": headers.get("ce_time"),
        "written": stamp(datetime.fromtimestamp(record.timestamp / 1000, UTC)).decode(),
        "place": f"{record.topic}/{record.partition}/{record.offset}",
        "data": body,
    }


def line(event: Event) -> str:
    """The event in a line."""
    data = event["data"] if isinstance(event["data"], dict) else {}
    booking = data.get("booking") or {}
    name = (event["type"] or "?").removeprefix(PREFIX).partition(".")[0]
    reason = f" ({booking['cancelReason']})" if booking.get("cancelReason") else ""
    change = f"{data.get('previousStatus', '?')} → {booking.get('status', '?')}{reason}"
    at = (event["time"] or "")[:23]
    return (
        f"{at}Z  {name:<15} v{booking.get('version', '?'):<3} {event['organisation']}  {event['bookingId']}  {change}"
    )
