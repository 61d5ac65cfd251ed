"""What the gateway tells about itself, on a port of its own (`HOLDFAST_METRICS_PORT`) that no client reaches."""

import time

from prometheus_client import Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.telemetry import metrics

SECONDS = (0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})
NOWHERE = "none"  # the route of what no route takes: an address that somebody made up must not become a label

REQUESTS = Counter(
    "holdfast_gateway_requests",
    "Requests that were answered, by the route's template and the class of the status",
    ["method", "route", "status"],
    registry=metrics,
)
LASTED = Histogram(
    "holdfast_gateway_request_seconds",
    "From a request's headers to the end of its answer",
    ["method", "route"],
    buckets=SECONDS,
    registry=metrics,
)
CUT = Counter(
    "holdfast_gateway_cut_requests", "Requests that were no HTTP, too long or too slow", ["status"], registry=metrics
)
AWAITED = Gauge("holdfast_gateway_awaited_answers", "Commands whose answer is awaited", registry=metrics)
LATE = Counter(
    "holdfast_gateway_late_answers", "Commands answered 202 because no answer came in time", registry=metrics
)
NOT_TAKEN = Counter("holdfast_gateway_commands_not_taken", "Commands that Kafka did not take: 503", registry=metrics)
LIMITED = Counter(
    "holdfast_gateway_rate_limited",
    "Requests refused because their client asked too often",
    ["limit"],
    registry=metrics,
)
CONNECTED = Gauge("holdfast_gateway_connected", "Whether answers are read from Kafka, 1 or 0", registry=metrics)
EVENTS = Counter(
    "holdfast_gateway_provider_events",
    "Events of the payment provider: recorded, ignored, refused or not taken",
    ["outcome"],
    registry=metrics,
)

for limit in ("reads", "writes", "secrets"):
    LIMITED.labels(limit)  # from 0 on: the first one of a series that was not there is no increase
for outcome in ("recorded", "ignored", "refused", "not_taken"):
    EVENTS.labels(outcome)


class Measured:
    """Counts and times every request, whoever answers it; a few microseconds each."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500  # what answers nothing has failed

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = getattr(scope.get("route"), "path_format", None) or _plain(scope)
            REQUESTS.labels(method, route, f"{status // 100}xx").inc()
            LASTED.labels(method, route).observe(time.perf_counter() - began)


def _plain(scope: Scope) -> str:
    """The path of a route that is none of FastAPI's, as /livez: without parameters it is its own template."""
    return str(scope["path"]) if "endpoint" in scope and not scope.get("path_params") else NOWHERE
