"""What has a version says so, in the catalogue as with bookings: over HTTP as an ETag, to the typed client as `version`."""

import uuid
from typing import Any

import pytest
from http_house import House, call

from contracts.catalogue import ProductFields, SpaceFields, VenueFields
from contracts.client import Client, CommandRefused

CHANGES: dict[str, dict[str, Any]] = {"venues": {"type": "office"}, "spaces": {"units": 2}, "products": {"price": 1}}


async def entered(house: House, kind: str, **more: Any) -> Any:
    name = f"Entry {uuid.uuid4()}"
    fields: dict[str, dict[str, Any]] = {
        "venues": {},
        "spaces": {"venueId": house.venue},
        "products": {"reference": name, "price": 2, "currency": "EUR"},
    }
    return await call(house.session, "POST", f"/v1/{kind}", {"name": name, **fields[kind], **more})


async def read(house: House, path: str, known: str) -> tuple[int, str, bytes]:
    async with house.session.get(path, headers={"If-None-Match": known}) as answer:
        return answer.status, answer.headers["ETag"], await answer.read()


@pytest.mark.parametrize("kind", CHANGES)
async def test_an_entry_tells_its_version_whenever_it_is_shown_and_304_when_it_is_known(
    house: House, kind: str
) -> None:
    made = await entered(house, kind)
    path, first = made.headers["Location"], made.headers["ETag"]
    assert first == '"1"'
    assert await read(house, path, first) == (304, first, b"")
    changed = await call(house.session, "PATCH", path, CHANGES[kind])
    assert (changed.status, changed.headers["ETag"]) == (200, '"2"')
    assert (await read(house, path, first))[:2] == (200, '"2"')
    async with house.session.patch(path, json={"name": "x"}, headers={"If-Match": first}) as refused:
        assert refused.status == 412
    async with house.session.patch(path, json={"name": "y"}, headers={"If-Match": '"2"'}) as taken:
        assert (taken.status, taken.headers["ETag"]) == (200, '"3"')


async def test_a_product_is_shown_anew_when_a_space_takes_it_on(house: House) -> None:
    product, room = await entered(house, "products"), await entered(house, "spaces")
    path, before = product.headers["Location"], product.headers["ETag"]
    taken = await call(house.session, "PATCH", room.headers["Location"], {"products": [product.json["id"]]})
    assert (await read(house, room.headers["Location"], taken.headers["ETag"]))[0] == 304
    status, after, _ = await read(house, path, before)
    assert (status, after != before) == (200, True)
    assert (await read(house, path, after))[0] == 304
    async with house.session.patch(path, json={"price": 7}, headers={"If-Match": after}) as answer:
        assert answer.status == 200


async def test_the_typed_client_changes_the_version_that_it_names(platform: Any, house: House) -> None:
    name, more = f"Entry {uuid.uuid4()}", {"create": True}
    venue, space, product = (str(uuid.uuid4()) for _ in range(3))
    async with Client(platform.kafka, organisation="demo", name="demo") as holdfast:
        await holdfast.put_venue(venue, VenueFields(name=name), **more)
        await holdfast.put_space(space, SpaceFields(name=name, venue_id=venue), **more)
        sold = ProductFields(name=name, reference=name, price=1, currency="EUR")
        await holdfast.put_product(product, sold, **more)
        for stale in (
            holdfast.put_venue(venue, VenueFields(type="office"), if_version=2),
            holdfast.put_space(space, SpaceFields(units=2), if_version=2),
            holdfast.put_product(product, ProductFields(price=2), if_version=2),
            holdfast.archive_product(product, if_version=2),
            holdfast.archive_space(space, if_version=2),
            holdfast.archive_venue(venue, if_version=2),
        ):
            with pytest.raises(CommandRefused, match="PRECONDITION_FAILED"):
                await stale
        assert (await holdfast.put_product(product, ProductFields(price=2), if_version=1)).version == 2
        await holdfast.archive_product(product, if_version=2)
        await holdfast.archive_space(space, if_version=1)
        await holdfast.archive_venue(venue, if_version=1)
