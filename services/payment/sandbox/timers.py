"""What happens by itself: sessions expire, slow payments and refunds are settled. Timers survive a restart."""

import asyncio
import contextlib
import logging
import time

from services.payment.sandbox.account import Account

log = logging.getLogger(__name__)

LOOKED_AGAIN = 60.0  # seconds: the clock may be set while we wait


class Timers:
    """Runs each timer once, in its turn."""

    def __init__(self, account: Account) -> None:
        self._account, self._changed = account, asyncio.Event()
        account.store.committed.append(self._changed.set)

    async def run(self) -> None:
        """Run them until cancelled."""
        store = self._account.store
        while True:
            self._changed.clear()
            row = store.db.execute("SELECT * FROM timers ORDER BY due_at, id LIMIT 1").fetchone()
            wait = None if row is None else row["due_at"] - time.time()
            if row is None or wait is None or wait > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), wait and min(wait, LOOKED_AGAIN))
                continue
            with store.transaction():
                store.db.execute("DELETE FROM timers WHERE id = ?", (row["id"],))
                self._account.due(row["action"], row["object"])
            log.info("timer ran", extra={"action": row["action"], "object": row["object"]})
            await asyncio.sleep(0)
