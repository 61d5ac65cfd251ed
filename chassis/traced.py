"""The parts of a service that leave spans: each does what the plain one does, and says afterwards how it went."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple, cast

import asyncpg
from opentelemetry.trace import SpanContext, SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope
from starlette.types import Send as Answering

from chassis.batch import Batches, Offsets, Service, Spans
from chassis.entries import Send
from chassis.ledger import Ledger
from chassis.messages import DeadRecord, Incoming, Row, Save
from chassis.publisher import Acks, Publisher
from chassis.spans import Attributes, Traces, came, read, sampled, written

PROBES = frozenset({"/livez", "/readyz", "/metrics"})
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # others have the name of none
LONGEST_NAMED = 4  # types in a span's name


class _Statement(NamedTuple):
    name: str
    began: int
    ended: int


class _Timed:
    """A pool whose statements are timed. They are named by what they are for: the texts would be pages long."""

    def __init__(self, database: asyncpg.Pool) -> None:
        self._database = database
        self.statements: list[_Statement] = []

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        began = time.time_ns()
        rows: list[asyncpg.Record] = await self._database.fetch(sql, *arguments)
        self.statements.append(_Statement("write" if "INSERT" in sql else "load", began, time.time_ns()))
        return rows


class TracedBatches(Batches):
    """Of each message that is decided a span; of each statement one, in the trace of the batch's first message, linked to the
    others. They are made while the outputs are on their way."""

    def __init__(self, traces: Traces, service: Service, database: asyncpg.Pool) -> None:
        self._timed = _Timed(database)
        super().__init__(service, cast("asyncpg.Pool", self._timed))
        self._traces = traces
        self._folded: Sequence[Incoming | DeadRecord] = ()

    async def decide(
        self,
        messages: Sequence[Incoming | DeadRecord],
        spans: Spans,
        sent: Spans,
        unmarked: Offsets,
        reached: Offsets,
    ) -> list[Send]:
        self._timed.statements = []
        sends = await super().decide(messages, spans, sent, unmarked, reached)
        decided, ledger, statements = self._folded, self._ledger, self._timed.statements
        asyncio.get_running_loop().call_soon(self._tell, decided, ledger, statements)
        return sends

    def _fold(self, messages: Sequence[Incoming | DeadRecord], loaded: Sequence[Row], ledger: Ledger) -> Sequence[Save]:
        self._folded, self._ledger = messages, ledger
        return super()._fold(messages, loaded, ledger)

    def _tell(
        self, messages: Sequence[Incoming | DeadRecord], ledger: Ledger, statements: Sequence[_Statement]
    ) -> None:
        own = [(message, read(message.envelope.traceparent)) for message in messages if message.envelope]
        traced = [(message, span) for message, span in own if span is not None and sampled(span)]
        if not traced:
            return
        began, ended = statements[0].began, statements[-1].ended
        for message, span in traced:
            self._decided(message, span, ledger, began, ended, len(messages))
        first, *others = [span for _, span in traced]
        for statement in statements:
            about: Attributes = {
                "db.system.name": "postgresql",
                "db.namespace": self.service.name,
                "db.operation.name": statement.name,
                "db.operation.batch.size": len(messages),
            }
            name, new = f"postgresql {statement.name}", self._traces.new(first)
            self._traces.record(
                name, SpanKind.CLIENT, new, first, statement.began, statement.ended, about, links=others
            )

    def _decided(
        self,
        message: Incoming | DeadRecord,
        span: SpanContext,
        ledger: Ledger,
        began: int,
        ended: int,
        together: int,
    ) -> None:
        record, envelope, entry = message.record, message.envelope, ledger.decided.get(message.id)
        assert envelope is not None
        about: Attributes = {
            "messaging.system": "kafka",
            "messaging.operation.name": "decide",
            "messaging.operation.type": "process",
            "messaging.consumer.group.name": self.service.name,
            "messaging.destination.name": record.topic,
            "messaging.destination.partition.id": str(record.partition),
            "messaging.kafka.offset": record.offset,
            "messaging.message.id": envelope.id,
            "holdfast.correlation_id": envelope.correlation,
            "messaging.batch.message_count": together,
            "holdfast.organisation": envelope.organisation,
        }
        if entry is None or entry.place != (record.topic, record.partition, record.offset):
            about["holdfast.known"] = "true"  # it was decided before, perhaps just now
        else:
            about["holdfast.outputs"] = [
                _short(each.type) if each.topic else "answer" for each in entry.outputs if not entry.dead
            ]
        if record.key and message.body is not None:  # the id of what it is about
            about["messaging.kafka.message.key"] = record.key.decode("ascii", "replace")[:64]
        dead = isinstance(message, DeadRecord)  # why is in the dead letter: it may quote what somebody wrote
        self._traces.record(
            f"decide {'a dead letter' if message.body is None else type(message.body).__name__}",
            SpanKind.CONSUMER,
            span,
            came(message),
            began,
            ended,
            about,
            failed="dead letter" if dead else None,
        )


def _short(message_type: str) -> str:
    """`HoldSlot` of `holdfast.HoldSlot.v1`."""
    return message_type.removeprefix("holdfast.").rpartition(".v")[0] or message_type


def _type(headers: Mapping[str, bytes]) -> str:
    """Of a dead letter not what a stranger has written there."""
    return (
        "a dead letter"
        if "dead-letter-id" in headers
        else _short(headers.get("ce_type", b"?").decode("ascii", "replace"))
    )


class TracedPublisher(Publisher):
    """Of each message whose outputs are sent together a span, from then until Kafka has them."""

    def __init__(self, traces: Traces, bootstrap: str, verb: str) -> None:
        super().__init__(bootstrap)
        self._traces, self._verb = traces, verb

    async def publish(self, sends: Sequence[Send]) -> Acks:
        began = time.time_ns()
        acks = await super().publish(sends)
        if acks:
            arrived = asyncio.gather(*acks, return_exceptions=True)
            arrived.add_done_callback(lambda done: self._tell(sends, began, done))
        return acks

    def _tell(self, sends: Sequence[Send], began: int, done: "asyncio.Future[list[Any]]") -> None:
        ended = time.time_ns()
        lost = done.cancelled() or any(isinstance(each, BaseException) for each in done.result())
        headers = [dict(send.headers) for send in sends]
        for traceparent, group in groupby(headers, key=lambda each: each.get("traceparent")):
            parent = read(traceparent)
            if parent is None or not sampled(parent):
                continue
            sent = list(group)
            types = list(dict.fromkeys(_type(each) for each in sent))
            about: Attributes = {
                "messaging.system": "kafka",
                "messaging.operation.name": self._verb,
                "messaging.operation.type": "send",
                "messaging.batch.message_count": len(sent),
            }
            if due := [each["ce_dueat"].decode("ascii", "replace") for each in sent if "ce_dueat" in each]:
                about["holdfast.due_at"] = due
            new, name = self._traces.new(parent), f"{self._verb} {', '.join(types[:LONGEST_NAMED])}"
            failed = "not acknowledged" if lost else None
            self._traces.record(name, SpanKind.PRODUCER, new, parent, began, ended, about, failed=failed)


class TracedServer:
    """Of each HTTP request a span; whatever the request brings about hangs from it, for its `traceparent` is replaced.

    The path is told as the route has it, `/v1/bookings/{booking_id}`, and the query not at all.
    """

    def __init__(self, traces: Traces, app: ASGIApp) -> None:
        self._traces, self._app = traces, app

    async def __call__(self, scope: Scope, receive: Receive, send: Answering) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        given = [value for name, value in scope["headers"] if name == b"traceparent"]
        parent = read(given[0]) if len(given) == 1 else None
        span, began, said = self._traces.new(parent), time.time_ns(), dict[str, Any](status=500, correlation=None)
        others = [header for header in scope["headers"] if header[0] != b"traceparent"]
        scope = {**scope, "headers": [*others, (b"traceparent", written(span))]}

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                said["status"] = message["status"]
                said["correlation"] = dict(message["headers"]).get(b"x-correlation-id")
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            self._tell(scope, span, parent, began, said)

    def _tell(
        self, scope: Scope, span: SpanContext, parent: SpanContext | None, began: int, said: dict[str, Any]
    ) -> None:
        path, method = _template(scope), scope["method"]
        method = method if method in METHODS else "_OTHER"
        about: Attributes = {
            "http.request.method": method,
            "http.response.status_code": said["status"],
            "url.scheme": scope["scheme"],
        }
        if path:
            about["http.route"] = path
        if said["correlation"]:
            about["holdfast.correlation_id"] = said["correlation"].decode("latin-1")
        name, failed = f"{method} {path or ''}".strip(), str(said["status"]) if said["status"] >= 500 else None
        self._traces.record(name, SpanKind.SERVER, span, parent, began, time.time_ns(), about, failed=failed)


def _template(scope: Scope) -> str | None:
    """The path as its route has it; None if there is no such route."""
    if path := getattr(scope.get("route"), "path_format", None):  # FastAPI says so
        return str(path)
    if "endpoint" not in scope:
        return None
    names = {str(value): f"{{{name}}}" for name, value in scope.get("path_params", {}).items()}
    return "/".join(names.get(part, part) for part in scope["path"].split("/"))
