"""The bookings and customers of a batch: one statement reads them, one writes those that changed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chassis.inbox import PRUNE_ROWS
from chassis.messages import Row, Save, Statement, columns
from contracts.booking import Customer
from services.booking import customers, forgetting
from services.booking.caps import Client
from services.booking.state import State

Key = tuple[str, str]  # organisation, booking or customer

# What a row that is loaded is, in place of a booking's revision.
_CUSTOMER, _HELD = -1, -2


@dataclass(slots=True)
class Bookings:
    """The bookings that a batch may change: as loaded, and as they are now; and what it needs and says of those who book."""

    revisions: dict[Key, int] = field(default_factory=dict)
    states: dict[Key, State] = field(default_factory=dict)
    changed: dict[Key, State] = field(default_factory=dict)
    clients: dict[Key, str] = field(default_factory=dict)  # of new bookings
    held: dict[Client, int] = field(default_factory=dict)  # live bookings of clients that were to be counted
    customers: dict[Key, Customer] = field(default_factory=dict)
    created: dict[Key, datetime] = field(default_factory=dict)  # customers that were not there
    told: dict[Key, datetime] = field(default_factory=dict)  # customers that may be there
    left: set[Key] = field(default_factory=set)  # customers of bookings that were deleted

    def get(self, key: Key) -> State | None:
        return self.states.get(key)

    def put(self, key: Key, state: State) -> None:
        self.states[key] = self.changed[key] = state

    def create(self, organisation: str, customer: Customer, now: datetime) -> None:
        """A customer that is not there yet."""
        self.customers[organisation, customer.id] = customer
        self.created[organisation, customer.id] = now

    def tell(self, organisation: str, customer: Customer, now: datetime) -> None:
        """A booking has this customer now."""
        key = (organisation, customer.id)
        self.customers[key] = customers.known_now(self.customers.get(key), customer)
        if key not in self.created:
            self.told[key] = now

    def let_go(self, customer: Key) -> None:
        """A booking of this customer was deleted."""
        self.left.add(customer)

    def forgotten(self) -> list[Key]:
        """Whose bookings were deleted and who has no other one in this batch; the database knows whether elsewhere."""
        if not self.left:
            return []
        named = {
            (key[0], state.booking.customer.id)
            for key, state in self.changed.items()
            if state.booking.customer is not None
        }
        return sorted(self.left - named)


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

_LOAD = """
SELECT b.organisation_id, b.id::text, b.revision, b.state
FROM unnest($1::text[], $2::uuid[]) u(organisation_id, id)
JOIN bookings b USING (organisation_id, id)
"""
_LOAD_MORE = f"""{_LOAD}
UNION ALL
SELECT c.organisation_id, c.id::text, {_CUSTOMER},
  jsonb_build_object('id', c.id, 'email', c.email, 'name', c.name, 'phone', c.phone)::text
FROM unnest($3::text[], $4::uuid[]) u(organisation_id, id)
JOIN customers c USING (organisation_id, id)
UNION ALL
SELECT u.organisation_id, u.client, {_HELD}, live.held::text
FROM unnest($5::text[], $6::text[]) u(organisation_id, client),
  LATERAL (SELECT count(*) AS held
    FROM (SELECT 1
      FROM bookings b
      WHERE b.organisation_id = u.organisation_id AND b.client = u.client AND b.live
        AND (b.hold_ends_at IS NULL OR b.hold_ends_at > statement_timestamp())
      LIMIT $7) counted) live
"""  # noqa: S608 - numbers of our own


def load(
    bookings: Collection[Key], customers: Collection[Key] = (), counted: Collection[Client] = (), most: int = 0
) -> Statement:
    """These bookings and customers; how many live bookings these clients have, up to `most`."""
    if not customers and not counted:
        return Statement(_LOAD, _columns(bookings))
    return Statement(_LOAD_MORE, (*_columns(bookings), *_columns(customers), *_columns(counted), most))


def _columns(keys: Collection[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [first for first, _ in keys], [second for _, second in keys]


def begin(rows: Sequence[Row]) -> Bookings:
    bookings = Bookings()
    for organisation, id_, revision, text in rows:
        key = (organisation, id_)
        if revision > 0:
            bookings.revisions[key] = revision
            bookings.states[key] = _known.take(text)
        elif revision == _CUSTOMER:
            bookings.customers[key] = Customer.model_validate_json(text)
        else:
            bookings.held[key] = int(text)
    return bookings


# A booking is reached from two topics: the guard on the loaded revision makes a stale writer change fewer rows than it must.
_SAVE = """
INSERT INTO bookings AS b (organisation_id, id, revision, version, status, space_id, customer_id, slot_from, created_at,
  listed, hidden, state, client, hold_ends_at)
SELECT u.organisation_id, u.id, u.loaded + 1, u.version, u.status, u.space_id, u.customer_id, u.slot_from, u.created_at,
  u.listed, u.hidden, u.state, u.client, u.hold_ends_at
FROM unnest({0}::text[], {1}::uuid[], {2}::int[], {3}::int[], {4}::text[], {5}::uuid[], {6}::uuid[], {7}::timestamptz[],
    {8}::timestamptz[], {9}::bool[], {10}::bool[], {11}::text[], {12}::text[], {13}::timestamptz[])
  u(organisation_id, id, loaded, version, status, space_id, customer_id, slot_from, created_at, listed, hidden, state,
    client, hold_ends_at)
ON CONFLICT (organisation_id, id) DO UPDATE
SET revision = excluded.revision, version = excluded.version, status = excluded.status, customer_id = excluded.customer_id,
  slot_from = excluded.slot_from, listed = excluded.listed, hidden = excluded.hidden, state = excluded.state,
  hold_ends_at = excluded.hold_ends_at
WHERE b.revision = excluded.revision - 1
RETURNING 1
"""

_CUSTOMERS = """
INSERT INTO customers AS c (organisation_id, id, email, name, phone, created_at)
SELECT *
FROM unnest({0}::text[], {1}::uuid[], {2}::text[], {3}::text[], {4}::text[], {5}::timestamptz[])
ON CONFLICT (organisation_id, id) """
_CREATE_CUSTOMERS = f"{_CUSTOMERS}DO NOTHING\nRETURNING 1"
_TELL_CUSTOMERS = f"""{_CUSTOMERS}DO UPDATE
SET name = coalesce(excluded.name, c.name), phone = coalesce(excluded.phone, c.phone)
RETURNING 1
"""


def save(bookings: Bookings) -> list[Save]:
    """The bookings that changed, and who they are for."""
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
            bookings.clients.get((organisation, booking.id)),
            state.hold_ends_at,
        )
        for (organisation, _), state in bookings.changed.items()
        for booking in (state.booking,)
    ]
    saves = [Save("bookings_change_one_version_at_a_time", _SAVE, len(rows), columns(rows, 14))] if rows else []
    if created := _customers(bookings, bookings.created):
        saves.append(Save("a_customer_is_made_once", _CREATE_CUSTOMERS, len(created), columns(created, 6)))
    if forgotten := bookings.forgotten():
        bookings.told = {key: at for key, at in bookings.told.items() if key not in forgotten}
    if told := _customers(bookings, bookings.told):
        saves.append(Save("every_customer_is_known", _TELL_CUSTOMERS, len(told), columns(told, 6)))
    return saves + forgetting.save(forgotten, bookings.changed)


def _customers(bookings: Bookings, keys: dict[Key, datetime]) -> list[tuple[object, ...]]:
    """In one order, whoever writes: two workers who write the same ones wait for each other at the first."""
    return [
        (key[0], key[1], customer.email, customer.name, customer.phone, created_at)
        for key, created_at in sorted(keys.items())
        for customer in (bookings.customers[key],)
    ]


# What never held a slot was kept for its own client's GET only, as long as a repeat of its command is known.
PRUNE_REFUSED = f"""
DELETE FROM bookings
WHERE (organisation_id, id) IN (
  SELECT organisation_id, id
  FROM bookings
  WHERE created_at < statement_timestamp() - interval '8 days' AND refused
  LIMIT {PRUNE_ROWS})
"""  # noqa: S608 - a number of our own
