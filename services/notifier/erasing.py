"""A booking that is deleted takes its customer out of what was stored of it: the feed, what waits, and what can be sent again.

What comes of it later, such as a dead letter that is replayed, is stored without its customer too.
"""

import re
from collections.abc import Collection

from chassis.messages import Save
from contracts import topics

Key = tuple[str, str]  # organisation, booking
# An event may lie in its topic for so long, then in the dead letters, then in its topic again: and all of it once more.
REMEMBERED = 2 * (topics.BOOKING_EVENTS.retention + topics.dead_letters("notifier").retention)

_CUSTOMER = re.compile(r'"customer":\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}')
_ERASE = """
UPDATE events e
SET body = without_customer(e.body)
FROM unnest({0}::text[], {1}::uuid[]) u(organisation_id, booking_id)
WHERE e.organisation_id = u.organisation_id AND booking_of(e.body) = u.booking_id AND e.body LIKE '%"customer":{{%'
RETURNING 1
"""
_REMEMBER = """
INSERT INTO erased (organisation_id, booking_id)
SELECT * FROM unnest({0}::text[], {1}::uuid[])
ON CONFLICT (organisation_id, booking_id) DO NOTHING
RETURNING 1
"""


def without_customer(body: str) -> str:
    """The text of an event without who booked: what the function of this name in the database makes of those stored before."""
    return _CUSTOMER.sub('"customer":null', body, count=1)


def save(bookings: Collection[Key]) -> list[Save]:
    """The parts of the write that take the customers of these bookings out of earlier events, and will keep them out of later ones."""
    if not bookings:
        return []
    columns = ([organisation for organisation, _ in bookings], [booking for _, booking in bookings])
    return [
        Save("what_is_deleted_names_nobody", _ERASE, None, columns),
        Save("what_is_deleted_is_remembered", _REMEMBER, None, columns),
    ]
