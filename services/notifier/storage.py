"""What a batch reads and writes: subscriptions, events with the deliveries that they cause, what is delivered again."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from chassis.messages import Row, Save, Statement, columns
from services.notifier import erasing
from services.notifier.state import Delivery, Event, Known, Replay, State

Key = tuple[str, str]  # organisation, id

# What a row that is loaded is.
_STATE, _MATCH, _COUNT, _DELIVERY = "state", "match", "count", "delivery"


@dataclass(slots=True)
class Book:
    """What a batch may change, as it is now, and what it writes."""

    revisions: dict[Key, int] = field(default_factory=dict)
    states: dict[Key, State] = field(default_factory=dict)
    changed: dict[Key, State] = field(default_factory=dict)
    matching: dict[str, list[tuple[str, tuple[str, ...]]]] = field(default_factory=lambda: defaultdict(list))
    held: Counter[str] = field(default_factory=Counter)  # subscriptions of an organisation
    known: dict[Key, Known] = field(default_factory=dict)  # deliveries
    events: list[Event] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    again: dict[Key, None] = field(default_factory=dict)  # deliveries, once each and in order
    replays: list[Replay] = field(default_factory=list)
    erased: dict[Key, None] = field(default_factory=dict)  # bookings that were deleted

    def put(self, key: Key, state: State) -> None:
        self.states[key] = self.changed[key] = state


_MATCHING = f"""
SELECT '{_MATCH}', s.organisation_id, s.id::text, 0, s.events
FROM subscriptions s
WHERE s.organisation_id = ANY($1::text[]) AND s.enabled
"""  # noqa: S608 - words of our own
_ALL = f"""{_MATCHING}
UNION ALL
SELECT '{_STATE}', s.organisation_id, s.id::text, s.revision, s.state
FROM unnest($2::text[], $3::uuid[]) u(organisation_id, id)
JOIN subscriptions s USING (organisation_id, id)
UNION ALL
SELECT '{_COUNT}', s.organisation_id, '', count(*)::int, ''
FROM subscriptions s
WHERE s.organisation_id = ANY($4::text[]) AND NOT s.deleted
GROUP BY s.organisation_id
UNION ALL
SELECT '{_DELIVERY}', d.organisation_id, d.id::text, s.enabled::int, concat_ws(' ', d.subscription_id, d.event_id, d.type)
FROM unnest($5::text[], $6::uuid[]) u(organisation_id, id)
JOIN LATERAL (SELECT * FROM deliveries d WHERE d.id = u.id AND d.organisation_id = u.organisation_id LIMIT 1) d ON true
JOIN LATERAL (SELECT enabled FROM subscriptions s
  WHERE s.organisation_id = d.organisation_id AND s.id = d.subscription_id AND NOT s.deleted LIMIT 1) s ON true
JOIN events e ON e.id = d.event_id
"""  # noqa: S608 - words of our own


def load(
    telling: Collection[str],
    subscriptions: Collection[Key] = (),
    counted: Collection[str] = (),
    deliveries: Collection[Key] = (),
) -> Statement:
    """Who is told in these organisations; these subscriptions; how many there are; these deliveries."""
    if not subscriptions and not counted and not deliveries:
        return Statement(_MATCHING, (list(telling),))
    return Statement(_ALL, (list(telling), *_columns(subscriptions), list(counted), *_columns(deliveries)))


def _columns(keys: Collection[Key]) -> tuple[list[str], list[str]]:
    return [first for first, _ in keys], [second for _, second in keys]


def begin(rows: Sequence[Row]) -> Book:
    book = Book()
    for kind, organisation, id_, number, text in rows:
        if kind == _MATCH:
            book.matching[organisation].append((id_, tuple(text.split(" "))))
        elif kind == _STATE:
            book.revisions[organisation, id_] = number
            book.states[organisation, id_] = State.model_validate_json(text)
        elif kind == _COUNT:
            book.held[organisation] = number
        else:
            subscription, event, event_type = text.split(" ")
            book.known[organisation, id_] = Known(subscription, event, event_type, bool(number))
    return book


_SUBSCRIPTIONS = """
INSERT INTO subscriptions AS s (organisation_id, id, revision, version, enabled, deleted, url, events, secrets, secrets_until,
  created_at, updated_at, state)
SELECT u.organisation_id, u.id, u.loaded + 1, u.version, u.enabled, u.deleted, u.url, u.events,
  string_to_array(u.secrets, ' '), string_to_array(u.until, ' ')::timestamptz[], u.created_at, u.updated_at, u.state
FROM unnest({0}::text[], {1}::uuid[], {2}::int[], {3}::int[], {4}::bool[], {5}::bool[], {6}::text[], {7}::text[], {8}::text[],
    {9}::text[], {10}::timestamptz[], {11}::timestamptz[], {12}::text[])
  u(organisation_id, id, loaded, version, enabled, deleted, url, events, secrets, until, created_at, updated_at, state)
ON CONFLICT (organisation_id, id) DO UPDATE
SET revision = excluded.revision, version = excluded.version, enabled = excluded.enabled, deleted = excluded.deleted,
  url = excluded.url, events = excluded.events, secrets = excluded.secrets, secrets_until = excluded.secrets_until,
  updated_at = excluded.updated_at, state = excluded.state,
  failing_since = CASE WHEN (excluded.enabled AND NOT s.enabled) OR excluded.url <> s.url THEN NULL ELSE s.failing_since END
WHERE s.revision = excluded.revision - 1
RETURNING 1
"""

# In one order, whoever writes: two workers that count for the same organisations wait for each other at the first.
_COUNT_EVENTS = """
INSERT INTO feeds AS f (organisation_id, last)
SELECT * FROM unnest({0}::text[], {1}::bigint[])
ON CONFLICT (organisation_id) DO UPDATE SET last = f.last + excluded.last
RETURNING organisation_id, last
"""
# `LIMIT 1`: looked up for each, however small the table was when this was planned.
_LISTED = """
INSERT INTO events (id, organisation_id, position, type, created_at, body, traceparent)
SELECT u.id, u.organisation_id, c.last - u.later, u.type, u.created_at,
  CASE WHEN gone.is_so THEN without_customer(u.body) ELSE u.body END, u.traceparent
FROM unnest({0}::uuid[], {1}::text[], {2}::text[], {3}::timestamptz[], {4}::text[], {5}::bytea[], {6}::bigint[], {7}::uuid[])
  u(id, organisation_id, type, created_at, body, traceparent, later, about)
JOIN every_event_has_a_number c USING (organisation_id)
LEFT JOIN LATERAL (SELECT true AS is_so FROM erased x
  WHERE x.organisation_id = u.organisation_id AND x.booking_id = u.about LIMIT 1) gone ON true
RETURNING 1
"""
_UNLISTED = """
INSERT INTO events (id, organisation_id, type, created_at, body, traceparent)
SELECT * FROM unnest({0}::uuid[], {1}::text[], {2}::text[], {3}::timestamptz[], {4}::text[], {5}::bytea[])
RETURNING 1
"""
_DELIVERIES = """
INSERT INTO deliveries (id, organisation_id, subscription_id, event_id, type)
SELECT * FROM unnest({0}::uuid[], {1}::text[], {2}::uuid[], {3}::uuid[], {4}::text[])
RETURNING 1
"""
# Also while a sender has it: then it is sent once more, for that is what was asked for, and what comes of the other is not waited for.
_AGAIN = """
UPDATE deliveries d
SET status = 'waiting', ended_at = NULL, due_at = clock_timestamp(), claimed_until = NULL,
  began = d.attempts + (d.claimed_until IS NOT NULL)::int, attempts = d.attempts + (d.claimed_until IS NOT NULL)::int
FROM unnest({0}::text[], {1}::uuid[]) u(organisation_id, id)
WHERE d.organisation_id = u.organisation_id AND d.id = u.id
RETURNING 1
"""
_REPLAYS = """
INSERT INTO replays (id, organisation_id, subscription_id, from_at, to_at)
SELECT * FROM unnest({0}::uuid[], {1}::text[], {2}::uuid[], {3}::timestamptz[], {4}::timestamptz[])
RETURNING 1
"""


def save(book: Book) -> list[Save]:
    """What changed, what happened, and who is to be told."""
    saves = []
    if rows := [_subscription(book, key, state) for key, state in book.changed.items()]:
        saves.append(
            Save("subscriptions_change_one_revision_at_a_time", _SUBSCRIPTIONS, len(rows), columns(rows, len(rows[0])))
        )
    if listed := [event for event in book.events if event.listed]:
        counts = Counter(event.organisation for event in listed)
        ordered = sorted(counts.items())
        saves.append(Save("every_event_has_a_number", _COUNT_EVENTS, len(ordered), columns(ordered, 2)))
        numbered = []
        for event in listed:
            counts[event.organisation] -= 1
            numbered.append((*_event(book, event), counts[event.organisation], event.about))
        saves.append(Save("an_event_is_stored_once", _LISTED, len(numbered), columns(numbered, 8)))
    saves += erasing.save(book.erased)
    if unlisted := [_event(book, event) for event in book.events if not event.listed]:
        saves.append(Save("a_ping_is_stored_once", _UNLISTED, len(unlisted), columns(unlisted, 6)))
    if book.deliveries:
        saves.append(Save("a_subscriber_is_told_once", _DELIVERIES, len(book.deliveries), columns(book.deliveries, 5)))
    if book.again:
        saves.append(Save("what_is_retried_is_there", _AGAIN, len(book.again), columns(book.again, 2)))
    if book.replays:
        saves.append(Save("a_period_is_replayed_once", _REPLAYS, len(book.replays), columns(book.replays, 5)))
    return saves


def _event(book: Book, event: Event) -> tuple[object, ...]:
    erased = event.about is not None and (event.organisation, event.about) in book.erased
    body = erasing.without_customer(event.body) if erased else event.body
    return event.id, event.organisation, event.type, event.created_at, body, event.traceparent


def _subscription(book: Book, key: Key, state: State) -> tuple[object, ...]:
    subscription = state.subscription
    return (
        *key,
        book.revisions.get(key, 0),
        subscription.version,
        subscription.enabled,
        state.deleted,
        subscription.url,
        " ".join(subscription.events),
        " ".join([state.secret, *(each.secret for each in state.former)]),
        " ".join(["infinity", *(each.until.isoformat() for each in state.former)]),
        subscription.created_at,
        subscription.updated_at,
        state.model_dump_json(),
    )
