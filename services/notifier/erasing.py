"""A booking that is deleted takes its customer out of what was stored of it: the feed, what waits, and what can be sent again."""

import re
from collections.abc import Collection

from chassis.messages import Save

Key = tuple[str, str]  # organisation, booking

_CUSTOMER = re.compile(r'"customer":\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}')
_ERASE = """
UPDATE events e
SET body = without_customer(e.body)
FROM unnest({0}::text[], {1}::uuid[]) u(organisation_id, booking_id)
WHERE e.organisation_id = u.organisation_id AND booking_of(e.body) = u.booking_id AND e.body LIKE '%"customer":{{%'
RETURNING 1
"""


def without_customer(body: str) -> str:
    """The text of an event without who booked: what the function of this name in the database makes of those stored before."""
    return _CUSTOMER.sub('"customer":null', body, count=1)


def save(bookings: Collection[Key]) -> list[Save]:
    """The part of the write that takes the customers of these bookings out of earlier events."""
    if not bookings:
        return []
    columns = ([organisation for organisation, _ in bookings], [booking for _, booking in bookings])
    return [Save("what_is_deleted_names_nobody", _ERASE, None, columns)]
