"""Catalogue commands in a batch: what they need to know, and what they change."""

from chassis.messages import Answer
from contracts.answers import Refused
from contracts.catalogue import (
    ArchiveAnswer,
    ArchiveProduct,
    ArchiveSpace,
    ArchiveVenue,
    ProductAnswer,
    PutProduct,
    PutSpace,
    PutVenue,
    SpaceAnswer,
    VenueAnswer,
)
from contracts.model import Message
from services.availability import catalogue
from services.availability.books import Books, Key, Shelf, Wanted

CatalogueCommand = PutVenue | PutSpace | PutProduct | ArchiveVenue | ArchiveSpace | ArchiveProduct


def want(wanted: Wanted, organisation: str, body: CatalogueCommand) -> None:
    """Note what has to be read for this command."""
    changes = wanted.changes
    match body:
        case PutVenue(venue_id=venue) | ArchiveVenue(venue_id=venue):
            wanted.venues.add((organisation, venue))
            changes.venues.add((organisation, venue))
        case PutSpace(space_id=space) | ArchiveSpace(space_id=space):
            wanted.spaces.add((organisation, space))
            changes.spaces.add((organisation, space))
        case PutProduct(product_id=product) | ArchiveProduct(product_id=product):
            wanted.products.add((organisation, product))
            changes.products.add((organisation, product))
    if isinstance(body, PutSpace):
        wanted.products.update((organisation, product) for product in body.fields.products or ())
        if body.fields.venue_id:
            wanted.venues.add((organisation, body.fields.venue_id))
    if isinstance(body, PutProduct):
        wanted.spaces.update((organisation, space) for space in body.fields.spaces or ())
        before, after = changes.buffers
        given = body.fields.buffer_before or before, body.fields.buffer_after or after
        changes.buffers = max(before, given[0]), max(after, given[1])
        if body.fields.reference:
            changes.references.add((organisation, body.fields.reference))


def decide(books: Books, organisation: str, command_id: str, body: CatalogueCommand) -> Answer:
    """Change the catalogue, or say why not."""
    return Answer(command_id, _decide(books, organisation, body))


def _decide(books: Books, organisation: str, body: CatalogueCommand) -> Message:
    match body:
        case PutVenue(venue_id=id_):
            key = (organisation, id_)
            venue = catalogue.put_venue(books.venues.get(key), body, archived=key in books.archived)
            if isinstance(venue, Refused):
                return venue
            if venue is not books.venues.get(key):
                books.keep_venue(organisation, venue)
            return VenueAnswer(venue=venue)
        case PutSpace(space_id=id_):
            key = (organisation, id_)
            before = books.space_with_products(key)
            venues = {id_ for org, id_ in books.venues if org == organisation}
            products = {id_ for org, id_ in books.products if org == organisation}
            space = catalogue.put_space(before, body, venues, products, archived=key in books.archived)
            if isinstance(space, Refused):
                return space
            if space is not before:
                books.keep_space(organisation, space)
            return SpaceAnswer(space=space)
        case PutProduct(product_id=id_, fields=fields):
            key = (organisation, id_)
            current = books.product_with_spaces(key)
            spaces = {id_ for org, id_ in books.spaces if org == organisation}
            same = books.references.get((organisation, fields.reference or ""))
            product = catalogue.put_product(current, body, spaces, same, archived=key in books.archived)
            if isinstance(product, Refused):
                return product
            if product is not current:
                books.keep_product(organisation, product)
            return ProductAnswer(product=product)
        case ArchiveVenue(venue_id=id_):
            key = (organisation, id_)
            rooms = [room for (org, room), each in books.spaces.items() if org == organisation and each.venue_id == id_]
            answer = catalogue.archive_venue(books.venues.get(key), body, rooms)
            return _archived(books, key, answer, "venues")
        case ArchiveSpace(space_id=id_):
            key = (organisation, id_)
            live = [at for (_, at), each in books.slots.items() if each.space_id == id_ and each.state != "RELEASED"]
            return _archived(books, key, catalogue.archive_space(books.spaces.get(key), body, live), "spaces")
        case ArchiveProduct(product_id=id_):
            key = (organisation, id_)
            live = [
                at
                for (org, at), each in books.slots.items()
                if org == organisation and each.product_id == id_ and each.state != "RELEASED"
            ]
            return _archived(books, key, catalogue.archive_product(books.products.get(key), body, live), "products")


def _archived(books: Books, key: Key, answer: ArchiveAnswer | Refused, shelf: Shelf) -> ArchiveAnswer | Refused:
    if isinstance(answer, ArchiveAnswer):
        books.archive(shelf, key)
    return answer
