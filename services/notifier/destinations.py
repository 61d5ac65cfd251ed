"""How much each receiver is given at a time, by how it has answered so far. Pure: monotonic seconds come in as arguments.

A receiver that has not proved itself gets a few deliveries side by side, one that answers gets more, and more of them in hand the
faster it is. After failures in a row it gets none for a while (the circuit is open), then one to try (half open), then all again.
The more receivers are served at a time the less each gets: if they all stopped answering at once there would still be room for others.
Nothing here is lost when the process ends: what waits, waits in the database.
"""

from dataclasses import dataclass, field, replace

FIRST = 4  # side by side, until it has proved itself
IN_HAND_SECONDS = 0.5  # so much of a receiver's work is claimed ahead
MOST_IN_HAND = 8  # times what is sent side by side
SLOW_SECONDS = 1.0  # who usually takes longer shares half of the room with all who do
PACE = 0.2  # how much the last answer counts in what is usual


@dataclass(frozen=True)
class Limits:
    """Of one sender: `most` deliveries in hand, `most_each` under way to one receiver; the circuit opens after `failures` in a row,
    for `pause` seconds, twice as long each time the try fails, up to `longest`."""

    most: int = 512
    most_each: int = 16
    failures: int = 5
    pause: float = 5.0
    longest: float = 60.0


@dataclass(slots=True)
class Destination:
    """One receiver, as this process has seen it."""

    in_hand: int = 0  # claimed and not over: waiting here or under way
    under_way: int = 0
    heard: float = 0.0  # when it answered last, or else was asked first
    successes: int = 0
    failures: int = 0  # in a row
    usual: float = 0.1  # seconds that an answer takes
    closed_until: float = 0.0  # nothing is sent before
    pause: float = 0.0
    more: bool = False  # when it was last claimed for, all its room was filled

    def side_by_side(self, limits: Limits) -> int:
        """How many may be under way."""
        if self.failures >= limits.failures:
            return 1
        return min(limits.most_each, FIRST + self.successes)

    def room(self, limits: Limits, now: float) -> int:
        """How many more may be claimed for it: many at a time, when what is in hand runs short."""
        if now < self.closed_until:
            return 0
        sent = self.side_by_side(limits)
        if self.in_hand - self.under_way >= sent:
            return 0
        if self.failures == 0 and self.successes and not self.stalled(now):
            sent = round(sent * min(MOST_IN_HAND, max(1.0, IN_HAND_SECONDS / max(self.usual, 0.001) / sent)))
        return max(0, sent - self.in_hand)

    def may_send(self, limits: Limits, now: float) -> bool:
        """Whether another one may go under way now."""
        return now >= self.closed_until and self.under_way < self.side_by_side(limits)

    def asked(self, now: float) -> None:
        """Another one is under way."""
        if not self.under_way:
            self.heard = now
        self.under_way += 1

    def stalled(self, now: float) -> bool:
        """Whether it leaves everything that is under way without an answer, however quick it used to be."""
        return self.under_way > 0 and now - self.heard > SLOW_SECONDS

    def slow(self, now: float) -> bool:
        """Whether it would hold the room that others need."""
        return self.usual > SLOW_SECONDS or self.failures > 0 or self.stalled(now)

    def answered(self, good: bool, seconds: float, limits: Limits, now: float, asked: float | None = None) -> None:
        """An attempt is over; `asked` are the seconds for which the receiver asked to be left alone."""
        self.heard = now
        self.usual += PACE * (seconds - self.usual)
        if good:
            self.successes, self.failures, self.pause, self.closed_until = self.successes + 1, 0, 0.0, 0.0
            return
        self.failures, self.successes = self.failures + 1, 0
        if self.failures >= limits.failures and now >= self.closed_until:
            self.pause = min(limits.longest, 2 * self.pause or limits.pause)
            self.closed_until = now + self.pause
        if asked:
            self.closed_until = max(self.closed_until, now + min(asked, limits.longest))


@dataclass
class Destinations:
    """All receivers that this process has something to do with, or remembers."""

    limits: Limits
    known: dict[str, Destination] = field(default_factory=dict)
    most_known: int = 10_000
    now: Limits = field(init=False)  # with what one receiver may have while so many are served

    def __post_init__(self) -> None:
        self.now = self.limits

    def of(self, subscription: str) -> Destination:
        """The one of this subscription."""
        if (found := self.known.get(subscription)) is None:
            if len(self.known) >= self.most_known:
                self.known = {key: each for key, each in self.known.items() if each.in_hand or each.closed_until}
            found = self.known[subscription] = Destination()
        return found

    @property
    def first(self) -> int:
        """Side by side to a stranger."""
        return min(FIRST, self.now.most_each)

    def rooms(self, now: float) -> dict[str, int]:
        """What may be claimed for those that are given more or less than `first`, as a stranger is."""
        most, served = self.limits.most, max(1, sum(each.in_hand > 0 for each in self.known.values()))
        most_each = max(1, min(self.limits.most_each, most // 2 // served))
        if most_each != self.now.most_each:
            self.now = replace(self.limits, most_each=most_each)
        in_hand = max(most_each, most * 3 // 4 // served)
        crowded = sum(each.in_hand for each in self.known.values() if each.slow(now)) >= most // 2
        rooms = {
            key: 0 if crowded and each.slow(now) else max(0, min(each.room(self.now, now), in_hand - each.in_hand))
            for key, each in self.known.items()
        }
        return {key: room for key, room in rooms.items() if room != self.first}

    def opens(self, now: float) -> float | None:
        """Seconds until the next circuit may be tried."""
        closed = [each.closed_until - now for each in self.known.values() if each.closed_until > now]
        return min(closed, default=None)

    def open_circuits(self, now: float) -> int:
        """How many receivers are left alone at the moment."""
        return sum(each.closed_until > now for each in self.known.values())
