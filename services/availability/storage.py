"""What a batch of availability reads: one statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from chassis.messages import Row, Statement, columns
from services.availability.books import Books, Wanted
from services.availability.catalogue_storage import product_of, space_of, venue_of
from services.availability.domain import Holding
from services.availability.slots import Occupied

_SLOT = """s.organisation_id, s.booking_id::text, NULL::text, NULL::bigint, s.space_id::text, s.product_id::text, s.unit,
  s.slot_from, s.slot_to, lower(s.during), upper(s.during), s.state, s.held_at, s.hold_seconds, s.expires_at, s.lapsed, s.revision"""
_NO_SLOT = """NULL::text, NULL::text, NULL::int, NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, NULL::timestamptz,
  NULL::text, NULL::timestamptz, NULL::int, NULL::timestamptz, NULL::bool, NULL::int"""

_LOAD = f"""
SELECT 'catalogue' AS kind, c.organisation_id, NULL::text AS id, NULL::text AS document, c.version, {_NO_SLOT}
FROM catalogues c
WHERE c.organisation_id = ANY($1::text[])
UNION ALL
SELECT 'product', p.organisation_id, p.id::text, p.document, NULL, {_NO_SLOT}
FROM unnest($2::text[], $3::uuid[]) u(organisation_id, id)
JOIN products p USING (organisation_id, id)
WHERE p.archived_at IS NULL
UNION ALL
SELECT 'space', s.organisation_id, s.id::text, s.document, NULL, {_NO_SLOT}
FROM unnest($4::text[], $5::uuid[]) u(organisation_id, id)
JOIN spaces s USING (organisation_id, id)
WHERE s.archived_at IS NULL
UNION ALL
SELECT 'venue', v.organisation_id, v.id::text, v.document, NULL, {_NO_SLOT}
FROM (SELECT organisation_id, venue_id AS id
    FROM unnest($4::text[], $5::uuid[]) u(organisation_id, id)
    JOIN spaces s USING (organisation_id, id)
  UNION
    SELECT * FROM unnest($6::text[], $7::uuid[]) w(organisation_id, id)) u
JOIN venues v USING (organisation_id, id)
WHERE v.archived_at IS NULL
UNION ALL
SELECT 'offering', o.organisation_id, o.product_id::text, o.space_id::text, NULL, {_NO_SLOT}
FROM (SELECT DISTINCT * FROM unnest($8::text[], $9::uuid[], $10::uuid[]) d(organisation_id, product_id, space_id)) u
JOIN offerings o USING (organisation_id, product_id, space_id)
UNION ALL
SELECT 'slot', {_SLOT}
FROM unnest($13::text[], $14::uuid[]) u(organisation_id, booking_id)
JOIN slots s USING (organisation_id, booking_id)
UNION ALL
SELECT 'slot', {_SLOT}
FROM (SELECT h.space_id, tstzrange(h.slot_from - p.buffer_before, h.slot_to + p.buffer_after) AS wide
  FROM unnest($8::text[], $9::uuid[], $10::uuid[], $11::timestamptz[], $12::timestamptz[])
    h(organisation_id, id, space_id, slot_from, slot_to)
  JOIN products p USING (organisation_id, id)
  OFFSET 0) u -- kept apart: else the planner looks for the space alone and filters all its slots
JOIN slots s ON s.space_id = u.space_id AND s.state IN ('HELD', 'COMMITTED') AND s.during && u.wide
UNION ALL
SELECT 'slot', {_SLOT}
FROM unnest($13::text[], $14::uuid[]) u(organisation_id, booking_id)
JOIN slots mine USING (organisation_id, booking_id)
JOIN slots s ON s.space_id = mine.space_id AND s.state IN ('HELD', 'COMMITTED') AND s.during && mine.during
"""  # noqa: S608 - the parts are constants


# A batch with catalogue commands reads more: the whole relation of what is changed, and what is in the way of archiving.
_LOAD_CHANGES = f"""
UNION ALL
SELECT 'archived', t.organisation_id, t.id::text, NULL, NULL, {_NO_SLOT}
FROM (SELECT organisation_id, id FROM unnest($2::text[], $3::uuid[]) u(organisation_id, id)
    JOIN products USING (organisation_id, id) WHERE archived_at IS NOT NULL
  UNION ALL
    -- an id names one space in the world: its slots are kept apart by it alone
    SELECT u.organisation_id, id FROM unnest($4::text[], $5::uuid[]) u(organisation_id, id)
    JOIN spaces s USING (id) WHERE archived_at IS NOT NULL OR s.organisation_id <> u.organisation_id
  UNION ALL
    SELECT organisation_id, id FROM unnest($6::text[], $7::uuid[]) u(organisation_id, id)
    JOIN venues USING (organisation_id, id) WHERE archived_at IS NOT NULL) t
UNION ALL
SELECT 'offering', o.organisation_id, o.product_id::text, o.space_id::text, NULL, {_NO_SLOT}
FROM unnest($15::text[], $16::uuid[]) u(organisation_id, product_id)
JOIN offerings o USING (organisation_id, product_id)
UNION ALL
SELECT 'offering', o.organisation_id, o.product_id::text, o.space_id::text, NULL, {_NO_SLOT}
FROM unnest($17::text[], $18::uuid[]) u(organisation_id, space_id)
JOIN offerings o USING (organisation_id, space_id)
UNION ALL
SELECT 'space', s.organisation_id, s.id::text, s.document, NULL, {_NO_SLOT}
FROM unnest($19::text[], $20::uuid[]) u(organisation_id, venue_id)
JOIN spaces s USING (organisation_id, venue_id)
WHERE s.archived_at IS NULL
UNION ALL
SELECT 'reference', p.organisation_id, p.reference, p.id::text, NULL, {_NO_SLOT}
FROM unnest($21::text[], $22::text[]) u(organisation_id, reference)
JOIN products p USING (organisation_id, reference)
WHERE p.archived_at IS NULL AND p.reference > ''
UNION ALL
SELECT 'slot', live.*
FROM unnest($15::text[], $16::uuid[]) u(organisation_id, product_id)
CROSS JOIN LATERAL (
  SELECT {_SLOT}
  FROM slots s
  WHERE s.organisation_id = u.organisation_id AND s.product_id = u.product_id AND s.state IN ('HELD', 'COMMITTED')
    AND s.slot_to > statement_timestamp()
  LIMIT 100) live
UNION ALL
SELECT 'slot', live.*
FROM unnest($17::text[], $18::uuid[]) u(organisation_id, space_id)
CROSS JOIN LATERAL (
  SELECT {_SLOT}
  FROM slots s
  WHERE s.space_id = u.space_id AND s.state IN ('HELD', 'COMMITTED') AND s.during && tstzrange(statement_timestamp(), NULL)
  LIMIT 100) live
UNION ALL
-- a product that is made or changed by this very batch may reach farther than its row says
SELECT 'slot', {_SLOT}
FROM unnest($23::uuid[], $24::timestamptz[], $25::timestamptz[]) u(space_id, wide_from, wide_to)
JOIN slots s ON s.space_id = u.space_id AND s.state IN ('HELD', 'COMMITTED') AND s.during && tstzrange(wide_from, wide_to)
UNION ALL
SELECT 'slot', {_SLOT}
FROM (SELECT DISTINCT hit.organisation_id, hit.booking_id, hit.slot_from
  FROM unnest($26::text[], $27::uuid[], $28::timestamptz[], $29::timestamptz[])
    u(organisation_id, venue_id, closed_from, closed_to)
  JOIN spaces r USING (organisation_id, venue_id)
  JOIN slots hit ON hit.space_id = r.id AND hit.state IN ('HELD', 'COMMITTED')
    AND hit.during && tstzrange(closed_from, closed_to)
  WHERE hit.slot_to > statement_timestamp()
  ORDER BY hit.slot_from
  LIMIT 1000) u
JOIN slots s USING (organisation_id, booking_id)
"""  # noqa: S608 - the parts are constants


# A batch with moves reads their products, on sale or not, and who has what of the new slots.
_LOAD_MOVES = f"""
UNION ALL
SELECT 'sold', p.organisation_id, p.id::text, p.document, NULL, {_NO_SLOT}
FROM unnest({{0}}::text[], {{1}}::uuid[]) m(organisation_id, booking_id)
JOIN slots s USING (organisation_id, booking_id)
JOIN products p ON p.organisation_id = s.organisation_id AND p.id = s.product_id
UNION ALL
SELECT 'slot', {_SLOT}
FROM (SELECT m.space_id, tstzrange(m.slot_from - p.buffer_before, m.slot_to + p.buffer_after) AS wide
  FROM unnest({{0}}::text[], {{1}}::uuid[], {{2}}::uuid[], {{3}}::timestamptz[], {{4}}::timestamptz[])
    m(organisation_id, booking_id, space_id, slot_from, slot_to)
  JOIN slots mine USING (organisation_id, booking_id)
  JOIN products p ON p.organisation_id = mine.organisation_id AND p.id = mine.product_id
  OFFSET 0) u
JOIN slots s ON s.space_id = u.space_id AND s.state IN ('HELD', 'COMMITTED') AND s.during && u.wide
"""  # noqa: S608 - the parts are constants


def load(wanted: Wanted) -> Statement:
    """The catalogue and the slots that these need; a slot may come several times."""
    # A slot that ends before it begins is refused later, but no range can be made of it.
    holds = [hold for hold in wanted.holds if hold[3] < hold[4]]
    moves = [move for move in wanted.moves if move[3] < move[4]]
    organisations = {key[0] for key in (*wanted.spaces, *wanted.products, *wanted.venues)}
    changes = wanted.changes
    arguments: list[Sequence[Any]] = [
        list(organisations),
        *columns(wanted.products, 2),
        *columns(wanted.spaces, 2),
        *columns(wanted.venues, 2),
        *columns(holds, 5),
        *columns(wanted.bookings, 2),
    ]
    sql = _LOAD
    if changes:
        sql += _LOAD_CHANGES
        for keys in (changes.products, changes.spaces, changes.venues, changes.references):
            arguments += columns(keys, 2)
        before, after = changes.buffers
        wide = [(each[2], each[3] - before, each[4] + after) for each in holds + moves]
        arguments += columns(wide, 3)
        arguments += columns(changes.closures, 4)
    if moves:
        sql += _LOAD_MOVES.format(*(f"${len(arguments) + n}" for n in range(1, 6)))
        arguments += columns(moves, 5)
    return Statement(sql, arguments)


def begin(rows: Sequence[Row]) -> Books:
    books = Books()
    for row in rows:
        kind, organisation, key = row[0], row[1], (row[1], row[2])
        if kind == "slot":
            if key not in books.slots:
                books.enter(_holding(row))
        elif kind == "product":
            books.products[key] = product_of(row[3])
        elif kind == "sold":
            books.sold[key] = product_of(row[3])
        elif kind == "space":
            books.spaces[key] = space_of(row[3])
        elif kind == "venue":
            books.venues[key] = venue_of(row[3])
        elif kind == "offering":
            books.offerings.add((organisation, row[2], row[3]))
        elif kind == "archived":
            books.archived.add(key)
        elif kind == "reference":
            books.references[key] = row[3]
        else:
            books.versions[organisation] = row[4]
    return books


def _holding(row: Row) -> Holding:
    (_, organisation, booking_id, _, _, space_id, product_id, unit, slot_from, slot_to, blocked_from, blocked_to, state,
     held_at, hold_seconds, expires_at, lapsed, revision) = row  # fmt: skip
    at = Occupied(unit, slot_from, slot_to, blocked_from, blocked_to, state == "COMMITTED", expires_at, booking_id)
    hold = timedelta(seconds=hold_seconds)
    return Holding(organisation, space_id, product_id, at, state, held_at, hold, expires_at, lapsed, revision)
