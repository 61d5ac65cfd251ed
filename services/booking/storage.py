"""The bookings of a batch: one statement reads them, one writes those that changed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chassis.inbox import PRUNE_ROWS
from chassis.messages import Row, Save, Statement, columns
from services.booking.state import State

Key = tuple[str, str]  # organisation, booking


@dataclass(slots=True)
class Bookings:
    """The bookings that a batch may change: as loaded, and as they are now."""

    revisions: dict[Key, int] = field(default_factory=dict)
    states: dict[Key, State] = field(default_factory=dict)
    changed: dict[Key, State] = field(default_factory=dict)

    def get(self, key: Key) -> State | None:
        return self.states.get(key)

    def put(self, key: Key, state: State) -> None:
        self.states[key] = self.changed[key] = state


class _Known:
    """States by their text: what this worker wrote a moment ago need not be read again. The same words always mean the same
    state, so whatever another worker writes, nothing here is ever stale.

    Only those that wait for an answer: it comes in milliseconds. Whatever else was kept would be looked through by each
    garbage collection, which then takes as long as a few batches."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._states: dict[str, State] = {}

    def text(self, state: State) -> str:
        """The state as it is stored."""
        text = state.__pydantic_serializer__.to_json(state, exclude_defaults=True).decode()
        if state.question is not None:
            if len(self._states) >= self.most:
                del self._states[next(iter(self._states))]
            self._states[text] = state
        return text

    def take(self, text: str) -> State:
        """The state that is stored so. It is about to change, so it is not kept."""
        return self._states.pop(text, None) or State.model_validate_json(text)


_known = _Known(4096)


def load(keys: Iterable[Key]) -> Statement:
    """The bookings with these keys."""
    keys = set(keys)
    sql = """
    SELECT b.organisation_id, b.id::text, b.revision, b.state
    FROM unnest($1::text[], $2::uuid[]) u(organisation_id, id)
    JOIN bookings b USING (organisation_id, id)
    """
    return Statement(sql, ([organisation for organisation, _ in keys], [booking for _, booking in keys]))


def begin(rows: Sequence[Row]) -> Bookings:
    bookings = Bookings()
    for organisation, booking, revision, state in rows:
        bookings.revisions[organisation, booking] = revision
        bookings.states[organisation, booking] = _known.take(state)
    return bookings


# A booking is reached from two topics: the guard on the loaded revision makes a stale writer change fewer rows than it must.
_SAVE = """
INSERT INTO bookings AS b (organisation_id, id, revision, version, status, space_id, customer_id, slot_from, created_at,
  listed, hidden, state)
SELECT u.organisation_id, u.id, u.loaded + 1, u.version, u.status, u.space_id, u.customer_id, u.slot_from, u.created_at,
  u.listed, u.hidden, u.state
FROM unnest({0}::text[], {1}::uuid[], {2}::int[], {3}::int[], {4}::text[], {5}::uuid[], {6}::uuid[], {7}::timestamptz[],
    {8}::timestamptz[], {9}::bool[], {10}::bool[], {11}::text[])
  u(organisation_id, id, loaded, version, status, space_id, customer_id, slot_from, created_at, listed, hidden, state)
ON CONFLICT (organisation_id, id) DO UPDATE
SET revision = excluded.revision, version = excluded.version, status = excluded.status, customer_id = excluded.customer_id,
  slot_from = excluded.slot_from, listed = excluded.listed, hidden = excluded.hidden, state = excluded.state
WHERE b.revision = excluded.revision - 1
RETURNING 1
"""


def save(bookings: Bookings) -> list[Save]:
    """The bookings that changed."""
    rows = [
        (
            organisation,
            booking.id,
            bookings.revisions.get((organisation, booking.id), 0),
            booking.version,
            booking.status,
            booking.space.id,
            booking.customer.id if booking.customer else None,
            booking.slot.from_,
            booking.created_at,
            state.listed,
            state.hidden,
            _known.text(state),
        )
        for (organisation, _), state in bookings.changed.items()
        for booking in (state.booking,)
    ]
    if not rows:
        return []
    return [Save("bookings_change_one_version_at_a_time", _SAVE, len(rows), columns(rows, 12))]


# What never held a slot was kept for its own client's GET only, as long as a repeat of its command is known.
PRUNE_REFUSED = f"""
DELETE FROM bookings
WHERE (organisation_id, id) IN (
  SELECT organisation_id, id
  FROM bookings
  WHERE created_at < clock_timestamp() - interval '8 days' AND NOT listed AND status = 'CANCEL'
  LIMIT {PRUNE_ROWS})
"""  # noqa: S608 - a number of our own
