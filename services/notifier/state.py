"""What the notifier knows of a subscription, and what it stores of an event."""

from datetime import datetime, timedelta
from typing import NamedTuple

from contracts.model import Id, Instant, Value
from contracts.notifier import Sealed, Subscription

KEPT_SECRET = timedelta(hours=24)  # W3: so long a former secret still signs beside the new one
MOST_FORMER = 4  # secrets that sign beside the new one: every signature is a header that grows

# What a subscription may name, beside `*` and a family's `.*`.
EVENT_TYPES = ("booking.created", "booking.updated", "booking.paid", "booking.deleted", "payment.failed")
FAMILIES = tuple(sorted({each.split(".")[0] for each in EVENT_TYPES}))
PING = "ping"


class Former(Value):
    """A secret that was replaced, and until when it counts."""

    secret: Sealed
    until: Instant


class State(Value):
    """A subscription with what nobody sees."""

    subscription: Subscription
    secret: Sealed
    former: tuple[Former, ...] = ()
    deleted: bool = False


class Event(NamedTuple):
    """Something that is told to whoever asked for it. `body` are the very bytes. `listed`: it stands in the feed. `about`: a booking."""

    id: str
    organisation: str
    type: str
    created_at: datetime
    body: str
    listed: bool = True
    about: Id | None = None
    traceparent: bytes | None = None


class Delivery(NamedTuple):
    """An event for a subscription."""

    id: str
    organisation: str
    subscription: str
    event: str
    type: str


class Known(NamedTuple):
    """A delivery that is to be made again: what it is, and whether its subscription takes any."""

    subscription: Id
    event: Id
    type: str
    enabled: bool


class Replay(NamedTuple):
    """A period to be delivered again."""

    id: str
    organisation: str
    subscription: str
    from_: datetime
    to: datetime
