"""What the provider's list says of payments that the ledger does not know yet: kept, until it does, for some days.

How far the list is read moves on meanwhile. An account that others use too has more such words than ours, so they are
few at most, and the oldest go first.
"""

from collections.abc import Sequence

import asyncpg

from contracts import provider_events
from contracts.payment import RecordProviderEvent
from contracts.provider_events import About, Heard, NotUnderstood, Object

MOST = 10_000  # some megabytes

_OWNERS = "SELECT payment, organisation_id, booking_id::text FROM entries WHERE kind = 'captured' AND payment = ANY($1::text[])"
_KEEP = """
INSERT INTO unowned (id, payment, record)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[])
ON CONFLICT DO NOTHING
"""
_BOUND = "DELETE FROM unowned WHERE id IN (SELECT id FROM unowned ORDER BY found_at DESC, id OFFSET $1)"
_OWNED = """
SELECT u.id::text, u.record, e.organisation_id, e.booking_id::text
FROM unowned u
JOIN entries e ON e.kind = 'captured' AND e.payment = u.payment
ORDER BY u.found_at
LIMIT 1000
"""
_TOLD = "DELETE FROM unowned WHERE id = ANY($1::uuid[])"

# As long as a payment that could not be handled may be replayed out of the dead letters.
PRUNE = """
DELETE FROM unowned
WHERE id IN (SELECT id FROM unowned WHERE found_at < statement_timestamp() - interval '8 days' LIMIT 1000)
"""


async def owners(database: asyncpg.Pool, page: Sequence[Object]) -> dict[str, About]:
    """Whose the payments are that events name which name no booking: those that the ledger knows to have come."""
    payments = {payment for each in page if (payment := provider_events.unnamed(each))}
    rows = await database.fetch(_OWNERS, list(payments)) if payments else []
    return {row[0]: About(row[1], row[2]) for row in rows}


async def keep(database: asyncpg.Pool, events: Sequence[Object], most: int = MOST) -> None:
    """Put these aside, which are about payments of nobody known; no more than so many in all."""
    rows = [row for each in events if (row := _row(each))]
    if rows:
        await database.execute(_KEEP, *zip(*rows, strict=True))
        await database.execute(_BOUND, most)


async def owned(database: asyncpg.Pool) -> list[Heard]:
    """Those of which the ledger knows by now whose they are."""
    return [
        Heard(row[0], row[2], RecordProviderEvent.model_validate_json(row[1]).model_copy(update={"booking_id": row[3]}))
        for row in await database.fetch(_OWNED)
    ]


async def told(database: asyncpg.Pool, heard: Sequence[Heard]) -> None:
    """These are told: they are put aside no longer."""
    if heard:
        await database.execute(_TOLD, [each.id for each in heard])


def _row(event: Object) -> tuple[str, str, str] | None:
    payment = provider_events.unnamed(event)
    if payment is None:
        return None
    try:
        heard = provider_events.heard(event, provider_events.NOBODY)
    except NotUnderstood:
        return None  # somebody else's, for all we know
    return None if heard is None else (heard.id, payment, heard.record.model_dump_json(exclude_none=True))
