"""Traces, while somebody wants them: the switch, and the little that is done without OpenTelemetry being loaded.

What makes spans is in `chassis.spans`, which is imported when the first part asks for it with tracing on, and else never.
"""

from typing import TYPE_CHECKING

from chassis.settings import Settings

if TYPE_CHECKING:
    from chassis.spans import Traces

_made: "dict[str, Traces]" = {}


def of(service: str, settings: Settings) -> "Traces | None":
    """The spans of this service, the same ones for all its parts; None while nobody wants traces."""
    if not settings.traced:
        return None
    if service not in _made:
        from chassis.spans import Traces

        _made[service] = Traces(service, settings.instance)
    return _made[service]


def close(within: float = 1.0) -> None:
    """Send what has not been sent, for so many seconds at most: an exporter that is away holds up no end of a process."""
    for traces in _made.values():
        traces.close(within)
    _made.clear()


def about(correlation: str | None, traceparent: bytes | None = None) -> dict[str, str]:
    """What a log line about a message carries, as its `extra`: the id of what began it all, and of the trace if there is one."""
    told = {"correlation_id": correlation} if correlation else {}
    return told if traceparent is None else {**told, "trace_id": traceparent[3:35].decode("ascii", "replace")}
