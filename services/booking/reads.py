"""What the gateway may ask booking: one booking or customer, or a page of them."""

import json
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

import asyncpg

from chassis import pages
from chassis.reads import BadQuery, Query, Read
from contracts.booking import Customer, Status, customer_id
from contracts.model import UUID_PATTERN
from services.booking import cancellation, contact
from services.booking.state import TRANSITIONS, State

_uuid = re.compile(UUID_PATTERN).fullmatch
MOST_IDS = 100
FEW = 1000  # so many are found without their order, and sorted


async def booking(query: Query) -> bytes | None:
    """The booking, a refused one included; None when it is not this organisation's, or deleted."""
    if not _uuid(query.path["id"]):
        return None
    sql = """
    SELECT state
    FROM bookings
    WHERE organisation_id = $1 AND id = $2::uuid AND NOT hidden
    """
    state = await query.database.fetchval(sql, query.organisation, query.path["id"])
    return _shown(state) if state else None


async def cancellation_preview(query: Query) -> bytes | None:
    """What a cancel now would give back and keep, by the database's clock."""
    if not _uuid(query.path["id"]):
        return None
    sql = """
    SELECT state, clock_timestamp() AS now
    FROM bookings
    WHERE organisation_id = $1 AND id = $2::uuid AND NOT hidden
    """
    row = await query.database.fetchrow(sql, query.organisation, query.path["id"])
    if row is None:
        return None
    shown = cancellation.preview(State.model_validate_json(row["state"]), row["now"])
    return shown.__pydantic_serializer__.to_json(shown)


async def money(query: Query) -> bytes | None:
    """What the booking makes of its money, for the ledger: of a deleted one too, and of nobody who booked."""
    if not _uuid(query.path["id"]):
        return None
    sql = "SELECT state FROM bookings WHERE organisation_id = $1 AND id = $2::uuid"
    text = await query.database.fetchval(sql, query.organisation, query.path["id"])
    if text is None:
        return None
    state = State.model_validate_json(text)
    booking, purse = state.booking, state.purse
    shown = {
        "status": booking.status,
        "deleted": state.hidden,
        "totalPrice": booking.total_price,
        "currency": booking.currency,
        "kept": purse.kept,
        "goingBack": purse.going_back,
    }
    return json.dumps(shown).encode()


async def bookings(query: Query) -> bytes:
    """A page of the bookings, newest first; filters by space, customer, status and the day of the slot."""
    page, wanted = pages.asked(query.parameters), _wanted(query)
    counts = " + ".join(f"(SELECT count(*) FROM bookings WHERE {part})" for part in wanted.parts)  # noqa: S608 - constants
    total: int = await query.database.fetchval(f"SELECT {counts}", *wanted.arguments)
    if page.offset >= total:
        return pages.answer(page, [], total)
    found = " UNION ALL ".join(f"SELECT state, created_at, id FROM bookings WHERE {part}" for part in wanted.parts)  # noqa: S608
    if total > FEW:  # then a page of them is soon found among the newest, and they are too many to be sorted
        found = f"SELECT state, created_at, id FROM bookings WHERE {wanted.newest_first}"  # noqa: S608
    sql = f"""
    SELECT state
    FROM ({found}) found
    ORDER BY created_at DESC, id DESC
    LIMIT {page.limit}
    OFFSET {page.offset}
    """  # noqa: S608 - constants and numbers
    rows = await query.database.fetch(sql, *wanted.arguments)
    return pages.answer(page, [_shown(row["state"]) for row in rows], total)


class _Wanted(NamedTuple):
    """Conditions that find the same bookings: `parts` each its own, `newest_first` all of them in order."""

    parts: tuple[str, ...]
    newest_first: str
    arguments: list[object]


def _wanted(query: Query) -> _Wanted:
    """Only what is asked for is said, so that an index can answer; which one follows from what the condition repeats of it."""
    parameters, visible = query.parameters, "listed AND NOT hidden"
    customer = _ids(parameters, "customerId")
    asked = (
        ("customer_id = ANY(${place}::uuid[])", customer),
        ("space_id = ANY(${place}::uuid[])", _ids(parameters, "spaceIds")),
        ("{status} = ANY(${place}::text[])", _statuses(parameters)),
        ("slot_from >= ${place}::timestamptz", _moment(parameters, "from")),
        ("slot_from < ${place}::timestamptz", _moment(parameters, "to", end=True)),
    )
    given = [(condition, value) for condition, value in asked if value is not None]

    def where(index: str, status: str = "status") -> str:
        told = [condition.format(place=place, status=status) for place, (condition, _) in enumerate(given, start=2)]
        return " AND ".join(["organisation_id = $1", index, *told])

    live, settled = where(f"live AND {visible}"), where("settled IS NOT NULL", "settled")
    parts = (where(f"customer_id IS NOT NULL AND {visible}"),) if customer else (settled, live)
    newest_first = where(f"created_at > '-infinity' AND {visible}")
    return _Wanted(parts, newest_first, [query.organisation, *(value for _, value in given)])


def _shown(state: str) -> bytes:
    booking = State.model_validate_json(state).booking
    return booking.__pydantic_serializer__.to_json(booking)


def _ids(parameters: Mapping[str, str], name: str) -> list[str] | None:
    text = parameters.get(name)
    if text is None:
        return None
    ids = text.split(",")
    if len(ids) > MOST_IDS or not all(map(_uuid, ids)):
        raise BadQuery(name, f"must be up to {MOST_IDS} ids, separated by commas")
    return ids


def _statuses(parameters: Mapping[str, str]) -> list[Status] | None:
    text = parameters.get("status")
    if text is None:
        return None
    statuses = [status for status in TRANSITIONS if status in text.split(",")]
    if len(statuses) != len(set(text.split(","))):
        raise BadQuery("status", f"must be some of {', '.join(TRANSITIONS)}, separated by commas")
    return statuses


def _moment(parameters: Mapping[str, str], name: str, *, end: bool = False) -> datetime | None:
    """A time with its zone, or a day in UTC; a day as the end includes it."""
    text = parameters.get(name)
    if text is None:
        return None
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            day = date.fromisoformat(text) + timedelta(days=1 if end else 0)
            return datetime.fromisoformat(f"{day.isoformat()}T00:00:00+00:00")
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no zone")
    except (ValueError, OverflowError):
        raise BadQuery(name, "must be a day, or a time with its zone, as ISO 8601 writes them") from None
    return moment


_CUSTOMER = "SELECT id::text, email, name, phone FROM customers WHERE organisation_id = $1"


async def customer(query: Query) -> bytes | None:
    """The customer; None when they are not this organisation's."""
    if not _uuid(query.path["id"]):
        return None
    row = await query.database.fetchrow(f"{_CUSTOMER} AND id = $2::uuid", query.organisation, query.path["id"])
    return _written(row) if row else None


async def customers(query: Query) -> bytes:
    """A page of the customers, newest first; with `email` whoever has that address."""
    page, email = pages.asked(query.parameters), query.parameters.get("email")
    where, arguments = "AND created_at > '-infinity'", [query.organisation]
    if email is not None:
        try:
            arguments.append(customer_id(query.organisation, contact.email(email)))
        except contact.Unfit as unfit:
            raise BadQuery("email", str(unfit)) from None
        where = "AND id = $2::uuid"
    count = f"SELECT count(*) FROM customers WHERE organisation_id = $1 {where}"  # noqa: S608 - constants
    total: int = await query.database.fetchval(count, *arguments)
    sql = f"{_CUSTOMER} {where} ORDER BY created_at DESC, id DESC LIMIT {page.limit} OFFSET {page.offset}"
    rows = await query.database.fetch(sql, *arguments)
    return pages.answer(page, [_written(row) for row in rows], total)


def _written(row: asyncpg.Record) -> bytes:
    customer = Customer(**row)
    return customer.__pydantic_serializer__.to_json(customer)


READS: dict[str, Read] = {
    "/bookings/{id}": booking,
    "/bookings/{id}/cancellation-preview": cancellation_preview,
    "/bookings/{id}/money": money,
    "/bookings": bookings,
    "/customers/{id}": customer,
    "/customers": customers,
}
