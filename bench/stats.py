"""Percentiles, by the nearest rank: a figure that was really measured, never one between two."""

import math
import statistics
from collections.abc import Sequence

median = statistics.median


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value that `share` of all do not pass; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float], unit: str = "ms") -> dict[str, float | None]:
    """The two percentiles every table shows."""
    return {f"p50 {unit}": percentile(values, 0.5), f"p99 {unit}": percentile(values, 0.99)}
