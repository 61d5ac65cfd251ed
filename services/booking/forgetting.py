"""Whoever has no booking left that anybody can see is forgotten with the last one."""

from collections.abc import Collection

from chassis.messages import Save

Key = tuple[str, str]  # organisation, customer or booking

# The bookings of this batch do not count: the statement sees them as they were, and none of them has the customer any more.
# If another writer tells of the customer at this very moment, or deletes a booking of theirs, the row has another version by
# then: nothing happens here, and the batch is decided again. A customer who stays gets a new version, for that writer to see.
_FORGET = """
MERGE INTO customers c
USING (
  SELECT there.organisation_id, there.id, there.xmin AS seen, EXISTS (
      SELECT 1
      FROM bookings b
      WHERE b.organisation_id = there.organisation_id AND b.customer_id = there.id AND b.customer_id IS NOT NULL
        AND (b.organisation_id, b.id) NOT IN (SELECT * FROM unnest({2}::text[], {3}::uuid[]))) AS books
  FROM unnest({0}::text[], {1}::uuid[]) u(organisation_id, id)
  JOIN customers there USING (organisation_id, id)) seen
ON c.organisation_id = seen.organisation_id AND c.id = seen.id AND c.xmin = seen.seen
WHEN MATCHED AND seen.books THEN UPDATE SET created_at = c.created_at
WHEN MATCHED THEN DELETE
RETURNING seen.organisation_id, seen.id
"""
_SEEN = """
SELECT 1
FROM unnest({0}::text[], {1}::uuid[]) u(organisation_id, id)
WHERE NOT EXISTS (SELECT 1 FROM customers c WHERE c.organisation_id = u.organisation_id AND c.id = u.id)
  OR EXISTS (
    SELECT 1
    FROM who_never_books_is_forgotten f
    WHERE f.organisation_id = u.organisation_id AND f.id = u.id)
"""


def save(customers: Collection[Key], changed: Collection[Key]) -> list[Save]:
    """The part of the write that forgets those of these customers who have no booking but for the changed ones."""
    if not customers:
        return []
    whose = _columns(customers)
    return [
        Save("who_never_books_is_forgotten", _FORGET, None, (*whose, *_columns(changed))),
        Save("customers_are_forgotten_as_seen", _SEEN, len(customers), whose),
    ]


def _columns(keys: Collection[Key]) -> tuple[list[str], list[str]]:
    return [first for first, _ in keys], [second for _, second in keys]
