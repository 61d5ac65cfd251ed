"""The line to Kafka: commands go out, their answers come back."""

import asyncio
import logging
import time

from contracts import connecting, topics
from contracts.client import Client, NotAccepted, Reply, Unclaimed
from contracts.model import Message
from services.gateway import measures
from services.gateway.auth import Identity
from services.gateway.settings import Settings

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0  # seconds between two tries to connect
LOOKED_AFTER = 0.5  # seconds between two looks at the line
REACHED_WITHIN = 1.0  # seconds in which a broker must let itself be called
DOUBTED_FOR = 10.0  # seconds for which an unaccepted command speaks against the line


class Replies:
    """Asks on behalf of any organisation; connects by itself, and again when the line breaks."""

    def __init__(self, settings: Settings) -> None:
        self._client = Client(
            settings.kafka,
            name="gateway",
            reply_topic=topics.GATEWAY_REPLIES.name,
            acknowledged_within=settings.acknowledged_within,
            answered_within=settings.answered_within,
        )
        self._not_accepted_at: float | None = None
        self.connected = asyncio.Event()

    async def fault(self) -> str | None:
        """Why commands would not get through now, or None."""
        if not self.connected.is_set():
            return "is not connected"
        if not any(
            await asyncio.gather(*map(_reachable, connecting.address(self._client.bootstrap).servers.split(",")))
        ):
            return "cannot be reached"
        if self._not_accepted_at and time.monotonic() - self._not_accepted_at < DOUBTED_FOR:
            return "does not take commands"
        return None

    def command_id(self, key: str, identity: Identity) -> str:
        """The id of the command that this client sends under this key."""
        return self._client.command_id(key, identity.organisation, identity.client)

    async def ask(self, command: Message, command_id: str, organisation: str, traceparent: bytes | None) -> Reply:
        """The answer of whoever owns the matter. Raises NotAccepted or Unanswered: nothing is known of the outcome then."""
        if not self.connected.is_set():
            raise NotAccepted(command_id)
        try:
            with measures.AWAITED.track_inprogress():
                reply = await self._client.ask(
                    command, command_id=command_id, organisation=organisation, traceparent=traceparent
                )
        except Unclaimed:
            raise  # Kafka does its part; booking is silent
        except NotAccepted:
            self._not_accepted_at = time.monotonic()
            raise
        self._not_accepted_at = None
        return reply

    async def tell(self, record: Message, record_id: str, organisation: str, traceparent: bytes | None = None) -> None:
        """Publish what nobody answers. Raises NotAccepted: it may be in Kafka all the same, and may be told again."""
        if not self.connected.is_set():
            raise NotAccepted(record_id)
        await self._client.tell(record, command_id=record_id, organisation=organisation, traceparent=traceparent)

    async def stay_connected(self) -> None:
        """Connect, watch, connect again; ends when it is cancelled."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._client.start()
            except Exception as error:
                # Whatever keeps Kafka from answering: reads go on without it, and it may be back in a moment.
                log.warning("Kafka is not there: %r", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            pause = FIRST_PAUSE
            self.connected.set()
            measures.CONNECTED.set(1)
            log.info("connected to Kafka")
            while self._client.ready:
                await asyncio.sleep(LOOKED_AFTER)
            log.error("answers are not read any more; connecting again")
            await self.hang_up()

    async def hang_up(self) -> None:
        """Disconnect; whoever still waits gets Unanswered, and so can tell its client to come again."""
        if self.connected.is_set():
            self.connected.clear()
            measures.CONNECTED.set(0)
            await self._client.stop()


async def _reachable(server: str) -> bool:
    host, _, port = server.strip().rpartition(":")
    try:
        async with asyncio.timeout(REACHED_WITHIN):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except OSError:  # a timeout is one too
        return False
    writer.close()
    return True
