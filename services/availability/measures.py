"""What availability tells about holds: how late they end."""

from prometheus_client import Histogram

from chassis.telemetry import metrics

LATENESS = Histogram(
    "holdfast_hold_lateness_seconds",
    "From a hold's end to the decision that releases what was still only held",
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 2, 5, 10, 30, 60, 600),
    registry=metrics,
)
