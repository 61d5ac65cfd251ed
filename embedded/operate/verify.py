"""Whether a platform keeps what it promises: invariants over the databases and the log, while it runs.

Services change their databases one after the other, so what seems wrong at one moment may be on its way: whatever could be is
looked at again before it counts. Rows and records stream through; nothing is held in memory.
"""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

from aiokafka import TopicPartition

from contracts import topics
from embedded.operate import databases, verify_events, verify_log, verify_money, verify_slots
from embedded.operate.findings import Report
from embedded.operate.places import NEEDED, Place
from embedded.operate.scratch import Scratch, opened
from embedded.operate.verify_log import Progress

SENT_WITHIN = 10.0  # seconds
_PROGRESS = "SELECT topic, partition, processed, published FROM progress"


async def verify(place: Place, since: datetime | None = None) -> Report:
    """Look at all of it, or at what happened since then. Raises Problem and whatever says that it could not look."""
    place.needs(*NEEDED)
    report = Report()
    for service in ("payment", "notifier"):
        if service not in place.databases and place.run is None:  # of a data folder all that there are are known
            report.skipped.append(f"{service}: the address of its database is not known")
    now = datetime.now(UTC)
    begin = max(since or datetime.min.replace(tzinfo=UTC), now - topics.WEEK + timedelta(minutes=10))
    with opened() as scratch:
        await verify_slots.overlaps(place, report)
        await verify_slots.holds(place, report)
        progress = {service: await _gather(place, service, scratch, report, begin) for service in place.databases}
        await verify_slots.agreement(place, scratch, report)
        for service in place.databases:
            await _sent(place, service, progress[service], report)
        await verify_log.compared(place, scratch, report, progress, begin)
        await verify_events.compared(place, scratch, report, begin)
        if "payment" in place.databases:
            await verify_money.compared(place, scratch, report)
    return report


async def _gather(place: Place, service: str, scratch: Scratch, report: Report, begin: datetime) -> Progress:
    """What one service's database has, as of one moment; how far it was then."""
    async with databases.connected(place.databases[service]) as connection:
        if not await databases.has(connection, "inbox"):
            report.skipped.append(f"{service}: its database has no tables yet")
            return {}
        async with databases.snapshot(connection):
            progress = {
                TopicPartition(row["topic"], row["partition"]): (row["processed"], row["published"])
                for row in await connection.fetch(_PROGRESS)
            }
            await verify_log.inbox(connection, service, scratch, report, progress, begin)
            if service == "booking":
                await verify_slots.bookings(connection, scratch, report)
            elif service == "availability":
                await verify_slots.slots(connection, scratch, report)
    return progress


async def _sent(place: Place, service: str, then: Progress, report: Report) -> None:
    """Wait until all that was decided at that moment is acknowledged; else what is missing may only be on its way."""
    waiting = {partition: processed for partition, (processed, published) in then.items() if published < processed}
    if not waiting:
        return
    async with databases.connected(place.databases[service]) as connection:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SENT_WITHIN):
                while waiting:
                    for row in await connection.fetch(_PROGRESS):
                        partition = TopicPartition(row["topic"], row["partition"])
                        if row["published"] >= waiting.get(partition, row["published"] + 1):
                            del waiting[partition]
                    await asyncio.sleep(0.1)
    for partition, upto in waiting.items():
        report.add(
            "outputs-leave-soon",
            f"{service} {partition.topic}/{partition.partition}",
            f"decided up to {upto}, and not acknowledged",
        )
