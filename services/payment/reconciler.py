"""The reconciler: reads the provider's own lists at an interval, and tells what nobody has told us, by the same door.

An event that never came becomes the record that the gateway would have made of it, under the same id; one that comes later
all the same is a repeat to the inbox. Sessions are looked at beside that: what an account should know of its page and does
not. Of several workers one looks at a time. It holds no transaction and no connection meanwhile.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

import asyncpg
from prometheus_client import Counter, Gauge

from chassis.database import TRANSIENT
from chassis.entries import Send, to_json
from chassis.publisher import Publisher, acknowledged
from chassis.telemetry import metrics
from contracts import provider_events, topics
from contracts.envelope import stamp, write
from contracts.provider_events import About, Heard, NotUnderstood, Object
from services.payment import storage, unowned
from services.payment.found import is_news
from services.payment.provider import Provider
from services.payment.settings import PaymentSettings

log = logging.getLogger(__name__)

What = Literal["events", "sessions"]

CLAIM_SECONDS = 60.0  # beyond what reading a page may take; renewed with each page
OVERLAP = timedelta(minutes=10)  # the provider's list need not be in order to the second
KEPT = timedelta(days=30)  # as long as the provider keeps its events
LIVED = timedelta(hours=25)  # a session lives for a day at most
LONGEST_LOOK = 5.0  # seconds between two looks whether there is something to do

FOUND = Counter("holdfast_reconciler_found", "What the provider had and nobody had told us", ["what"], registry=metrics)
AGE = Gauge(
    "holdfast_reconciler_age_seconds", "Since the provider's list was last read to its end", ["what"], registry=metrics
)
for each in get_args(What):
    FOUND.labels(each)  # from 0 on: the first one of a series that was not there is no increase

_CLAIM = """
UPDATE reconciliation
SET due_at = clock_timestamp() + make_interval(secs => $2::float8), claims = claims + 1
WHERE what = $1 AND due_at <= statement_timestamp()
RETURNING claims, failures, heard, clock_timestamp()
"""
_RENEW = """
UPDATE reconciliation
SET due_at = clock_timestamp() + make_interval(secs => $3::float8)
WHERE what = $1 AND claims = $2
RETURNING 1
"""
_DONE = """
UPDATE reconciliation
SET due_at = clock_timestamp() + make_interval(secs => $3::float8), failures = 0, heard = greatest(heard, $4::timestamptz),
  done_at = clock_timestamp()
WHERE what = $1 AND claims = $2
"""
_FAILED = """
UPDATE reconciliation
SET due_at = clock_timestamp() + make_interval(secs => $3::float8), failures = failures + 1
WHERE what = $1 AND claims = $2
"""
_STATE = """
SELECT what, extract(epoch FROM due_at - clock_timestamp())::float8, extract(epoch FROM clock_timestamp() - done_at)::float8
FROM reconciliation
WHERE what = ANY($1::text[])
"""
_KNOWN = """
SELECT id::text FROM inbox WHERE id = ANY($1::uuid[])
UNION ALL
SELECT id::text FROM found WHERE id = ANY($1::uuid[])
"""
_REMEMBER = "INSERT INTO found (id) SELECT unnest($1::uuid[]) ON CONFLICT DO NOTHING"

# Longer than the provider keeps what could be found again.
PRUNE = """
DELETE FROM found
WHERE id IN (SELECT id FROM found WHERE found_at < statement_timestamp() - interval '35 days' LIMIT 1000)
"""


class TakenOver(Exception):
    """Another worker thought us dead, and reads on."""


@dataclass(frozen=True)
class Claim:
    """One look at one list."""

    what: What
    number: int
    failures: int
    heard: datetime
    now: datetime


class Reconciler:
    """A part of the payment worker. `failed` is called once if it cannot go on."""

    def __init__(
        self,
        settings: PaymentSettings,
        provider: Provider,
        database: asyncpg.Pool,
        failed: Callable[[BaseException], None],
    ) -> None:
        self.settings, self.provider, self.database, self.failed = settings, provider, database, failed
        self.joined = asyncio.Event()
        self.publisher = Publisher(settings.kafka)
        self._every: dict[What, float] = {
            "events": settings.events_seconds,
            "sessions": settings.sessions_seconds,
        }
        self._claim_seconds = settings.provider_seconds + CLAIM_SECONDS
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect and begin. Raises KafkaError while Kafka is away."""
        await self.publisher.start()
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(self._ended)
        self.joined.set()

    async def stop(self) -> None:
        """Stop; what was being read is read by others when the claim has ended."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.publisher.stop()

    def missing(self) -> list[str]:
        """What it waits for: nothing. A provider that is away makes nobody unready."""
        return []

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()):
            self.failed(error)

    async def _run(self) -> None:
        while True:
            pause = LONGEST_LOOK
            try:
                for what in self._every:
                    await self._look(what)
                for what, due_in, age in await self.database.fetch(_STATE, list(self._every)):
                    AGE.labels(what).set(age)
                    pause = min(pause, max(due_in, 0.05))
            except TRANSIENT as error:
                log.warning("how far the provider's lists are read is not readable: %r", error)
            await asyncio.sleep(pause)

    async def _look(self, what: What) -> None:
        """If it is time, and nobody else does: read the list, and say when it is time again."""
        row = await self.database.fetchrow(_CLAIM, what, self._claim_seconds)
        if row is None:
            return
        claim = Claim(what, *row)
        try:
            heard = await (self._events(claim) if what == "events" else self._sessions(claim))
        except TakenOver:
            log.warning("another worker reads the provider's %s", what)
        except Exception as error:  # whatever the provider, its library or Kafka has: the next look begins afresh
            wait = min(2.0**claim.failures, self._every[what])
            log.warning("the provider's %s are not read, once more in %.0f s: %r", what, wait, error)
            await self.database.execute(_FAILED, what, claim.number, wait)
        else:
            await self.database.execute(_DONE, what, claim.number, self._every[what], heard)

    async def _events(self, claim: Claim) -> datetime:
        """All since the last time; the newest one's time."""
        newest = claim.heard
        since = max(claim.heard - OVERLAP, claim.now - KEPT)
        async for page in self.provider.events(since, provider_events.KINDS):
            ours = [each for each in page if each["livemode"] is self.settings.live]
            owners = await unowned.owners(self.database, ours)
            await self._tell(claim, [found for each in ours if (found := self._heard(each, owners))])
            await unowned.keep(self.database, [each for each in ours if provider_events.unnamed(each) not in owners])
            newest = max([newest, *(datetime.fromtimestamp(each["created"], UTC) for each in page)])
        owned = await unowned.owned(self.database)
        await self._tell(claim, owned)
        await unowned.told(self.database, owned)
        return newest

    def _heard(self, event: Object, owners: Mapping[str, About]) -> Heard | None:
        try:
            return provider_events.heard(event, owners.get(provider_events.unnamed(event) or ""))
        except NotUnderstood as error:
            log.error("event %s of the provider is about something of ours and not understood: %s", event["id"], error)
            return None

    async def _sessions(self, claim: Claim) -> datetime:
        """Those that may be open, or were until a moment ago."""
        async for page in self.provider.sessions(claim.now - LIVED):
            found = []
            for session in page:
                try:
                    found.append(provider_events.found(session))
                except NotUnderstood as error:
                    log.error("session %s of ours is not understood: %s", session["id"], error)
            await self._tell(claim, await self._news([each for each in found if each is not None]))
        return claim.now

    async def _news(self, found: Sequence[Heard]) -> list[Heard]:
        """Those of which our accounts know less."""
        if not found:
            return []
        keys = {(each.organisation, each.record.booking_id) for each in found}
        statement = storage.load(keys)
        accounts = storage.begin(await self.database.fetch(statement.sql, *statement.arguments)).accounts
        news = []
        for each in found:
            account, session = accounts.get((each.organisation, each.record.booking_id)), each.record.session
            assert session is not None
            if account is None or account.checkout(session.checkout_id) is None:
                log.error("session %s says it is ours, and no checkout knows it", session.id)
            elif is_news(account, session):
                news.append(each)
        return news

    async def _tell(self, claim: Claim, heard: Sequence[Heard]) -> None:
        """Publish what is not known, remember it, and keep the claim. Raises TakenOver."""
        known = {row[0] for row in await self.database.fetch(_KNOWN, [each.id for each in heard])} if heard else set()
        news = [each for each in heard if each.id not in known]
        if news:
            await acknowledged(await self.publisher.publish([_send(each) for each in news]))
            await self.database.execute(_REMEMBER, [each.id for each in news])
            FOUND.labels(claim.what).inc(len(news))
            log.warning("told what the provider had and nobody had told us: %s", _named(news))
        if await self.database.fetchval(_RENEW, claim.what, claim.number, self._claim_seconds) is None:
            raise TakenOver


def _named(news: Collection[Heard]) -> str:
    return ", ".join(sorted(each.record.event for each in news))[:500]


def _send(heard: Heard) -> Send:
    record = heard.record
    topic, key = topics.address(record)
    headers = write(
        b"payment", heard.id, type(record).type, heard.organisation, heard.id, stamp(datetime.now(UTC)), key
    )
    return Send(topic, key.encode(), to_json(record), headers, None)
