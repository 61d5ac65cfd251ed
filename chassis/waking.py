"""Being told by the database that there is something to do."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

import asyncpg

from chassis.database import TRANSIENT

log = logging.getLogger(__name__)

LISTEN_AGAIN_SECONDS = 1.0


Session = asyncpg.Connection


async def listen(
    url: str, channel: str, wake: asyncio.Event, begun: Callable[[Session], Awaitable[None]] | None = None
) -> None:
    """Set `wake` whenever this channel is notified, for ever. Without it, what is new is found at the next look.

    `begun` is called with each session that listens, before the first wake.
    """
    while True:
        with contextlib.suppress(*TRANSIENT):
            connection = await asyncpg.connect(url, timeout=10)
            try:
                gone = asyncio.Event()
                connection.add_termination_listener(lambda _connection, gone=gone: gone.set())
                await connection.add_listener(channel, lambda *_: wake.set())
                if begun is not None:
                    await begun(connection)
                wake.set()  # for what was committed before
                await gone.wait()
            finally:
                connection.terminate()
        log.warning("not woken by the database for a while")
        await asyncio.sleep(LISTEN_AGAIN_SECONDS)
