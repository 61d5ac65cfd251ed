"""Named places at which a test lets the real process die, as a power cut would: no cleanup, no goodbye."""

import os
from collections import Counter

EXIT_CODE = 86
POINTS = (
    "fetched",  # records are in hand, nothing is decided
    "deciding",  # states are loaded, nothing is written
    "committed",  # the database has the decision, Kafka has none of its outputs
    "sending",  # half of the outputs are acknowledged
    "sent",  # all outputs are acknowledged, the mark does not say so
    "marked",  # the mark says so
)
RELAY_POINTS = ("due", "forwarded")  # before a due record is forwarded; after, with nothing committed
CALL_POINTS = (
    "claimed",  # a call is taken, nothing has left the house
    "called",  # the other side has answered, nobody of ours knows
    "told",  # the outcome is acknowledged, the call is still open
    "closed",
)

_passed: Counter[str] = Counter()
_point, _, _at = os.environ.get("HOLDFAST_FAILPOINT", "").partition(":")


def reached(point: str) -> bool:
    """Whether the process is to die here and now (`HOLDFAST_FAILPOINT=point:n`, the n-th passage)."""
    if point != _point:
        return False
    _passed[point] += 1
    return _passed[point] == int(_at or 1)


def armed(point: str) -> bool:
    """Whether the process is to die at this point some time."""
    return point == _point


def die() -> None:
    os._exit(EXIT_CODE)


def pass_by(point: str) -> None:
    """Die here if the test said so."""
    if reached(point):
        die()
