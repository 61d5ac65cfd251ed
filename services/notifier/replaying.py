"""A period delivered again: a page of events at a time, so that nobody waits for a long one."""

from datetime import timedelta

import asyncpg

from services.notifier import deliveries, domain
from services.notifier.handlers import delivery_id

MOST_AHEAD = timedelta(minutes=5)  # of our clock: what claims to have happened later than that is not taken


async def replay_on(database: asyncpg.Pool) -> bool:
    """Do the next page of the oldest replay; whether there was one. Two workers at the same page do it once."""
    row = await database.fetchrow(deliveries.REPLAY)
    if row is None:
        return False
    replay, organisation, subscription, from_, to, reached, patterns = row
    after = reached or await database.fetchval(deliveries.REPLAY_FROM, organisation, from_ - MOST_AHEAD)
    events = await database.fetch(deliveries.PAGE, organisation, after) if patterns else []
    wanted = [
        (delivery_id(subscription, event), event, kind, stored_at)
        for event, kind, _, created_at, stored_at in events
        if from_ <= created_at < to and domain.matches(tuple(patterns.split(" ")), kind)
    ]
    last = len(events) < deliveries.REPLAY_PAGE
    upto = events[-1]["position"] if events else after
    columns = [list(column) for column in zip(*wanted, strict=True)] or [[], [], [], []]
    await database.execute(deliveries.REPLAY_ON, replay, upto, last, reached, *columns)
    return True
