"""What a receiver of traces has got: a real one, on a real port."""

from collections.abc import Iterable

from awaiting import until

from embedded.traces import Receiver, Span

QUICKLY = {"OTEL_BSP_SCHEDULE_DELAY": "200"}  # milliseconds until spans are sent


def exporting(receiver: Receiver) -> dict[str, str]:
    """The environment of services whose spans come here."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, **QUICKLY}


def names(spans: Iterable[Span]) -> set[str]:
    """Whose span and what, as in `booking: decide CreateBooking`."""
    return {f"{span.service}: {span.name}" for span in spans}


def under(span: Span, spans: dict[str, Span]) -> list[str]:
    """The names from the root down to this span."""
    path = [f"{span.service}: {span.name}"]
    while span.parent in spans:
        span = spans[span.parent]
        path.insert(0, f"{span.service}: {span.name}")
    return path


async def trace_of(receiver: Receiver, correlation: str | None, *needed: str) -> dict[str, Span]:
    """The trace whose request had this id, once all of this is in it."""

    async def complete() -> dict[str, Span] | None:
        for spans in receiver.traces.values():
            roots = [span for span in spans.values() if not span.parent]
            if any(span.attributes.get("holdfast.correlation_id") == correlation for span in roots) and (
                set(needed) <= names(spans.values())
            ):
                return spans
        return None

    found = await until(complete, 30)
    assert found is not None
    return found
