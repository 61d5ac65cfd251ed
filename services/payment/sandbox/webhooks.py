"""Webhooks: signed as Stripe signs them, sent in turn, and again until the receiver takes them."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import logging
import sqlite3
import time
from collections.abc import Sequence

import aiohttp

from services.payment.sandbox.settings import Settings
from services.payment.sandbox.store import Store

log = logging.getLogger(__name__)

LOOKED_AGAIN = 60.0  # seconds: the clock may be set while we wait


def signature(body: bytes, secrets: Sequence[str], now: int) -> str:
    """`t=…,v1=…`: HMAC-SHA256 of time and body, one for each secret (https://docs.stripe.com/webhooks#verify-manually)."""
    signed = b"%d.%s" % (now, body)
    given = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={now}", *(f"v1={each}" for each in given)])


class Deliverer:
    """Posts what is due, one after the other: so an order that a fault has asked for is the order of arrival."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._changed = asyncio.Event()
        store.committed.append(self._changed.set)

    async def run(self) -> None:
        """Deliver until cancelled."""
        if self._settings.webhook_url is None:
            return
        timeout = aiohttp.ClientTimeout(total=self._settings.webhook_timeout)
        async with aiohttp.ClientSession(timeout=timeout) as client:
            while True:
                self._changed.clear()
                row = self._store.db.execute(
                    """SELECT deliveries.*, objects.body FROM deliveries JOIN objects ON objects.id = deliveries.event
                       WHERE state = 'pending' AND due_at IS NOT NULL
                       ORDER BY due_at, rank, deliveries.id
                       LIMIT 1"""
                ).fetchone()
                wait = None if row is None else row["due_at"] - time.time()
                if row is not None and wait is not None and wait <= 0:
                    await self._deliver(client, row)
                else:
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), wait and min(wait, LOOKED_AGAIN))

    async def _deliver(self, client: aiohttp.ClientSession, row: sqlite3.Row) -> None:
        assert self._settings.webhook_url
        event = json.loads(row["body"])
        body = json.dumps({**event, "pending_webhooks": 1}, indent=2).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(body, self._settings.webhook_secrets, int(time.time())),
            "User-Agent": "Holdfast-Sandbox/1.0",
        }
        try:
            posted = client.post(self._settings.webhook_url, data=body, headers=headers, allow_redirects=False)
            async with posted as response:
                taken, answer = 200 <= response.status < 300, str(response.status)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            taken, answer = False, type(error).__name__
        self._record(row, taken, answer)
        log.info("event sent", extra={"event_id": event["id"], "type": event["type"], "taken": taken, "answer": answer})

    def _record(self, row: sqlite3.Row, taken: bool, answer: str) -> None:
        attempts, retries = row["attempts"] + 1, self._settings.webhook_retries
        state = "delivered" if taken else "pending" if attempts <= len(retries) else "failed"
        due_at = time.time() + retries[attempts - 1] if state == "pending" else row["due_at"]
        with self._store.transaction():
            self._store.db.execute(
                "UPDATE deliveries SET attempts = ?, state = ?, answer = ?, due_at = ? WHERE id = ?",
                (attempts, state, answer, due_at, row["id"]),
            )
