"""What a batch of availability knows: the slots and the catalogue, as loaded and as they are now."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from contracts.catalogue import Product, Space, Venue
from services.availability.domain import Holding, House

Key = tuple[str, str]  # organisation, id
Offering = tuple[str, str, str]  # organisation, product, space
Shelf = Literal["venues", "spaces", "products"]


@dataclass(slots=True)
class Changes:
    """What catalogue commands need to know beyond that: empty in nearly every batch."""

    products: set[Key] = field(default_factory=set)  # that are changed, so all their spaces count
    spaces: set[Key] = field(default_factory=set)  # the same, the other way round
    venues: set[Key] = field(default_factory=set)  # that are archived, so their spaces count
    references: set[Key] = field(default_factory=set)
    buffers: tuple[timedelta, timedelta] = (timedelta(0), timedelta(0))  # the longest that a product is given

    def __bool__(self) -> bool:
        return bool(self.products or self.spaces or self.venues or self.references)


@dataclass(slots=True)
class Wanted:
    """What a batch needs to know."""

    holds: list[tuple[str, str, str, datetime, datetime]] = field(default_factory=list)
    """Organisation, product, space, from, to."""

    moves: list[tuple[str, str, str, datetime, datetime]] = field(default_factory=list)
    """Organisation, booking, space, from, to."""

    bookings: list[Key] = field(default_factory=list)
    spaces: set[Key] = field(default_factory=set)
    products: set[Key] = field(default_factory=set)
    venues: set[Key] = field(default_factory=set)
    changes: Changes = field(default_factory=Changes)


@dataclass(slots=True)
class Books:
    """The slots and the catalogue that a batch may change: as loaded, and as they are now."""

    versions: dict[str, int] = field(default_factory=dict)
    products: dict[Key, Product] = field(default_factory=dict)
    sold: dict[Key, Product] = field(default_factory=dict)  # those of bookings that move, even if off sale
    spaces: dict[Key, Space] = field(default_factory=dict)
    venues: dict[Key, Venue] = field(default_factory=dict)
    offerings: set[Offering] = field(default_factory=set)
    archived: set[Key] = field(default_factory=set)
    references: dict[Key, str] = field(default_factory=dict)
    slots: dict[Key, Holding] = field(default_factory=dict)
    live: dict[str, dict[Key, Holding]] = field(default_factory=lambda: defaultdict(dict))  # by space
    changed: dict[Key, Holding] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)  # organisations whose catalogue changes
    kept: dict[Shelf, set[Key]] = field(default_factory=lambda: {"venues": set(), "spaces": set(), "products": set()})
    leaving: dict[tuple[Shelf, Key], Venue | Space | Product] = field(default_factory=dict)  # archived by this batch
    begun: set[Offering] = field(default_factory=set)
    ended: set[Offering] = field(default_factory=set)

    def house(self, organisation: str, product_id: str, space_id: str) -> House:
        space = self.spaces.get((organisation, space_id))
        venue = self.venues.get((organisation, space.venue_id)) if space else None
        offered = (organisation, product_id, space_id) in self.offerings
        return House(venue, space, self.products.get((organisation, product_id)), offered)

    def others(self, space_id: str) -> Iterable[Holding]:
        return self.live[space_id].values()

    def enter(self, holding: Holding) -> None:
        """A slot as it is now."""
        key = (holding.organisation, holding.at.booking_id)
        self.slots[key] = holding
        if holding.state == "RELEASED":
            self.live[holding.space_id].pop(key, None)
        else:
            self.live[holding.space_id][key] = holding

    def change(self, holding: Holding) -> None:
        self.enter(holding)
        self.changed[holding.organisation, holding.at.booking_id] = holding

    # ---- the catalogue

    def space_with_products(self, key: Key) -> Space | None:
        """The space with its side of the relation, which the documents leave out."""
        space = self.spaces.get(key)
        products = sorted(product for org, product, at in self.offerings if (org, at) == key)
        return space and space.model_copy(update={"products": tuple(products)})

    def product_with_spaces(self, key: Key) -> Product | None:
        """The product with its side of the relation, which the documents leave out."""
        product = self.products.get(key)
        spaces = sorted(space for org, sold, space in self.offerings if (org, sold) == key)
        return product and product.model_copy(update={"spaces": tuple(spaces)})

    def keep_venue(self, organisation: str, venue: Venue) -> None:
        key = (organisation, venue.id)
        self.venues[key] = venue
        self._keep("venues", key)

    def keep_space(self, organisation: str, space: Space) -> None:
        key = (organisation, space.id)
        self.spaces[key] = space
        self._keep("spaces", key)
        before = {each for each in self.offerings if (each[0], each[2]) == key}
        self._relate(before, {(organisation, product, space.id) for product in space.products})

    def keep_product(self, organisation: str, product: Product) -> None:
        key = (organisation, product.id)
        if (old := self.products.get(key)) is not None:
            self.references.pop((organisation, old.reference), None)
        self.references[organisation, product.reference] = product.id
        self.products[key] = product
        self._keep("products", key)
        before = {each for each in self.offerings if (each[0], each[1]) == key}
        self._relate(before, {(organisation, product.id, space) for space in product.spaces})

    def archive(self, shelf: Shelf, key: Key) -> None:
        """Off sale for good, with its side of the relation."""
        if shelf == "products":
            self.references.pop((key[0], self.products[key].reference), None)
            self._relate({each for each in self.offerings if (each[0], each[1]) == key}, set())
        if shelf == "spaces":
            self._relate({each for each in self.offerings if (each[0], each[2]) == key}, set())
        self._keep(shelf, key)
        self.archived.add(key)
        self.leaving[shelf, key] = getattr(self, shelf).pop(key)

    def _keep(self, shelf: Shelf, key: Key) -> None:
        self.moved.add(key[0])
        self.kept[shelf].add(key)

    def _relate(self, before: set[Offering], after: set[Offering]) -> None:
        for offering in after - before:
            self.offerings.add(offering)
            self.begun.add(offering) if offering not in self.ended else self.ended.remove(offering)
        for offering in before - after:
            self.offerings.remove(offering)
            self.ended.add(offering) if offering not in self.begun else self.begun.remove(offering)
