"""The sender: it claims deliveries that are due, makes them, and writes down what came of them, each in batches.

At least once: a sender that dies leaves claims that end by themselves, and whoever takes them next sends under the same id. No
transaction and no connection is held while a receiver answers. No receiver waits for another one: each has bounds of its own
(`destinations`), and of what is due each gets its share.
"""

import asyncio
import contextlib
import logging
import math
import random
import time
from collections import Counter as Tally
from collections import defaultdict, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from chassis import database, failpoints, tracing
from chassis.database import TRANSIENT
from chassis.publisher import Publisher
from chassis.sealing import NotSealedHere, Seal
from chassis.settings import WorkerSettings
from chassis.waking import LISTEN_AGAIN_SECONDS, listen
from services.notifier import deliveries, domain, measures, signing
from services.notifier.addresses import AddressRules
from services.notifier.deliveries import Claimed, Outcome
from services.notifier.destinations import Destinations, Limits
from services.notifier.domain import Schedule
from services.notifier.opening import Opened
from services.notifier.presence import Presence
from services.notifier.replaying import replay_on
from services.notifier.sending import TOTAL_SECONDS, Sender, Sent
from services.notifier.settling import AGAIN_SECONDS, Failed, Settler

log = logging.getLogger(__name__)

STOP_SECONDS = 2.0  # what is under way may end by itself for so long, then it is given back
LOOK_SECONDS = 1.0  # between two looks when nobody wakes us
MOST_BUSY_SECONDS = 5.0  # until replays and the metrics of the queue have their turn, however much is to be sent
SETTLED_SECONDS = 0.05  # until an outcome is written, from which on its delay counts
SPARE_SECONDS = 20.0  # of a claim, beyond what an attempt may take
SLOW_CLAIM_SECONDS = 0.02
CLAIM_ROWS = 256  # at most in one statement
CONNECTIONS = 3  # one claims, one settles, one looks


@dataclass(frozen=True)
class Manner:
    """How deliveries are made. `failing` is after how long of nothing but failure a subscription is disabled."""

    schedule: Schedule
    limits: Limits = field(default_factory=Limits)
    failing: timedelta = timedelta(days=5)
    seconds: float = TOTAL_SECONDS


class Deliverer:
    """Makes the deliveries. `failed` is called once if it cannot go on: then restart the process."""

    def __init__(
        self,
        settings: WorkerSettings,
        manner: Manner,
        rules: AddressRules,
        seal: Seal,
        failed: Callable[[BaseException], None],
    ) -> None:
        self.manner, self.failed, self._opened = manner, failed, Opened(seal)
        self.joined = asyncio.Event()
        self.publisher = Publisher(settings.kafka)
        self._traces = tracing.of("notifier", settings)
        self.sender = Sender(rules, manner.seconds)
        self.destinations = Destinations(manner.limits)
        self._url, self._presence = settings.database, Presence()
        self._claim_seconds = manner.seconds + SPARE_SECONDS
        self._wake = asyncio.Event()
        self._waiting: dict[str, deque[tuple[Claimed, float]]] = defaultdict(deque)  # claimed, by receiver
        self._in_hand, self._full = 0, False
        self._soon = math.inf  # when the next of our own retries is due
        self._posts: dict[asyncio.Task[None], Claimed] = {}
        self._claiming = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []
        self._present: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect and begin. Raises KafkaError while Kafka is away."""
        await self.publisher.start()
        # What a crash of the database forgets of claims and outcomes is delivered again, which is what was promised.
        self.database = await database.connect(self._url, CONNECTIONS, "deliveries", durable=False)
        self.settler = Settler(self.database, self.publisher, self.manner.failing)
        await self.sender.__aenter__()
        self._present = [asyncio.create_task(listen(self._url, "deliveries", self._wake, self._presence.enter))]
        self._tasks = [asyncio.create_task(loop) for loop in (self._run(), self.settler.run())]
        for task in self._present + self._tasks:
            task.add_done_callback(self._ended)
        self.joined.set()

    async def stop(self) -> None:
        """Take no more; what does not end soon is given back, for others to take at once."""
        async with self._claiming:  # seen to its end: what it takes is ours to give back
            await _cancel(self._tasks)
        if self.joined.is_set():
            for queue in self._waiting.values():
                for claimed, _ in queue:
                    self.settler.add(Outcome(claimed, False, given_back=True))
            self._waiting.clear()
            if self._posts:
                await asyncio.wait(self._posts, timeout=STOP_SECONDS)
            left = dict(self._posts)
            await _cancel(left)
            for claimed in left.values():
                self.settler.add(Outcome(claimed, False, 0.0))  # perhaps it arrived
            with contextlib.suppress(*TRANSIENT):
                await self.settler.stop()
                await self._presence.leave(self.database)
            await _cancel(self._present)  # last: others take over from one that is not there
            await self.sender.__aexit__(None, None, None)
            await self.database.close()
        await self.publisher.stop()

    def missing(self) -> list[str]:
        """What it waits for, in words."""
        return [] if self.joined.is_set() else ["deliveries"]

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()):
            self.failed(error)

    # ---- what wakes us

    async def _run(self) -> None:
        looked = 0.0
        while True:
            self._wake.clear()
            soon = self._soon - time.monotonic()
            pause = min(LOOK_SECONDS, soon) if soon > 0 else LOOK_SECONDS
            self._soon = self._soon if soon > 0 else math.inf
            for subscription in list(self._waiting):
                self._begin(subscription)  # who stopped answering does not wake us
            try:
                idle, since = not await self._claim(), time.monotonic() - looked
                if since >= MOST_BUSY_SECONDS or (idle and (self._wake.is_set() or since >= LOOK_SECONDS / 2)):
                    looked = time.monotonic()
                    replayed = await replay_on(self.database)
                    pause = 0.0 if replayed else min(pause, await self._look())
                elif idle:  # perhaps something is due before long that was not when we looked
                    pause = min(pause, LOOK_SECONDS / 2 - since)
            except TRANSIENT as error:
                log.warning("the deliveries are not readable: %r", error)
                pause = LISTEN_AGAIN_SECONDS
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(pause, 0.001)):
                    await self._wake.wait()

    async def _look(self) -> float:
        """What is told of the queue; seconds until there may be something to do."""
        if await self._presence.take_over(self.database):
            return 0.001
        now = time.monotonic()
        until_due, oldest = await self.database.fetchrow(deliveries.WAITING)
        measures.OLDEST.set(oldest or 0.0)
        measures.DISABLED.set(await self.database.fetchval(deliveries.DISABLED))
        measures.OPEN_CIRCUITS.set(self.destinations.open_circuits(now))
        soon = [each for each in (until_due, self.destinations.opens(now)) if each is not None]
        return max(0.001, min(soon, default=LOOK_SECONDS))

    async def _claim(self) -> bool:
        """Take as many as there is room for; whether there were any."""
        began = time.monotonic()
        async with self._claiming:
            claimed = await self._take(began)
        if (took := time.monotonic() - began) > SLOW_CLAIM_SECONDS:
            await asyncio.sleep(took)  # with thousands of receivers that wait, half of the database's time is enough
        return claimed

    async def _take(self, now: float) -> bool:
        limits = self.manner.limits
        room = limits.most - self._in_hand
        self._full = room < limits.most // 8
        if self._full:
            return False  # a few more at a time would cost a statement each
        asked = self.destinations.rooms(now)
        rows = await self.database.fetch(
            deliveries.CLAIM,
            list(asked),
            list(asked.values()),
            self.destinations.first,
            min(room, CLAIM_ROWS),
            self._claim_seconds,
            self._presence.name,
        )
        if rows:
            failpoints.pass_by("claimed")
        for claimed in map(deliveries.claimed, rows):
            self._in_hand += 1
            self.destinations.of(claimed.subscription).in_hand += 1
            self._waiting[claimed.subscription].append((claimed, now))
        for subscription, count in Tally(row[1] for row in rows).items():
            self.destinations.of(subscription).more = (
                count >= asked.get(subscription, self.destinations.first) or len(rows) == CLAIM_ROWS
            )
            self._begin(subscription)
        measures.IN_HAND.set(self._in_hand)
        if rows:
            self._wake.set()  # perhaps there are more
        return bool(rows)

    # ---- one receiver

    def _begin(self, subscription: str) -> None:
        """Send to it what may go out side by side; give back what would be held for too long."""
        queue = self._waiting.get(subscription)
        if not queue:
            return
        to, now = self.destinations.of(subscription), time.monotonic()
        while queue and to.may_send(self.destinations.now, now):
            claimed, since = queue.popleft()
            if now - since > SPARE_SECONDS / 2:
                self._over(Outcome(claimed, False, given_back=True))
                continue
            to.asked(now)
            task = asyncio.create_task(self._make(claimed))
            self._posts[task] = claimed
            task.add_done_callback(self._made)
        if now < to.closed_until or to.stalled(now):
            while queue:
                self._over(Outcome(queue.popleft()[0], False, given_back=True))
        if not queue:
            del self._waiting[subscription]

    def _made(self, task: "asyncio.Task[None]") -> None:
        claimed = self._posts.pop(task)
        self.destinations.of(claimed.subscription).under_way -= 1
        self._ended(task)
        self._begin(claimed.subscription)

    async def _make(self, claimed: Claimed) -> None:
        body, at = claimed.body.encode(), time.time()
        try:
            headers = signing.signed(body, claimed.id, int(at), self._opened.of(claimed))
        except (NotSealedHere, signing.UnusableSecret):
            # Unsigned nothing goes out. The key may be back in the settings by the next attempt.
            about = tracing.about(None, claimed.traceparent)
            log.error("the secret of subscription %s cannot be opened", claimed.subscription, extra=about)
            sent = Sent(None, {}, "", 0, 0.0, "internal: the secret cannot be opened", None, False)
        else:
            sent = await self.sender.post(claimed.url, body, headers)
            failpoints.pass_by("called")
        to, good = self.destinations.of(claimed.subscription), domain.succeeded(sent.status)
        to.answered(good, sent.seconds, self.manner.limits, time.monotonic(), None if good else sent.retry_after)
        measures.attempted(claimed, sent, at, good, self._traces)
        tried = deliveries.tried(datetime.fromtimestamp(at, UTC), claimed.number, sent)
        if good:
            measures.SETTLED.observe(claimed.age + sent.seconds)
            self._over(Outcome(claimed, True, None, tried))
        elif sent.status == domain.GONE and not await self._has_changed(claimed):
            gone = Failed(claimed.organisation, claimed.subscription, claimed.version)
            told = await self.settler.disable([gone], "gone")
            self._over(Outcome(claimed, False, None if told else AGAIN_SECONDS, tried))
        else:
            chance = random.random()  # noqa: S311 - spreads, hides nothing
            after = self.manner.schedule.wait(claimed.number - claimed.began, chance, sent.retry_after)
            if after is not None:
                self._soon = min(self._soon, time.monotonic() + after + SETTLED_SECONDS)
            self._over(Outcome(claimed, False, after, tried))

    async def _has_changed(self, claimed: Claimed) -> bool:
        """Whether its owner has changed the subscription since: then what the former URL answers is a failure like others."""
        try:
            now: int | None = await self.database.fetchval(
                deliveries.VERSION, claimed.organisation, claimed.subscription
            )
        except TRANSIENT:
            return True  # it will say so again
        return now != claimed.version

    def _over(self, outcome: Outcome) -> None:
        to = self.destinations.of(outcome.claimed.subscription)
        self._in_hand -= 1
        to.in_hand -= 1
        self.settler.add(outcome)
        if self._full or (to.more and to.room(self.destinations.now, time.monotonic())):
            self._wake.set()


async def _cancel(tasks: Collection["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
