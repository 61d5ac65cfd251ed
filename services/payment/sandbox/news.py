"""Events: kept, and lined up for delivery as the faults that are switched on would have it."""

import time

from services.payment.sandbox import objects
from services.payment.sandbox.faults import Fault, Faults
from services.payment.sandbox.objects import Object
from services.payment.sandbox.store import Store


class News:
    """What the account tells whoever listens."""

    def __init__(self, store: Store, faults: Faults, somebody_listens: bool) -> None:
        self._store, self._faults, self._somebody_listens = store, faults, somebody_listens

    def tell(self, type_: str, of: Object, request: Object, previous: Object | None = None) -> None:
        """Keep the event; if there is an endpoint, line up its deliveries."""
        now = time.time()
        event = objects.event(type_, of, previous, request, int(now))
        seq = self._store.put(event)
        if not self._somebody_listens:
            return
        never, delayed, turned, doubled = (
            self._faults.take(None, kind)
            for kind in ("webhooks_never", "webhooks_delayed", "webhooks_reversed", "webhooks_duplicated")
        )
        late = delayed or turned
        due_at = now + late.lasts if late else now
        for _ in range(doubled.copies if doubled else 1):
            self._store.db.execute(
                "INSERT INTO deliveries (event, due_at, rank, held_by) VALUES (?, ?, ?, ?)",
                (
                    event["id"],
                    None if never else due_at,
                    -seq if turned else seq,
                    turned.id if turned and not never else None,
                ),
            )
        if turned and turned.times == 1:
            self._release(turned, now)

    def again(self, event: str) -> None:
        """Deliver an event once more, now, whatever happened to it before."""
        self._store.db.execute(
            "INSERT INTO deliveries (event, due_at, rank) SELECT id, ?, seq FROM objects WHERE id = ?",
            (time.time(), event),
        )

    def pending(self, event: str) -> int:
        """Endpoints that have not taken the event: there is one or none."""
        row = self._store.db.execute(
            "SELECT count(*) AS all_, count(*) FILTER (WHERE state = 'delivered') AS delivered FROM deliveries WHERE event = ?",
            (event,),
        ).fetchone()
        return int(row["all_"] > 0 and row["delivered"] == 0)

    def _release(self, turned: Fault, now: float) -> None:
        """The last one has happened: those that were kept back go out, the newest first."""
        self._store.db.execute("UPDATE deliveries SET due_at = ?, held_by = NULL WHERE held_by = ?", (now, turned.id))
