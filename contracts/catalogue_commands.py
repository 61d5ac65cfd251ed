"""The catalogue commands of the typed client, one method each."""

from typing import cast

from contracts import catalogue
from contracts.asking import Asking


class CatalogueCommands(Asking):
    """Each method publishes one command and returns what it is answered with. Raises CommandRefused, NotAccepted or Unanswered.

    Whoever creates an entry draws its id; `key` makes the command repeatable. With `if_version` it is refused,
    PRECONDITION_FAILED, unless the entry has this very version; to one that it creates that says nothing.
    """

    async def put_venue(
        self,
        venue_id: str,
        fields: catalogue.VenueFields,
        *,
        create: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> catalogue.Venue:
        """Create or change a venue."""
        command = catalogue.PutVenue(venue_id=venue_id, create=create, fields=fields, if_version=if_version)
        return cast("catalogue.VenueAnswer", await self._done(command, self._draw(key))).venue

    async def put_space(
        self,
        space_id: str,
        fields: catalogue.SpaceFields,
        *,
        create: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> catalogue.Space:
        """Create or change a space."""
        command = catalogue.PutSpace(space_id=space_id, create=create, fields=fields, if_version=if_version)
        return cast("catalogue.SpaceAnswer", await self._done(command, self._draw(key))).space

    async def put_product(
        self,
        product_id: str,
        fields: catalogue.ProductFields,
        *,
        create: bool = False,
        if_version: int | None = None,
        key: str | None = None,
    ) -> catalogue.Product:
        """Create or change a product."""
        command = catalogue.PutProduct(product_id=product_id, create=create, fields=fields, if_version=if_version)
        return cast("catalogue.ProductAnswer", await self._done(command, self._draw(key))).product

    async def archive_venue(self, venue_id: str, *, if_version: int | None = None, key: str | None = None) -> None:
        """Take the venue off sale for good. Refused while one of its spaces is on sale."""
        await self._done(catalogue.ArchiveVenue(venue_id=venue_id, if_version=if_version), self._draw(key))

    async def archive_space(self, space_id: str, *, if_version: int | None = None, key: str | None = None) -> None:
        """Take the space off sale for good. Refused, with the list, while live bookings use it."""
        await self._done(catalogue.ArchiveSpace(space_id=space_id, if_version=if_version), self._draw(key))

    async def archive_product(self, product_id: str, *, if_version: int | None = None, key: str | None = None) -> None:
        """Take the product off sale for good. Refused, with the list, while live bookings use it."""
        await self._done(catalogue.ArchiveProduct(product_id=product_id, if_version=if_version), self._draw(key))
