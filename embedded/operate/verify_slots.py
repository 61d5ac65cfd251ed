"""Slots against each other, and against the bookings they are for."""

from datetime import UTC, datetime
from typing import Any

from embedded.operate import databases, quiet
from embedded.operate.databases import Connection
from embedded.operate.findings import Report
from embedded.operate.places import Place
from embedded.operate.scratch import Scratch

# Each slot against the farthest end of those before it: one pass in order, however many there are.
_OVERLAPS = """
SELECT organisation_id, booking_id::text, space_id::text, unit, lower(during) AS begins, reaches
FROM (SELECT *, max(upper(during)) OVER (PARTITION BY space_id, unit ORDER BY lower(during), booking_id
    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reaches
  FROM slots
  WHERE state IN ('HELD', 'COMMITTED')) live
WHERE reaches > lower(during)
"""
_WALL = "SELECT count(*) FROM pg_constraint WHERE conrelid = 'slots'::regclass AND contype = 'x' AND convalidated"
_SLOTS = """
SELECT organisation_id || '/' || booking_id AS key, state, space_id::text, extract(epoch FROM slot_from)::float8 AS at
FROM slots
"""
_BOOKINGS = """
SELECT organisation_id || '/' || id AS key, status, version, listed, extract(epoch FROM created_at)::float8 AS created,
  space_id::text, extract(epoch FROM slot_from)::float8 AS at, state::jsonb #>> '{question,acceptedAt}' AS asking,
  coalesce((state::jsonb #>> '{question,acceptedAt}')::timestamptz < clock_timestamp() - interval '10 minutes', false) AS stuck,
  (state::jsonb #>> '{booking,totalPrice}')::bigint AS price, state::jsonb #>> '{booking,currency}' AS currency
FROM bookings
"""
_ONE_SLOT = f"{_SLOTS}WHERE organisation_id = $1 AND booking_id = $2::uuid"
_ONE_BOOKING = f"{_BOOKINGS}WHERE organisation_id = $1 AND id = $2::uuid"

_OVER = """
SELECT organisation_id || '/' || booking_id AS key, expires_at
FROM slots
WHERE state = 'HELD' AND expires_at < clock_timestamp() - interval '1 minute'
"""

_SUSPECTS = """
SELECT coalesce(b.key, s.key), b.status, b.asking, b.space, b.at, s.state, s.space, s.at
FROM bookings b
FULL JOIN slots s ON s.key = b.key
WHERE NOT coalesce(b.asking, 0)
"""

Seen = tuple[str, str, int]  # the rule, how it is broken, the booking's version

KEEPS = {"RESERVED_15_MIN": ("HELD",), "CONFIRMED": ("COMMITTED",), "PAID": ("COMMITTED",)}


async def overlaps(place: Place, report: Report) -> None:
    """No two live slots of a unit overlap, and the database would refuse it."""
    async with databases.connected(place.databases["availability"]) as connection:
        if not await databases.has(connection, "slots"):
            return
        if not await connection.fetchval(_WALL):
            report.add("the-wall-stands", "availability.slots", "the table slots has no exclusion constraint")
        async with databases.snapshot(connection):
            async for row in databases.streamed(connection, _OVERLAPS):
                report.add(
                    "slots-never-overlap",
                    f"{row['organisation_id']}/{row['booking_id']}",
                    f"unit {row['unit']} of space {row['space_id']} is taken at {row['begins']:%Y-%m-%d %H:%M} by an "
                    f"earlier slot, which ends {row['reaches']:%Y-%m-%d %H:%M}",
                )


async def holds(place: Place, report: Report) -> None:
    """No hold is long over and not ended. After an outage many are for a while: as long as they become fewer, somebody is at it."""
    async with databases.connected(place.databases["availability"]) as connection:
        if not await databases.has(connection, "slots"):
            return
        left = await _over(connection)
        for _ in range(quiet.LOOKS):
            if not left:
                return
            await quiet.caught_up(place, ("availability",))
            now = await _over(connection)
            before, left = left, {key: at for key, at in left.items() if now.get(key) == at}
            if len(left) == len(before):
                break
    for key, at in left.items():
        report.add(
            "holds-end-when-they-are-due", key, f"its slot is HELD, though the hold ended at {databases.written(at)}"
        )


async def _over(connection: Connection) -> dict[str, datetime]:
    return {row["key"]: row["expires_at"] for row in await connection.fetch(_OVER)}


async def slots(connection: Connection, scratch: Scratch, report: Report) -> None:
    """Put availability's slots aside."""
    count = 0
    async for row in databases.streamed(connection, _SLOTS):
        scratch.put("slots", tuple(row))
        count += 1
    report.looked["slots"] = count


async def bookings(connection: Connection, scratch: Scratch, report: Report) -> None:
    """Put booking's bookings aside, and name those that wait for too long."""
    count = 0
    async for row in databases.streamed(connection, _BOOKINGS):
        scratch.put("bookings", _booking(row))
        if row["stuck"]:
            report.add("questions-are-answered", row["key"], f"{row['status']}, waits since {row['asking']}")
        count += 1
    report.looked["bookings"] = count


async def agreement(place: Place, scratch: Scratch, report: Report) -> None:
    """Each booking against its slot. What does not fit may be on its way: it counts if it stays so when all was heard."""
    suspects: dict[str, Seen | None] = {
        key: None
        for key, *sides in scratch.ask(_SUSPECTS)
        if _odd(sides[0], tuple(sides[2:4]), sides[4], tuple(sides[5:7]))
    }
    async with (
        databases.connected(place.databases["booking"]) as of_booking,
        databases.connected(place.databases["availability"]) as of_availability,
    ):
        for _ in range(quiet.LOOKS):  # whoever still changes then is not stuck
            if not suspects:
                return
            await quiet.caught_up(place, ("booking", "availability"))
            for key, before in list(suspects.items()):
                now = await _again(of_booking, of_availability, key)
                if now is not None and now != before:
                    suspects[key] = now
                    continue
                del suspects[key]
                if now is not None:
                    report.add(now[0], key, now[1])


async def _again(of_booking: Connection, of_availability: Connection, key: str) -> Seen | None:
    """What is odd about this booking now, and at which version."""
    organisation, _, booking_id = key.partition("/")
    booking = await of_booking.fetchrow(_ONE_BOOKING, organisation, booking_id)
    slot = await of_availability.fetchrow(_ONE_SLOT, organisation, booking_id)
    if booking is not None and booking["asking"] is not None:
        return None
    odd = _odd(
        booking["status"] if booking else None,
        (booking["space_id"], booking["at"]) if booking else (None, None),
        slot["state"] if slot else None,
        (slot["space_id"], slot["at"]) if slot else (None, None),
    )
    return (*odd, booking["version"] if booking else 0) if odd else None


def _odd(
    status: str | None, at: tuple[Any, ...], state: str | None, slot_at: tuple[Any, ...]
) -> tuple[str, str] | None:
    """The rule that is broken and how; None if these two fit."""
    has = f"its slot is {state}" if state else "it has no slot"
    if status in KEEPS:
        if state not in KEEPS[status]:
            return "status-and-slot-agree", f"the booking is {status}, and {has}"
        if at != slot_at:
            return (
                "place-and-time-agree",
                f"the booking is for space {at[0]} at {_time(at[1])}, its slot is in {slot_at[0]} at {_time(slot_at[1])}",
            )
    elif state in ("HELD", "COMMITTED"):
        return (
            "status-and-slot-agree",
            f"{f'the booking is {status}' if status else 'there is no such booking'}, and {has}",
        )
    return None


def _booking(row: Any) -> tuple[Any, ...]:
    return (
        row["key"], row["status"], row["version"], row["listed"], row["created"], row["space_id"], row["at"],
        row["asking"] is not None, row["price"], row["currency"],
    )  # fmt: skip


def _time(epoch: float | None) -> str:
    return "?" if epoch is None else f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%d %H:%M}"
