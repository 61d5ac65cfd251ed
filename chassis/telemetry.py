"""Logs as JSON lines on stderr, one event a line, and the registry of the metrics with the port they are told at."""

import logging
import sys
from contextvars import ContextVar
from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server

from chassis.tracing import about

metrics = CollectorRegistry()
ProcessCollector(registry=metrics)  # memory, processor time, open files, when it was started


class Handled(Protocol):
    """A request that is being handled."""

    @property
    def traceparent(self) -> bytes | None: ...

    def named(self) -> str: ...


# What is logged meanwhile carries its ids. Asked only when something is logged: a request that says nothing pays nothing.
handling: ContextVar[Handled | None] = ContextVar("handling", default=None)
SAME_AGAIN_SECONDS = 5.0


def _of_request(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    request = handling.get()
    return event if request is None else {**about(request.named(), request.traceparent), **event}


def configure(service: str, level: int = logging.INFO) -> None:
    """Send every log line of this process, libraries included, to stderr as JSON with the service's name."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        _of_request,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.EventRenamer("message"),
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    handler.addFilter(_OncePerPause())
    structlog.contextvars.bind_contextvars(service=service)


def expose(host: str, port: int | None) -> None:
    """Tell the metrics of this process at a port of their own, from a thread of its own; nothing where there is no port.

    Raises OSError when somebody else listens there.
    """
    if port is not None:
        start_http_server(port, host, metrics)


class _OncePerPause(logging.Filter):
    """aiokafka says dozens of times a second that Kafka is away, OpenTelemetry that its collector is: once in five seconds is
    enough."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(("aiokafka", "opentelemetry")):
            return True
        what = (record.name, str(record.msg))
        if record.created - self._said.get(what, 0.0) < SAME_AGAIN_SECONDS:
            return False
        self._said[what] = record.created  # by template, so there are few of them
        return True
