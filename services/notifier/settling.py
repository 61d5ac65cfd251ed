"""What came of deliveries is written down in batches; a receiver that is gone or fails for days gets its subscription disabled."""

import asyncio
import logging
from collections import Counter as Tally
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

import asyncpg
from aiokafka.errors import KafkaError

from chassis import failpoints
from chassis.database import TRANSIENT
from chassis.entries import Send, to_json
from chassis.publisher import Publisher, acknowledged
from contracts import topics
from contracts.envelope import derived_id, stamp, write
from contracts.notifier import DisableSubscription
from services.notifier import deliveries, measures
from services.notifier.deliveries import Outcome

log = logging.getLogger(__name__)

ROWS = 500  # at most in one statement
GATHER_SECONDS = 0.02  # in which outcomes gather: a statement for each of a few would cost more than the deliveries
AGAIN_SECONDS = 1.0
TOLD_SECONDS = 5.0  # for Kafka to take a command; outcomes must not wait for longer


class Failed(NamedTuple):
    """A subscription, as it was when its receiver was found to be gone, or to fail for so long."""

    organisation: str
    subscription: str
    version: int


class Settler:
    """Writes outcomes down. What is not written yet when the process ends is delivered again."""

    def __init__(self, database: asyncpg.Pool, publisher: Publisher, failing: timedelta) -> None:
        self.database, self.publisher, self.failing = database, publisher, failing
        self._outcomes: list[Outcome] = []
        self._wake = asyncio.Event()
        self._telling: asyncio.Task[bool] | None = None

    def add(self, outcome: Outcome) -> None:
        """This delivery is over for now."""
        self._outcomes.append(outcome)
        self._wake.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._wake.clear()
            try:
                await self.flush()
            except TRANSIENT as error:  # until then the claims last; then they are made again, which receivers can tell
                log.warning("not written down yet: %r", error)
                await asyncio.sleep(AGAIN_SECONDS)
                self._wake.set()

    async def flush(self) -> None:
        """Write what there is. Raises what the database raises; then nothing of it is forgotten."""
        while self._outcomes:
            some = self._outcomes[:ROWS]
            await self._settle(some)
            del self._outcomes[: len(some)]
            failpoints.pass_by("closed")

    async def _settle(self, outcomes: list[Outcome]) -> None:
        failing = await self.database.fetch(
            deliveries.SETTLE,
            [each.claimed.id for each in outcomes],
            [each.claimed.number for each in outcomes],
            [each.status for each in outcomes],
            [each.claimed.subscription for each in outcomes],
            [each.claimed.organisation for each in outcomes],
            [each.good for each in outcomes],
            [each.after for each in outcomes],
            [each.tried for each in outcomes],
            [each.given_back for each in outcomes],
            self.failing.total_seconds(),
        )
        for status, count in Tally(each.status for each in outcomes if each.status != "waiting").items():
            measures.ENDED.labels(status).inc(count)
        # Outcomes do not wait for Kafka. Whoever is left out now is found again when it fails the next time.
        if self._telling is not None and self._telling.done():
            self._telling.result()  # an error that is ours ends the process
            self._telling = None
        if failing and self._telling is None:
            self._telling = asyncio.create_task(self.disable([Failed(*each) for each in failing], "failing"))

    async def stop(self) -> None:
        """Write what there is, and end. Raises what the database raises."""
        try:
            await self.flush()
        finally:
            if self._telling is not None:
                self._telling.cancel()  # whoever goes on finds them again
                await asyncio.gather(self._telling, return_exceptions=True)

    async def disable(self, those: Collection[Failed], reason: Literal["gone", "failing"]) -> bool:
        """Have it decided: what was decided about this version before is a repeat. False while Kafka is away: ask again then."""
        sends = [_asked(each, reason) for each in those]
        try:
            async with asyncio.timeout(TOLD_SECONDS):
                await acknowledged(await self.publisher.publish(sends))
        except (KafkaError, TimeoutError) as error:
            log.warning("not disabled yet: %s: %r", ", ".join(each.subscription for each in those), error)
            return False
        return True


def _asked(failed: Failed, reason: Literal["gone", "failing"]) -> Send:
    about = failed.subscription
    message_id = derived_id(about, f"{reason}|{failed.version}")
    body = DisableSubscription(subscription_id=about, reason=reason, version=failed.version)
    now = stamp(datetime.now(UTC))
    headers = write(b"notifier", message_id, body.type, failed.organisation, message_id, now, about, causation=about)
    return Send(topics.NOTIFIER_COMMANDS.name, about.encode(), to_json(body), headers, None)
