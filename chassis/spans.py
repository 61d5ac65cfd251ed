"""Spans (OpenTelemetry), made of what has happened. Loaded where tracing is on, and nowhere else (decision record 0031).

A span that others hang from has an id that is a pure function of what it is about: the record's place, the call's attempt.
So whatever is sent again after a crash carries the same `traceparent`, and nothing has to be stored for it.

No span has a person's data, a message's body, a URL beyond its host, or a parameter of a statement.
"""

import hashlib
import os
import re
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace import set_span_in_context as _within

from contracts.envelope import Envelope

if TYPE_CHECKING:
    import asyncpg
    from starlette.types import ASGIApp

    from chassis.batch import Batches, Service
    from chassis.calls import Attempt
    from chassis.messages import DeadRecord, Incoming
    from chassis.publisher import Publisher
    from chassis.subscription import Record

Open = Callable[["Record"], "Incoming | DeadRecord"]
Attributes = dict[str, str | int | Sequence[str]]

MOST_LINKS = 32
_NOTHING = Context()
_traceparent = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})").fullmatch


def read(header: bytes | None) -> SpanContext | None:
    """What a `traceparent` says; None if it says nothing that counts."""
    found = _traceparent(header) if header else None
    if found is None or found[1] == b"ff":
        return None
    context = SpanContext(int(found[2], 16), int(found[3], 16), True, TraceFlags(int(found[4], 16)))
    return context if context.is_valid else None


def written(context: SpanContext) -> bytes:
    """The `traceparent` that leads to this span."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags & 3:02x}".encode()


def sampled(context: SpanContext | None) -> bool:
    """Whether it is recorded."""
    return context is not None and context.trace_flags.sampled


def _derived(name: str, size: int) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:size]) or 1


class _Given(IdGenerator):
    """The ids of the span that is about to be made: they were needed before it."""

    trace, span = 1, 1

    def generate_trace_id(self) -> int:
        return self.trace

    def generate_span_id(self) -> int:
        return self.span

    def is_trace_id_random(self) -> bool:
        return False


class Traces:
    """The spans of one service in this process. Sampling, exporter and limits are OpenTelemetry's, by its own variables."""

    def __init__(self, service: str, instance: str | None = None) -> None:
        self.service = service
        ours = {"service.name": service, "service.namespace": "holdfast"}
        ours |= {"service.instance.id": instance} if instance else {}
        # Who says OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES knows better.
        resource = Resource.create(ours).merge(OTELResourceDetector().detect())
        self._ids = _Given()
        provider = TracerProvider(resource=resource, id_generator=self._ids, shutdown_on_exit=False)
        # A bounded queue and a thread of its own: an exporter that is away loses spans, and nobody waits for it.
        self._processor = BatchSpanProcessor(OTLPSpanExporter())
        provider.add_span_processor(self._processor)
        self._sampler, self._tracer = provider.sampler, provider.get_tracer("holdfast")

    def close(self, within: float) -> None:
        """Send what waits, for so long at most."""
        ending = threading.Thread(target=self._processor.shutdown, daemon=True)
        ending.start()
        ending.join(within)

    # ---- which span it is

    def _below(self, parent: SpanContext | None, trace: int, span: int) -> SpanContext:
        trace = parent.trace_id if parent else trace
        chosen = (
            self._sampler.should_sample(_inside(parent), trace, self.service).decision is Decision.RECORD_AND_SAMPLE
        )
        flags = (parent.trace_flags & TraceFlags.RANDOM_TRACE_ID if parent else 0) | chosen
        return SpanContext(trace, span, False, TraceFlags(flags))

    def of_record(self, record: "Record", envelope: Envelope) -> SpanContext:
        """The span of this service's work on this record: the same one each time the record is met.

        Its trace is that of the record's `traceparent`; without one it is derived from what began it all.
        """
        place = f"{self.service}|{record.topic}/{record.partition}/{record.offset}"
        return self._below(_came(record), _derived(envelope.correlation, 16), _derived(place, 8))

    def of_attempt(self, attempt: "Attempt") -> SpanContext:
        """The span of this attempt of a call."""
        name = f"{self.service}|{attempt.id}|{attempt.number}"
        return self._below(read(attempt.traceparent), _derived(attempt.correlation, 16), _derived(name, 8))

    def new(self, parent: SpanContext | None) -> SpanContext:
        """A span that happens once."""
        return self._below(parent, _drawn(16), _drawn(8))

    # ---- what happened

    def record(
        self,
        name: str,
        kind: SpanKind,
        span: SpanContext,
        parent: SpanContext | None,
        began: int,
        ended: int,
        attributes: Attributes,
        *,
        links: Sequence[SpanContext] = (),
        failed: str | None = None,
    ) -> None:
        """Something that is over, if its trace is sampled. Times in nanoseconds since 1970; `failed` says why in a word."""
        if not sampled(span):
            return
        self._ids.trace, self._ids.span = span.trace_id, span.span_id
        made = self._tracer.start_span(
            name, _inside(parent), kind, attributes, [Link(each) for each in links[:MOST_LINKS]], began
        )
        if failed is not None:
            made.set_attribute("error.type", failed)
            made.set_status(Status(StatusCode.ERROR))
        made.end(ended)

    # ---- the parts of a service, traced

    def opened(self, open_: Open) -> Open:
        """Opens records so that what follows from one hangs from this service's own span about it."""

        def opened(record: "Record") -> "Incoming | DeadRecord":
            message = open_(record)
            if message.envelope is None:
                return message
            own = written(self.of_record(record, message.envelope))
            return message._replace(envelope=message.envelope._replace(traceparent=own))

        return opened

    def batches(self, service: "Service", database: "asyncpg.Pool") -> "Batches":
        """Batches that leave a span for each message, and one for each statement."""
        from chassis.traced import TracedBatches

        return TracedBatches(self, service, database)

    def publisher(self, bootstrap: str, verb: str = "send") -> "Publisher":
        """A publisher that leaves a span for each message whose outputs it sends."""
        from chassis.traced import TracedPublisher

        return TracedPublisher(self, bootstrap, verb)

    def server(self, app: "ASGIApp") -> "ASGIApp":
        """An HTTP server that leaves a span for each request."""
        from chassis.traced import TracedServer

        return TracedServer(self, app)

    def client(
        self, name: str, within: bytes | None, began: int, ended: int, attributes: Attributes, failed: str | None
    ) -> None:
        """A call to the outside is over, which was part of the trace with this `traceparent`; without one it is in none."""
        if sampled(parent := read(within)):
            self.record(name, SpanKind.CLIENT, self.new(parent), parent, began, ended, attributes, failed=failed)

    def called(self, attempt: "Attempt", began: int, ended: int, *, outside: bool, done: bool) -> "Attempt":
        """An attempt of a call is over; the same attempt, so that its outcome hangs from its span."""
        own = self.of_attempt(attempt)
        attributes: Attributes = {
            "holdfast.call.id": attempt.id,
            "holdfast.call.kind": attempt.kind,
            "holdfast.call.attempt": attempt.number,
            "holdfast.correlation_id": attempt.correlation,
        }
        name, kind = (
            (f"call {attempt.kind}", SpanKind.CLIENT) if outside else (f"timer {attempt.kind}", SpanKind.INTERNAL)
        )
        parent, failed = read(attempt.traceparent), None if done else "again"
        self.record(name, kind, own, parent, began, ended, attributes, failed=failed)
        return attempt._replace(traceparent=written(own))


def _drawn(size: int) -> int:
    return int.from_bytes(os.urandom(size)) or 1


def _inside(parent: SpanContext | None) -> Context:
    return _within(NonRecordingSpan(parent), _NOTHING) if parent else _NOTHING


def _came(record: "Record") -> SpanContext | None:
    """The span that the record came from."""
    return read(dict[str, Any](record.headers).get("traceparent"))


def came(message: "Incoming | DeadRecord") -> SpanContext | None:
    """The span that the message came from; its envelope leads to the span that it became."""
    return _came(message.record)
