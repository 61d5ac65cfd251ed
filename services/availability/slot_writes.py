"""What a batch writes of the slots: one part of its statement for each kind of change."""

from __future__ import annotations

from chassis.messages import Save, columns
from services.availability import catalogue_writes
from services.availability.books import Books
from services.availability.domain import Holding

_CHANGE = """
UPDATE slots s
SET unit = u.unit, state = u.state, expires_at = u.expires_at, lapsed = u.lapsed, revision = s.revision + 1
FROM unnest({{0}}::text[], {{1}}::uuid[], {{2}}::int[], {{3}}::text[], {{4}}::timestamptz[], {{5}}::bool[], {{6}}::int[])
  u(organisation_id, booking_id, unit, state, expires_at, lapsed, revision)
WHERE s.organisation_id = u.organisation_id AND s.booking_id = u.booking_id AND s.revision = u.revision{after}
RETURNING 1
"""
_RELEASE = _CHANGE.format(after="")
# PostgreSQL promises no order among the parts of a statement, but one that counts another's rows waits for them: what
# becomes free is free before anybody takes it.
_AFTER_RELEASES = " AND (SELECT count(*) FROM slots_are_released_once) >= 0"
_AFTER_CHANGES = " AND (SELECT count(*) FROM slots_change_once) >= 0"
_AFTER_LEAVING = " AND (SELECT count(*) FROM slots_leave_once) >= 0"
_KEEP = _CHANGE.format(after=_AFTER_RELEASES)
_KEEP_AFTER_LEAVING = _CHANGE.format(after=_AFTER_RELEASES + _AFTER_LEAVING)
# A moved slot leaves its place and is put into the new one, so that slots may follow each other, or change places: among
# rows that one UPDATE moves, the constraint would judge each as soon as it is moved.
_LEAVE = """
DELETE FROM slots s
USING unnest({0}::text[], {1}::uuid[], {2}::int[]) u(organisation_id, booking_id, revision)
WHERE s.organisation_id = u.organisation_id AND s.booking_id = u.booking_id AND s.revision = u.revision
RETURNING 1
"""
_PUT = """
INSERT INTO slots (organisation_id, booking_id, space_id, product_id, unit, slot_from, slot_to, during, state, held_at,
  hold_seconds, expires_at, lapsed, revision)
SELECT u.organisation_id, u.booking_id, u.space_id, u.product_id, u.unit, u.slot_from, u.slot_to,
  tstzrange(u.blocked_from, u.blocked_to), u.state, u.held_at, u.hold_seconds, u.expires_at, u.lapsed, {revision}
FROM unnest({{0}}::text[], {{1}}::uuid[], {{2}}::uuid[], {{3}}::uuid[], {{4}}::int[], {{5}}::timestamptz[],
    {{6}}::timestamptz[], {{7}}::timestamptz[], {{8}}::timestamptz[], {{9}}::text[], {{10}}::timestamptz[], {{11}}::int[],
    {{12}}::timestamptz[], {{13}}::bool[]{array})
  u(organisation_id, booking_id, space_id, product_id, unit, slot_from, slot_to, blocked_from, blocked_to, state, held_at,
    hold_seconds, expires_at, lapsed{column})
WHERE true{after}
ON CONFLICT DO NOTHING
RETURNING 1
"""
_HOLD = _PUT.format(revision="1", array="", column="", after=_AFTER_RELEASES + _AFTER_CHANGES)
_HOLD_AFTER_LEAVING = _PUT.format(
    revision="1", array="", column="", after=_AFTER_RELEASES + _AFTER_CHANGES + _AFTER_LEAVING
)
_ARRIVE = _PUT.format(
    revision="u.revision + 1",
    array=", {14}::int[]",
    column=", revision",
    after=_AFTER_RELEASES + _AFTER_CHANGES + _AFTER_LEAVING,
)
_UNCHANGED = """
SELECT 1
FROM catalogues c
JOIN unnest({0}::text[], {1}::bigint[]) u(organisation_id, version) USING (organisation_id, version)
FOR SHARE OF c
"""


def save(books: Books) -> list[Save]:
    """The slots that changed, if the catalogue they were decided by is still the same."""
    return (_save_slots(books) if books.changed else []) + (catalogue_writes.save(books) if books.moved else [])


def _save_slots(books: Books) -> list[Save]:
    changed = books.changed.values()
    moved = [each for each in changed if each.revision and each.moved]
    stay = [each for each in changed if each.revision and not each.moved]
    released = [_change(each) for each in stay if each.state == "RELEASED"]
    kept = [_change(each) for each in stay if each.state != "RELEASED"]
    new = [_new(each) for each in changed if not each.revision]
    leaving = [(each.organisation, each.at.booking_id, each.revision) for each in moved]
    arriving = [(*_new(each), each.revision) for each in moved]
    saves = [Save("slots_are_released_once", _RELEASE, len(released), columns(released, 7))]
    if moved:
        saves.append(Save("slots_leave_once", _LEAVE, len(leaving), columns(leaving, 3)))
    saves += [
        Save("slots_change_once", _KEEP_AFTER_LEAVING if moved else _KEEP, len(kept), columns(kept, 7)),
        Save("slots_never_overlap", _HOLD_AFTER_LEAVING if moved else _HOLD, len(new), columns(new, 14)),
    ]
    if moved:
        saves.append(Save("moved_slots_never_overlap", _ARRIVE, len(arriving), columns(arriving, 15)))
    return saves + _same_catalogue(books)


def _same_catalogue(books: Books) -> list[Save]:
    """What was decided by a catalogue holds only if it is still the same; one that this batch moves on has its own guard."""
    same = {org: version for org, version in books.versions.items() if org not in books.moved}
    if not same:
        return []
    return [Save("the_catalogue_is_unchanged", _UNCHANGED, len(same), [list(same), list(same.values())])]


def _change(each: Holding) -> tuple[object, ...]:
    return (
        each.organisation, each.at.booking_id, each.at.unit, each.state, each.expires_at, each.lapsed, each.revision,
    )  # fmt: skip


def _new(each: Holding) -> tuple[object, ...]:
    at = each.at
    return (
        each.organisation, at.booking_id, each.space_id, each.product_id, at.unit, at.from_, at.to, at.blocked_from,
        at.blocked_to, each.state, each.held_at, round(each.hold.total_seconds()), each.expires_at, each.lapsed,
    )  # fmt: skip
