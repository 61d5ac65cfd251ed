"""What a batch writes of the catalogue: one part of its statement for each shelf that changed."""

from typing import Any

from chassis.messages import Save, columns
from services.availability.books import Books, Key, Shelf
from services.availability.catalogue_storage import document

_MOVE_ON = """
INSERT INTO catalogues (organisation_id, version)
SELECT u.organisation_id, 1
FROM unnest({0}::text[], {1}::bigint[]) u(organisation_id, loaded)
ON CONFLICT (organisation_id) DO UPDATE
SET version = catalogues.version + 1
WHERE (catalogues.organisation_id, catalogues.version) IN (SELECT * FROM unnest({0}::text[], {1}::bigint[]))
RETURNING 1
"""
_KEEP_VENUES = """
INSERT INTO venues (organisation_id, id, document, archived_at)
SELECT u.organisation_id, u.id, u.document, CASE WHEN u.gone THEN clock_timestamp() END
FROM unnest({0}::text[], {1}::uuid[], {2}::text[], {3}::bool[]) u(organisation_id, id, document, gone)
ON CONFLICT (organisation_id, id) DO UPDATE
SET document = excluded.document, archived_at = excluded.archived_at
RETURNING 1
"""
_KEEP_SPACES = """
INSERT INTO spaces (organisation_id, id, document, archived_at, venue_id)
SELECT u.organisation_id, u.id, u.document, CASE WHEN u.gone THEN clock_timestamp() END, u.venue_id
FROM unnest({0}::text[], {1}::uuid[], {2}::text[], {3}::bool[], {4}::uuid[]) u(organisation_id, id, document, gone, venue_id)
ON CONFLICT (organisation_id, id) DO UPDATE
SET document = excluded.document, archived_at = excluded.archived_at, venue_id = excluded.venue_id
RETURNING 1
"""
_KEEP_PRODUCTS = """
INSERT INTO products (organisation_id, id, document, archived_at, reference, buffer_before, buffer_after)
SELECT u.organisation_id, u.id, u.document, CASE WHEN u.gone THEN clock_timestamp() END, u.reference, u.before, u.after
FROM unnest({0}::text[], {1}::uuid[], {2}::text[], {3}::bool[], {4}::text[], {5}::interval[], {6}::interval[])
  u(organisation_id, id, document, gone, reference, before, after)
ON CONFLICT (organisation_id, id) DO UPDATE
SET document = excluded.document, archived_at = excluded.archived_at, reference = excluded.reference,
  buffer_before = excluded.buffer_before, buffer_after = excluded.buffer_after
RETURNING 1
"""
_END_OFFERINGS = """
DELETE FROM offerings o
USING unnest({0}::text[], {1}::uuid[], {2}::uuid[]) u(organisation_id, product_id, space_id)
WHERE o.organisation_id = u.organisation_id AND o.product_id = u.product_id AND o.space_id = u.space_id
RETURNING 1
"""
_BEGIN_OFFERINGS = """
INSERT INTO offerings (organisation_id, product_id, space_id)
SELECT * FROM unnest({0}::text[], {1}::uuid[], {2}::uuid[])
RETURNING 1
"""


def save(books: Books) -> list[Save]:
    """The catalogues that this batch moves on, and what changed in them."""
    versions = [(organisation, books.versions.get(organisation, 0)) for organisation in sorted(books.moved)]
    venues = [common for common, _ in _kept(books, "venues")]
    spaces = [(*common, space.venue_id) for common, space in _kept(books, "spaces")]
    products = [
        (*common, product.reference, product.buffer_before, product.buffer_after)
        for common, product in _kept(books, "products")
    ]
    saves = [
        Save("the_catalogue_moves_on", _MOVE_ON, len(versions), columns(versions, 2)),
        Save("venues_are_kept", _KEEP_VENUES, len(venues), columns(venues, 4)),
        Save("spaces_are_kept", _KEEP_SPACES, len(spaces), columns(spaces, 5)),
        Save("products_are_kept", _KEEP_PRODUCTS, len(products), columns(products, 7)),
        Save("offerings_end", _END_OFFERINGS, len(books.ended), columns(books.ended, 3)),
        Save("offerings_begin", _BEGIN_OFFERINGS, len(books.begun), columns(books.begun, 3)),
    ]
    return [save for save in saves if save.rows]


def _kept(books: Books, shelf: Shelf) -> list[tuple[tuple[str, str, str, bool], Any]]:
    on_sale: dict[Key, Any] = getattr(books, shelf)
    return [
        ((*key, document(item), item is not on_sale.get(key)), item)
        for key in sorted(books.kept[shelf])
        for item in [on_sale.get(key) or books.leaving[shelf, key]]
    ]
