"""What the notifier tells about itself: how old the queue is, what attempts come to, who is left alone; and the spans of attempts."""

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram
from yarl import URL

from chassis.telemetry import metrics
from services.notifier.deliveries import Claimed
from services.notifier.sending import Sent

if TYPE_CHECKING:
    from chassis.spans import Attributes, Traces

SECONDS = (0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 1000, 10_000, 100_000)

ATTEMPTS = Counter(
    "holdfast_deliveries_attempts",
    "Attempts that ended, by what the receiver answered: a class of status, or an error",
    ["answer"],
    registry=metrics,
)
LASTED = Histogram("holdfast_deliveries_attempt_seconds", "How long an attempt took", buckets=SECONDS, registry=metrics)
ENDED = Counter("holdfast_deliveries_ended", "Deliveries that ended, by how", ["status"], registry=metrics)
SETTLED = Histogram(
    "holdfast_deliveries_settled_seconds", "From the event to a receiver's 2xx", buckets=SECONDS, registry=metrics
)
OLDEST = Gauge(
    "holdfast_deliveries_oldest_due_seconds", "How long the oldest delivery that is due has waited", registry=metrics
)
IN_HAND = Gauge("holdfast_deliveries_in_hand", "Deliveries that this worker has claimed", registry=metrics)
OPEN_CIRCUITS = Gauge(
    "holdfast_deliveries_open_circuits", "Receivers that this worker leaves alone for a while", registry=metrics
)
DISABLED = Gauge("holdfast_subscriptions_disabled", "Subscriptions that are switched off", registry=metrics)


def _error(sent: Sent) -> str:
    return (sent.error or "internal").partition(":")[0]


def _traced(traces: "Traces", claimed: Claimed, sent: Sent, at: float) -> None:
    """Of the URL only its host is told, as the rest may be a secret."""
    began = int(at * 1e9)
    about: Attributes = {
        "http.request.method": "POST",
        "server.address": URL(claimed.url).host or "",
        "holdfast.delivery.id": claimed.id,
        "holdfast.event.type": claimed.type,
        "holdfast.call.attempt": claimed.number,
    }
    failed = None if sent.delivered else _error(sent)
    if sent.status is not None:
        about["http.response.status_code"] = sent.status
        failed = None if sent.delivered else str(sent.status)
    traces.client("POST webhook", claimed.traceparent, began, began + int(sent.seconds * 1e9), about, failed)


def attempted(claimed: Claimed, sent: Sent, at: float, good: bool, traces: "Traces | None") -> None:
    """An attempt ended that began at this time."""
    answer = f"{sent.status // 100}xx" if sent.status else _error(sent)
    ATTEMPTS.labels(answer if not good else "2xx").inc()
    LASTED.observe(sent.seconds)
    if traces:
        _traced(traces, claimed, sent, at)
