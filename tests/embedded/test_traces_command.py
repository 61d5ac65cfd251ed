"""`holdfast traces` takes spans as a collector does, and draws each trace as a tree."""

import asyncio
import re
import signal
import sys
from collections.abc import AsyncIterator

import aiohttp
import pytest

from chassis.spans import SpanKind, Traces, read
from embedded.traces import Receiver, Span, drawn

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
MS = 1_000_000


def span(name: str, id_: str, parent: str = "", began: float = 0.0, lasted: float = 1.0, **attributes: str) -> Span:
    service, name = name.split(": ")
    began, ended = began * MS, (began + lasted) * MS
    return Span(TRACE, id_, parent, service, name, 0, int(began), int(ended), attributes, ())


def test_a_trace_is_drawn_as_a_tree_in_the_order_of_time() -> None:
    spans = [
        span("notifier: decide BookingCreated", "4", "3", 15.0, 4.0),
        span("booking: decide SlotHeld", "3", "2", 12.0, 2.5),
        span("gateway: POST /v1/bookings", "1", lasted=16.0),
        span("booking: decide CreateBooking", "2", "1", 2.0, 5.0),
        span("booking: postgresql load", "5", "2", 2.0, 1.0),
    ]
    assert drawn(spans) == [
        f"trace {TRACE}: 5 spans of 3 services, 19.0 ms",
        "      +0.0 ms      16.0 ms  gateway   POST /v1/bookings",
        "      +2.0 ms       5.0 ms  booking   └─ decide CreateBooking",
        "      +2.0 ms       1.0 ms  booking      ├─ postgresql load",
        "     +12.0 ms       2.5 ms  booking      └─ decide SlotHeld",
        "     +15.0 ms       4.0 ms  notifier        └─ decide BookingCreated",
    ]


def test_a_span_whose_parent_has_not_come_is_drawn_from_the_margin_with_what_went_wrong() -> None:
    failed = span("notifier: POST webhook", "2", "9", 1.0, **{"error.type": "timeout"})
    assert [line[28:] for line in drawn([failed, span("a: b", "1")])[1:]] == [
        "a         b",
        "notifier  POST webhook timeout",
    ]


@pytest.fixture
async def command() -> AsyncIterator[asyncio.subprocess.Process]:
    """The command as a developer types it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "embedded.command", "traces", "--port", "0", "--quiet", "0.2"),
        stdout=asyncio.subprocess.PIPE,
    )
    yield process
    if process.returncode is None:
        process.kill()
    await process.wait()


async def line(process: asyncio.subprocess.Process, with_: str) -> str:
    """The next line that has this in it."""
    assert process.stdout is not None
    async with asyncio.timeout(30):
        while with_ not in (said := (await process.stdout.readline()).decode()):
            assert said, "it ended"
    return said


async def test_what_is_exported_to_it_is_shown_and_ctrl_c_ends_it(
    command: asyncio.subprocess.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = re.search(r"http://[\d.]+:\d+", await line(command, "taken at"))
    assert found is not None
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found[0])
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    traces = Traces("somewhere")
    parent = read(f"00-{TRACE}-00f067aa0ba902b7-01".encode())
    traces.record("does something", SpanKind.INTERNAL, traces.new(parent), parent, 1000 * MS, 1002 * MS, {})
    await asyncio.to_thread(traces.close, 5.0)
    assert await line(command, TRACE) == f"trace {TRACE}: 1 spans of 1 services, 2.0 ms\n"
    assert (await line(command, "something")).endswith("2.0 ms  somewhere  does something\n")
    command.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(command.wait(), 10) == 0


async def test_what_is_no_trace_is_refused() -> None:
    async with (
        Receiver().serving() as receiver,
        aiohttp.ClientSession() as session,
        session.post(f"{receiver.url}/v1/traces", data=b"\xff\xff\xff") as answer,
    ):
        assert answer.status == 400
        assert receiver.traces == {}
