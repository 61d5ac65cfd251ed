"""A receiver of traces for a developer's terminal: takes spans by OTLP over HTTP, as a collector does, and draws each trace as a tree."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from embedded import ports
from embedded.problem import Problem

MOST_BODY = 64 * 1024 * 1024  # bytes of one request
MOST_TRACES = 1000  # kept, the newest
SHOWN = ("http.response.status_code", "error.type")


@dataclass(frozen=True)
class Span:
    """A span as it came. Times in nanoseconds since 1970; `parent` is empty where it is none's child."""

    trace: str
    id: str
    parent: str
    service: str
    name: str
    kind: int
    began: int
    ended: int
    attributes: dict[str, Any]
    links: tuple[str, ...]

    @property
    def text(self) -> str:
        """Its name, and what is worth a word."""
        words = [str(self.attributes[name]) for name in SHOWN if name in self.attributes]
        return " ".join([self.name, *words, *(["(known already)"] if self.attributes.get("holdfast.known") else [])])


def read(body: bytes) -> list[Span]:
    """The spans of one export. Raises DecodeError."""
    request = ExportTraceServiceRequest()
    request.ParseFromString(body)
    return [
        Span(
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            _attributes(resource.resource.attributes).get("service.name", "?"),
            span.name,
            span.kind,
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            _attributes(span.attributes),
            tuple(link.span_id.hex() for link in span.links),
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return (
        [_value(each) for each in value.array_value.values] if kind == "array_value" else getattr(value, kind or "", "")
    )


def drawn(spans: Iterable[Span]) -> list[str]:
    """One trace as lines: when a span began, how long it took, whose it is, and what it is, under what brought it about."""
    by_id = {span.id: span for span in sorted(spans, key=lambda each: each.began)}
    first = min(span.began for span in by_id.values())
    last = max(span.ended for span in by_id.values())
    services = len({span.service for span in by_id.values()})
    trace = next(iter(by_id.values())).trace
    width = max(len(span.service) for span in by_id.values())
    lines = [f"trace {trace}: {len(by_id)} spans of {services} services, {(last - first) / 1e6:.1f} ms"]
    for branch, span in _branches(by_id):
        began, lasted = (span.began - first) / 1e6, (span.ended - span.began) / 1e6
        lines.append(f"{began:+10.1f} ms {lasted:9.1f} ms  {span.service:<{width}}  {branch}{span.text}")
    return lines


def _branches(by_id: dict[str, Span]) -> Iterator[tuple[str, Span]]:
    """Each span with what leads to it, from those that have no parent here on."""
    below: dict[str, list[Span]] = {}
    for span in by_id.values():
        below.setdefault(span.parent if span.parent in by_id else "", []).append(span)

    def walk(parent: str, before: str) -> Iterator[tuple[str, Span]]:
        children = below.get(parent, [])
        for span in children:
            is_last = span is children[-1]
            yield (before + ("└─ " if is_last else "├─ ") if parent else ""), span
            yield from walk(span.id, (before + ("   " if is_last else "│  ")) if parent else "")

    return walk("", "")


@dataclass
class Receiver:
    """What has come, by trace. `on_spans` is called after each export."""

    traces: dict[str, dict[str, Span]] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)  # when something came last, monotonic
    exports: int = 0
    url: str = ""

    async def _take(self, request: web.Request) -> web.Response:
        try:
            spans = read(await request.read())
        except DecodeError:
            return web.Response(status=400, text="this is no OTLP of traces in protobuf")
        self.exports += 1
        for span in spans:
            self.traces.setdefault(span.trace, {})[span.id] = span
            self.heard[span.trace] = time.monotonic()
        while len(self.traces) > MOST_TRACES:
            oldest = next(iter(self.traces))
            del self.traces[oldest], self.heard[oldest]
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )

    @contextlib.asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator["Receiver"]:
        """Listen on loopback. Raises Problem if the port is taken."""
        app = web.Application(client_max_size=MOST_BODY)
        app.router.add_post("/v1/traces", self._take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await self._listen(runner, port)
            yield self
        finally:
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner, port: int) -> None:
        try:
            await web.TCPSite(runner, ports.HOST, port).start()
        except OSError as error:
            raise Problem(f"cannot listen on {ports.HOST}:{port}: {error.strerror}") from error
        self.url = f"http://{ports.HOST}:{runner.addresses[0][1]}"


async def show(port: int, quiet: float, say: Callable[[str], None]) -> int:
    """Draw each trace when nothing more has come of it for `quiet` seconds, again if more comes later. Ends when it is cancelled."""
    async with Receiver().serving(port) as receiver:
        say(f"Traces are taken at {receiver.url}. In another terminal:\n")
        say(f"  OTEL_EXPORTER_OTLP_ENDPOINT={receiver.url} make up\n\nCtrl-C ends it.\n")
        shown: dict[str, int] = {}
        while True:
            await asyncio.sleep(quiet / 4)
            for trace, spans in list(receiver.traces.items()):
                if len(spans) != shown.get(trace) and time.monotonic() - receiver.heard[trace] >= quiet:
                    shown[trace] = len(spans)
                    say("\n".join(drawn(spans.values())) + "\n")
            shown = {trace: count for trace, count in shown.items() if trace in receiver.traces}
