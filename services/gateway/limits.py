"""How often a client may ask, and how often anybody may guess a secret. Counted in this process alone, in bounded memory."""

import math
import time
from collections.abc import Hashable
from typing import NamedTuple

from services.gateway.errors import Problem

MOST_COUNTED = 10_000  # clients, or guessers; the one that came first is forgotten first


class Left(NamedTuple):
    """What a client is told of its limit with every answer; `wait` is in seconds, 0 if the request may pass."""

    limit: int
    remaining: int
    wait: int

    def headers(self) -> list[tuple[bytes, bytes]]:
        """X-RateLimit-Limit and X-RateLimit-Remaining."""
        return [(b"x-ratelimit-limit", b"%d" % self.limit), (b"x-ratelimit-remaining", b"%d" % self.remaining)]

    def check(self) -> None:
        """Raises Problem (429) when there is to be waited."""
        if self.wait:
            why = f"More than {self.limit} requests in a minute."
            raise Problem("RATE_LIMITED", why, headers={"Retry-After": str(self.wait)})


class Limit:
    """So many a minute for each client: a bucket that fills evenly, and may be emptied at once."""

    def __init__(self, a_minute: int) -> None:
        self.a_minute = a_minute
        self._buckets: dict[Hashable, tuple[float, float]] = {}  # what is in it, and when that was so

    def take(self, who: Hashable, now: float | None = None) -> Left:
        """One request of this client; nothing is taken where nothing is left. `now` in seconds of any clock."""
        now = time.monotonic() if now is None else now
        there = self._buckets.get(who)
        if there is None:
            if len(self._buckets) >= MOST_COUNTED:
                del self._buckets[next(iter(self._buckets))]
            content = float(self.a_minute)
        else:
            content = min(self.a_minute, there[0] + (now - there[1]) * self.a_minute / 60)
        wait = 0
        if content >= 1:
            content -= 1
        else:
            wait = max(1, math.ceil((1 - content) * 60 / self.a_minute))
        self._buckets[who] = (content, now)
        return Left(self.a_minute, int(content), wait)


class Guesses:
    """Failures in a minute: whoever has had too many waits until the first of them is a minute old."""

    def __init__(self, a_minute: int) -> None:
        self._most = a_minute
        self._failed: dict[Hashable, list[float]] = {}

    def wait(self, who: Hashable, now: float) -> int:
        """Seconds until this one may try again; 0 for now."""
        recent = [at for at in self._failed.get(who, ()) if at > now - 60]
        return math.ceil(recent[0] + 60 - now) if len(recent) >= self._most else 0

    def failed(self, who: Hashable, now: float) -> None:
        """Count a failure."""
        recent = [at for at in self._failed.pop(who, ()) if at > now - 60]
        if len(self._failed) >= MOST_COUNTED:
            del self._failed[next(iter(self._failed))]
        self._failed[who] = [*recent, now][-self._most :]

    def forgive(self, who: Hashable) -> None:
        """The last one was none."""
        recent = self._failed.pop(who, [])
        if len(recent) > 1:
            self._failed[who] = recent[:-1]
