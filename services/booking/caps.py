"""How many slots a client holds at a time: counted in the database, but not for every booking.

A count is good until this worker has added so much since that, if its like did the same beside it, the client might be full.
So a client far from its cap is hardly ever counted, one that is near it with every batch; and no client more often than the
rows it takes are worth. Workers side by side may exceed the cap by what they decide between two counts.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Client = tuple[str, str]  # organisation, client

WORKERS = 16  # that may add to the same client's holds at a time
SECONDS_A_ROW = 20e-6  # until the next count: 20 times what counting a row takes
MOST_CLIENTS = 10_000  # remembered; who is forgotten is counted again


@dataclass(slots=True)
class _Held:
    counted: int
    since: int
    at: float


class Caps:
    """`most` slots held for a client at a time."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self._clock = most, clock
        self._held: dict[Client, _Held] = {}

    def due(self, wanted: Mapping[Client, int]) -> list[Client]:
        """Those who have to be counted before they may have so many more."""
        return [client for client, more in wanted.items() if self._is_due(client, more)]

    def _is_due(self, client: Client, more: int) -> bool:
        held = self._held.get(client)
        if held is None:
            return True
        if held.since + more <= (self.most - held.counted) / WORKERS:
            return False
        return self._clock() - held.at >= held.counted * SECONDS_A_ROW

    def counted(self, client: Client, held: int) -> None:
        """So many there are now, as far as they are committed."""
        self._held.pop(client, None)
        if len(self._held) >= MOST_CLIENTS:
            del self._held[next(iter(self._held))]
        self._held[client] = _Held(held, 0, self._clock())

    def admits(self, client: Client) -> bool:
        """Whether the client may have one more; if so it is counted in."""
        held = self._held.get(client)
        if held is None:  # forgotten between the count and now: there are very many clients
            return True
        if held.counted + held.since >= self.most:
            return False
        held.since += 1
        return True
