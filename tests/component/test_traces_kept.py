"""Traces through crashes, batches and dead letters; and nothing of them where nobody wants any."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator

import pytest
from answering import create
from awaiting import until
from bus import REPLIES, Bus, Record, header, headers
from tracing_seen import exporting, names
from workers import worker

from chassis import tracing
from chassis.batch import Batches
from chassis.publisher import Publisher
from contracts.availability import HoldSlot
from contracts.booking import ConfirmBooking
from embedded.traces import Receiver, Span

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01".encode()
COMMANDS = "availability.commands"


@pytest.fixture
async def receiver(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Receiver]:
    """Takes the spans of the deciders of a test."""
    async with Receiver().serving() as receiver:
        for name, value in exporting(receiver).items():
            monkeypatch.setenv(name, value)
        yield receiver
        tracing.close()


async def create_traced(bus: Bus, command_id: str | None = None) -> str:
    """A new booking is asked for, in our trace."""
    command_id = command_id or str(uuid.uuid4())
    command = create(command_id)
    said = [*headers(command, command_id), ("traceparent", PARENT)]
    await bus.raw("booking.commands", command.model_dump_json().encode(), said, command.booking_id.encode(), 0)
    return command_id


def trace(record: Record) -> str | None:
    return header(record, "traceparent")


async def test_what_is_sent_again_after_a_crash_carries_the_same_trace(bus: Bus, receiver: Receiver) -> None:
    before = await bus.marks("booking")
    async with bus.listening(COMMANDS) as log:
        async with bus.deciding():
            command = await create_traced(bus)
            [first] = await log.caused_by(command)
            await bus.quiet("booking")
        tracing.close()  # the process is gone
        await bus.unpublish("booking", before)
        async with bus.deciding():
            [_, again] = await log.caused_by(command, count=2)
            await bus.quiet("booking")
    assert header(first, "ce_type") == HoldSlot.type
    assert (first.value, first.headers) == (again.value, again.headers)
    said = trace(first)
    assert said is not None
    assert said.startswith(f"00-{TRACE}-")
    assert said.encode() != PARENT

    async def told() -> Span | None:
        spans = receiver.traces.get(TRACE, {})
        return next((span for span in spans.values() if said == f"00-{TRACE}-{span.id}-01"), None)

    span = await until(told)
    assert span is not None
    assert (span.name, span.parent, span.service) == ("decide CreateBooking", PARENT[36:52].decode(), "booking")


async def test_without_traces_a_client_s_own_goes_along_and_the_parts_are_the_plain_ones(bus: Bus) -> None:
    async with bus.listening(COMMANDS) as log, bus.deciding() as decider:
        assert type(decider._batches) is Batches
        assert type(decider.publisher) is Publisher
        [sent] = await log.caused_by(await create_traced(bus))
    assert trace(sent) == PARENT.decode()


async def test_a_batch_has_one_span_for_each_message_and_one_for_each_statement(bus: Bus, receiver: Receiver) -> None:
    count = 30
    for _ in range(count):
        await create_traced(bus)
    async with bus.listening(COMMANDS) as log, bus.deciding():
        await log.until(lambda records: len(records) >= count)
        await bus.quiet("booking")

    async def told() -> list[Span] | None:
        spans = list(receiver.traces.get(TRACE, {}).values())
        decided = [span for span in spans if span.name == "decide CreateBooking"]
        wanted = {"booking: postgresql load", "booking: postgresql write", "booking: send HoldSlot"}
        return spans if len(decided) >= count and wanted <= names(spans) else None

    spans = await until(told)
    assert spans is not None
    decided = {span.id for span in spans if span.name == "decide CreateBooking"}
    assert len(decided) == count
    writes = [span for span in spans if span.name == "postgresql write"]
    assert len(writes) < count
    assert {span.parent for span in writes} | {link for span in writes for link in span.links} == decided
    assert {span.parent for span in spans if span.name == "send HoldSlot"} == decided


async def test_a_message_that_was_known_already_says_so_in_its_span(bus: Bus, receiver: Receiver) -> None:
    command_id = await create_traced(bus)
    await create_traced(bus, command_id)  # decided in one batch with the first
    async with bus.listening(COMMANDS) as log, bus.deciding():
        await log.caused_by(command_id)
        await bus.quiet("booking")
        await create_traced(bus, command_id)  # known from the inbox
        await bus.quiet("booking")

    async def told() -> list[Span] | None:
        spans = receiver.traces.get(TRACE, {}).values()
        mine = [span for span in spans if span.attributes.get("messaging.message.id") == command_id]
        return mine if len(mine) == 3 else None

    spans = await until(told)
    assert spans is not None
    assert [("holdfast.known" in span.attributes, "holdfast.outputs" in span.attributes) for span in spans] == [
        (False, True),
        (True, False),
        (True, False),
    ]
    assert [span.text for span in spans][1:] == ["decide CreateBooking (known already)"] * 2


async def test_a_dead_letter_is_a_failed_span_and_a_log_line_that_says_which(
    bus: Bus, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    command_id = str(uuid.uuid4())
    said = [*headers(ConfirmBooking(booking_id=command_id), command_id), ("traceparent", PARENT)]
    async with bus.listening(REPLIES) as log, bus.deciding():
        with caplog.at_level(logging.WARNING):
            await bus.raw("booking.commands", b'{"booking_id": "somebody@example.org"}', said, b"x", 0)
            await log.caused_by(command_id)

            async def told() -> Span | None:
                spans = receiver.traces.get(TRACE, {}).values()
                return next((span for span in spans if span.attributes.get("error.type") == "dead letter"), None)

            span = await until(told)
    assert span is not None
    assert span.attributes["holdfast.correlation_id"] == command_id
    assert "somebody" not in str(span)
    [line] = [each for each in caplog.records if each.getMessage().startswith("dead letter")]
    assert (line.correlation_id, line.trace_id) == (command_id, TRACE)  # type: ignore[attr-defined]


async def test_who_takes_traces_and_never_answers_holds_up_neither_work_nor_end(bus: Bus) -> None:
    taken: list[asyncio.StreamWriter] = []

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)
        await asyncio.Event().wait()

    hanging = await asyncio.start_server(hang, "127.0.0.1", 0)
    said = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{hanging.sockets[0].getsockname()[1]}"}
    said |= {"OTEL_BSP_SCHEDULE_DELAY": "10", "OTEL_BSP_MAX_QUEUE_SIZE": "64", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "16"}
    async with worker(bus, "booking", **said) as running, bus.listening(COMMANDS) as log:
        for _ in range(100):
            await create_traced(bus)
        await log.until(lambda records: len(records) >= 100)
        await bus.quiet("booking")
        assert taken
        running.process.terminate()
        await running.ended(8)
    hanging.close()
    for writer in taken:
        writer.close()
