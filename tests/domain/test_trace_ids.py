"""Which span a record becomes: the same one each time it is met, whoever meets it; and what is sampled."""

import logging
import os
import subprocess
import sys
from typing import Any

import orjson
import pytest
import structlog
from aiokafka import ConsumerRecord

from chassis import telemetry, tracing
from chassis.calls import Attempt
from chassis.messages import Incoming, open_record
from chassis.settings import Settings
from chassis.spans import Traces, read, written
from contracts.booking import ConfirmBooking
from contracts.envelope import write

BOOKING, COMMAND = "a6b1f6c8-6d0e-5d0a-9a35-0d6f1d0c3a11", "0b5b1f7e-96d1-5c0e-8a52-7d4a0f1b2c33"
PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = PARENT[:-2] + b"00"
WORKERS = ["availability.app", "availability.relay", "booking.app", "notifier.app", "payment.app"]


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a developer has switched on."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A service's own, whose spans go nowhere."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    made = Traces("booking")
    yield made
    made.close(0.0)


def record(traceparent: bytes | None = PARENT, offset: int = 7, correlation: str = COMMAND) -> Any:
    headers = write(
        b"/c",
        COMMAND,
        ConfirmBooking.type,
        "demo",
        correlation,
        b"2027-01-10T12:00:00.000000Z",
        BOOKING,
        traceparent=traceparent,
    )
    body = ConfirmBooking(booking_id=BOOKING).model_dump_json().encode()
    return ConsumerRecord(
        "booking.commands", 3, offset, 1799582400000, 0, BOOKING.encode(), body, None, 1, 1, tuple(headers)
    )


def opened(traces: Traces, raw: Any) -> Incoming:
    message = traces.opened(lambda each: open_record(each, {ConfirmBooking.type: ConfirmBooking}))(raw)
    assert isinstance(message, Incoming)
    return message


def test_what_follows_from_a_record_hangs_from_the_same_span_each_time_it_is_met(traces: Traces) -> None:
    first, again = opened(traces, record()), opened(Traces("booking"), record())
    assert first.envelope == again.envelope
    assert first.envelope.traceparent not in (None, PARENT)
    assert read(first.envelope.traceparent).trace_id == read(PARENT).trace_id  # type: ignore[union-attr]


def test_another_record_or_service_has_another_span_of_the_same_trace(traces: Traces) -> None:
    headers = [
        opened(traces, record()).envelope.traceparent,
        opened(traces, record(offset=8)).envelope.traceparent,
        opened(Traces("availability"), record()).envelope.traceparent,
    ]
    assert len(set(headers)) == 3
    assert len({header[3:35] for header in headers if header}) == 1


def test_a_record_without_a_trace_begins_one_that_is_derived_from_what_began_it(traces: Traces) -> None:
    first, repeated = opened(traces, record(None)), opened(traces, record(None, offset=9))
    other = opened(traces, record(None, correlation=BOOKING))
    one, two, three = [read(each.envelope.traceparent) for each in (first, repeated, other)]
    assert one is not None
    assert two is not None
    assert three is not None
    assert one.trace_id == two.trace_id != three.trace_id
    assert one.span_id != two.span_id


def test_an_outcome_hangs_from_the_attempt_that_brought_it(traces: Traces) -> None:
    def attempt(number: int) -> Attempt:
        return Attempt(COMMAND, "open", "there", "demo", COMMAND, BOOKING, "{}", PARENT, number, None, 0.0, None)  # type: ignore[arg-type]

    told = [traces.called(attempt(number), 1, 2, outside=True, done=True).traceparent for number in (1, 2, 1)]
    assert told[0] == told[2] != told[1]


def test_what_was_not_sampled_stays_so(traces: Traces) -> None:
    envelope = opened(traces, record(UNSAMPLED)).envelope
    assert envelope.traceparent is not None
    assert envelope.traceparent.endswith(b"-00")


def test_a_part_of_all_traces_is_sampled_whatever_clients_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.25")
    some = Traces("booking")
    headers = [
        opened(some, record(None, correlation=f"0b5b1f7e-96d1-5c0e-8a52-{number:012d}")).envelope.traceparent
        for number in range(400)
    ]
    assert 60 < sum(1 for header in headers if header and header.endswith(b"-01")) < 140


@pytest.mark.parametrize(
    "header", [None, b"", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01", b"ff" + PARENT[2:], b"x" * 55]
)
def test_a_header_that_says_nothing_is_none(header: bytes | None) -> None:
    assert read(header) is None


def test_a_header_is_written_as_it_is_read() -> None:
    context = read(PARENT)
    assert context is not None
    assert written(context) == PARENT


ON = {"traces_to": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("said", "traced"),
    [
        ({}, False),
        (ON, True),
        ({"traces_to": ""}, False),
        ({**ON, "traces_exporter": "none"}, False),
        ({**ON, "telemetry_disabled": "TRUE"}, False),
        ({**ON, "telemetry_disabled": "false"}, True),
    ],
)
def test_traces_are_made_when_somebody_takes_them(said: dict[str, str], traced: bool) -> None:
    settings = Settings(kafka="k", internal_token="t", **said)
    assert settings.traced is traced


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_the_standard_variables_switch_them_on(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    assert not Settings(kafka="k", internal_token="t").traced
    monkeypatch.setenv(variable, "http://127.0.0.1:4318")
    assert Settings(kafka="k", internal_token="t").traced


def loaded(module: str, then: str = "") -> set[str]:
    """The modules of OpenTelemetry, and ours that need it, which a process has that imports this one."""
    code = f"import sys, services.{module}\n{then}\nprint(*[m for m in sys.modules if 'opentelemetry' in m or m.startswith('chassis.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", WORKERS)
def test_nothing_of_it_is_loaded_by_a_worker_without_traces(module: str) -> None:
    found = loaded(
        module,
        "from chassis.settings import Settings; from chassis import tracing\n"
        "assert tracing.of('x', Settings(kafka='k', internal_token='t')) is None",
    )
    assert {name for name in found if "opentelemetry" in name} <= {"opentelemetry", "opentelemetry.semconv"}, (
        "more than FastStream's look whether it is installed"
    )
    assert {"chassis.spans", "chassis.traced"} & found == set()
    assert "chassis.tracing" in found


def test_the_gateway_without_traces_loads_no_more_than_fastapi_does() -> None:
    found = loaded("gateway.app")
    assert {"chassis.spans", "chassis.traced"} & found == set()
    assert [name for name in found if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))] == []


def test_a_log_line_about_a_message_carries_the_ids_of_what_began_it_and_of_the_trace() -> None:
    assert tracing.about(COMMAND, PARENT) == {"correlation_id": COMMAND, "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}
    assert tracing.about(COMMAND) == {"correlation_id": COMMAND}
    assert tracing.about(None, None) == {}


class Handled:
    traceparent = PARENT

    def named(self) -> str:
        return COMMAND


def test_what_is_logged_while_a_request_is_handled_carries_its_ids(capsys: pytest.CaptureFixture[str]) -> None:
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers[:], logging.getLogger().level
    try:
        telemetry.configure("gateway")
        log = logging.getLogger("somewhere")
        log.warning("before")
        token = telemetry.handling.set(Handled())
        log.warning("meanwhile")
        log.warning("about another one", extra=tracing.about(BOOKING))
        telemetry.handling.reset(token)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.contextvars.unbind_contextvars("service")
    before, meanwhile, other = [orjson.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert "correlation_id" not in before
    assert (meanwhile["correlation_id"], meanwhile["trace_id"]) == (COMMAND, PARENT[3:35].decode())
    assert other["correlation_id"] == BOOKING
