"""R13: each version of a booking has its event; whoever is told of one and never of the one before has missed something."""

import logging
from collections import OrderedDict
from dataclasses import dataclass, field

from prometheus_client import Counter

from chassis.messages import Incoming
from chassis.telemetry import metrics
from contracts.booking import Booking

log = logging.getLogger(__name__)

MOST_BOOKINGS = 20_000  # of a partition, some 4 MB; the one that nothing was heard of for longest is forgotten first

GAPS = Counter(
    "holdfast_event_gaps",
    "Events of a booking before which one is missing; each is told all the same",
    registry=metrics,
)


@dataclass
class _Partition:
    next: int = 0  # the offset that follows those that were met
    last: OrderedDict[tuple[str, str], int] = field(default_factory=OrderedDict)


class Versions:
    """The last version of each booking that this worker has met. Kept in memory alone: it alarms and decides nothing."""

    def __init__(self) -> None:
        self._partitions: dict[int, _Partition] = {}

    def meet(self, message: Incoming, booking: Booking) -> bool:
        """Note the version; whether one before it is missing. Of a booking not met before nobody can tell."""
        record, key = message.record, (message.organisation, booking.id)
        if record.partition not in self._partitions or record.offset > self._partitions[record.partition].next:
            self._partitions[record.partition] = _Partition()  # others may have met what lies between
        met = self._partitions[record.partition]
        met.next = max(met.next, record.offset + 1)
        before = met.last.pop(key, None)
        met.last[key] = booking.version if before is None else max(before, booking.version)
        if len(met.last) > MOST_BOOKINGS:
            met.last.popitem(last=False)
        if before is None or booking.version <= before + 1:
            return False
        GAPS.inc()
        log.error("booking %s: version %s came after %s: an event is missing", booking.id, booking.version, before)
        return True
