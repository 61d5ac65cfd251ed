"""What the gateway may ask booking: one booking or customer, or a page of them."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta

import asyncpg

from chassis import pages
from chassis.reads import BadQuery, Query, Read
from contracts.booking import Customer, Status, customer_id
from contracts.model import UUID_PATTERN
from services.booking import cancellation, contact
from services.booking.state import TRANSITIONS, State

_uuid = re.compile(UUID_PATTERN).fullmatch
MOST_IDS = 100


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


async def bookings(query: Query) -> bytes:
    """A page of the bookings, newest first; filters by space, customer, status and the day of the slot."""
    parameters = query.parameters
    page = pages.asked(parameters)
    spaces, statuses = _ids(parameters, "spaceIds"), _statuses(parameters)
    customer = _ids(parameters, "customerId")
    arguments = (
        query.organisation, spaces, customer, statuses, _moment(parameters, "from"), _moment(parameters, "to", end=True),
    )  # fmt: skip
    # Plans are made once and stay: which index finds the bookings is said by what the statement repeats of it.
    index = "customer_id IS NOT NULL AND customer_id = ANY($3)" if customer else "created_at > '-infinity'"
    where = f"""
    WHERE organisation_id = $1 AND {index} AND listed AND NOT hidden
      AND ($2::uuid[] IS NULL OR space_id = ANY($2))
      AND ($3::uuid[] IS NULL OR customer_id = ANY($3))
      AND ($4::text[] IS NULL OR status = ANY($4))
      AND ($5::timestamptz IS NULL OR slot_from >= $5)
      AND ($6::timestamptz IS NULL OR slot_from < $6)
    """
    sql = f"""
    SELECT state
    FROM bookings
    {where}
    ORDER BY created_at DESC, id DESC
    LIMIT $7
    OFFSET $8
    """  # noqa: S608 - both parts are constants
    total: int = await query.database.fetchval(f"SELECT count(*) FROM bookings {where}", *arguments)  # noqa: S608
    rows = await query.database.fetch(sql, *arguments, page.limit, page.offset)
    return pages.answer(page, [_shown(row["state"]) for row in rows], total)


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
    "/bookings": bookings,
    "/customers/{id}": customer,
    "/customers": customers,
}
