"""What the notifier tells about itself: how old the queue is, what attempts come to, who is left alone."""

from prometheus_client import Counter, Gauge, Histogram

from chassis.telemetry import metrics
from services.notifier.sending import Sent

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


def attempted(sent: Sent, good: bool) -> None:
    """An attempt ended."""
    answer = f"{sent.status // 100}xx" if sent.status else (sent.error or "internal").partition(":")[0]
    ATTEMPTS.labels(answer if not good else "2xx").inc()
    LASTED.observe(sent.seconds)
