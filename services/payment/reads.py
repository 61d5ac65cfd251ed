"""What may be asked of payment: the ledger of a period, for `holdfast payments ledger`."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import groupby

from chassis.reads import BadQuery, Query, Read
from contracts.model import EARLIEST, LATEST, UUID_PATTERN
from services.payment.ledger import Line, lines
from services.payment.state import Account, Entry

EVERYBODY = "*"  # no organisation can have this name: whoever has the services' token may ask for all
PAGE = 200  # bookings

_uuid = re.compile(UUID_PATTERN).fullmatch

_EVERY = "(SELECT * FROM entries UNION ALL SELECT * FROM dispute_entries)"

# Bookings to which something happened in that time, in the order of their ids.
_BOOKINGS = f"""
SELECT DISTINCT organisation_id, booking_id
FROM {_EVERY} e
WHERE at >= $1 AND at < $2 AND ($3::text IS NULL OR organisation_id = $3) AND (organisation_id, booking_id) > ($4, $5::uuid)
ORDER BY organisation_id, booking_id
LIMIT $6
"""  # noqa: S608 - constants
_ENTRIES = f"""
SELECT e.organisation_id, e.booking_id::text AS booking_id, a.state, e.kind, e.about, e.payment, e.amount, e.currency, e.at
FROM unnest($1::text[], $2::uuid[]) u(organisation_id, booking_id)
JOIN {_EVERY} e USING (organisation_id, booking_id)
LEFT JOIN accounts a USING (organisation_id, booking_id)
ORDER BY 1, 2, e.at
"""  # noqa: S608 - constants


async def ledger(query: Query) -> bytes:
    """A page of the bookings to which something happened from `from` to before `to`; `after` is the `next` of the page before."""
    begin, end = _moment(query.parameters, "from", EARLIEST), _moment(query.parameters, "to", LATEST)
    organisation = None if query.organisation == EVERYBODY else query.organisation
    after = _after(query.parameters)
    found = await query.database.fetch(_BOOKINGS, begin, end, organisation, *after, PAGE)
    last = f"{found[-1][0]}/{found[-1][1]}" if len(found) == PAGE else None
    rows = await query.database.fetch(_ENTRIES, [row[0] for row in found], [row[1] for row in found])
    now, listed = datetime.now(UTC), list[Line]()
    for (owner, booking_id, state), mine in groupby(rows, lambda row: (row[0], row[1], row[2])):
        account = Account.model_validate_json(state) if state else None
        entries = [(Entry(row[3], row[4], row[5], row[6], row[7]), row[8]) for row in mine]
        listed += lines(owner, booking_id, account, entries, begin, end, now)
    data = b",".join(line.__pydantic_serializer__.to_json(line) for line in listed)
    return b'{"data":[%b],"next":%b}' % (data, f'"{last}"'.encode() if last else b"null")


def _moment(parameters: Mapping[str, str], name: str, default: datetime) -> datetime:
    text = parameters.get(name)
    if text is None:
        return default
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadQuery(name, "must be a time with its zone, as ISO 8601 writes it") from None
    if moment.tzinfo is None or not EARLIEST <= moment <= LATEST:
        raise BadQuery(name, "must be a time with its zone, as ISO 8601 writes it")
    return moment


def _after(parameters: Mapping[str, str]) -> tuple[str, str]:
    organisation, _, booking_id = parameters.get("after", "/00000000-0000-0000-0000-000000000000").partition("/")
    if not _uuid(booking_id):
        raise BadQuery("after", "must be the next of another page")
    return organisation, booking_id


READS: dict[str, Read] = {"/ledger": ledger}
