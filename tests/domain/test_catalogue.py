"""How Harbour House comes on sale, changes, and goes off sale again."""

import pytest

from contracts import catalogue as messages
from contracts.answers import Detail, Refused
from contracts.catalogue import ProductFields, PutProduct, PutSpace, PutVenue, SpaceFields, VenueFields
from contracts.examples import (
    COFFEE,
    DESK_ONE_DAY,
    HARBOUR_HOUSE,
    LIGHTHOUSE,
    NET_LOFT,
    PRODUCT_FIELDS,
    ROOM_ONE_HOUR,
    SPACE_FIELDS,
    VENUE_FIELDS,
)
from services.availability import catalogue

NOBODY = "5ea00000-0000-4000-8000-0000000000ff"
VENUES, PRODUCTS, SPACES = {HARBOUR_HOUSE.id}, {ROOM_ONE_HOUR.id, DESK_ONE_DAY.id}, {LIGHTHOUSE.id, NET_LOFT.id}


def new_venue(**fields: object) -> PutVenue:
    return PutVenue(venue_id=HARBOUR_HOUSE.id, create=True, fields=VenueFields.model_validate(fields))


def space(create: bool = False, **fields: object) -> PutSpace:
    return PutSpace(space_id=LIGHTHOUSE.id, create=create, fields=SpaceFields.model_validate(fields))


def product(create: bool = False, **fields: object) -> PutProduct:
    return PutProduct(product_id=ROOM_ONE_HOUR.id, create=create, fields=ProductFields.model_validate(fields))


def test_put_venue_creates_the_house_as_it_is_described() -> None:
    command = PutVenue(venue_id=HARBOUR_HOUSE.id, create=True, fields=VENUE_FIELDS)
    assert catalogue.put_venue(None, command) == HARBOUR_HOUSE


def test_put_space_creates_the_room_as_it_is_described() -> None:
    command = PutSpace(space_id=LIGHTHOUSE.id, create=True, fields=SPACE_FIELDS)
    assert catalogue.put_space(None, command, VENUES, ()) == LIGHTHOUSE.model_copy(update={"products": ()})


def test_put_product_creates_it_as_it_is_described() -> None:
    command = PutProduct(product_id=ROOM_ONE_HOUR.id, create=True, fields=PRODUCT_FIELDS)
    assert catalogue.put_product(None, command, SPACES, None) == ROOM_ONE_HOUR


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Harbour House", "harbour-house"),
        ("  Café Ångström & Söhne, Straße 5 ", "cafe-angstrom-sohne-strasse-5"),
        ("海港", "venue-5ea00000"),
        ("a" * 99 + " b", "a" * 99),
        ("x" * 200, "x" * 100),
    ],
)
def test_put_venue_makes_a_label_of_the_name(name: str, label: str) -> None:
    venue = catalogue.put_venue(None, new_venue(name=name))
    assert isinstance(venue, messages.Venue)
    assert venue.label == label
    assert messages.Venue.model_validate_json(venue.model_dump_json()) == venue


def test_put_venue_keeps_the_label_when_the_name_changes() -> None:
    command = PutVenue(venue_id=HARBOUR_HOUSE.id, fields=VenueFields(name="Port House"))
    changed = HARBOUR_HOUSE.model_copy(update={"name": "Port House", "version": 2})
    assert catalogue.put_venue(HARBOUR_HOUSE, command) == changed


def test_a_change_that_changes_nothing_keeps_the_version() -> None:
    again = PutVenue(venue_id=HARBOUR_HOUSE.id, fields=VENUE_FIELDS)
    assert catalogue.put_venue(HARBOUR_HOUSE, again) is HARBOUR_HOUSE
    assert catalogue.put_space(LIGHTHOUSE, space(products=[ROOM_ONE_HOUR.id]), (), PRODUCTS) is LIGHTHOUSE
    assert catalogue.put_product(ROOM_ONE_HOUR, product(), (), None) is ROOM_ONE_HOUR


def test_creating_what_is_there_conflicts() -> None:
    for refused in (
        catalogue.put_venue(HARBOUR_HOUSE, new_venue(name="Other")),
        catalogue.put_space(LIGHTHOUSE, space(create=True, name="Other", venue_id=HARBOUR_HOUSE.id), VENUES, ()),
        catalogue.put_product(ROOM_ONE_HOUR, product(create=True, name="Other"), (), None),
    ):
        assert isinstance(refused, Refused)
        assert refused.code == "CONFLICT"


def test_an_archived_id_is_not_used_again() -> None:
    refused = catalogue.put_venue(None, new_venue(name="Harbour House"), archived=True)
    assert refused == Refused(code="CONFLICT", message="There was a venue with this id.")


def test_changing_what_is_not_there_is_not_found() -> None:
    change = PutVenue(venue_id=NOBODY, fields=VenueFields(name="Other"))
    for archived in (False, True):
        refused = Refused(code="NOT_FOUND", message="There is no such venue.")
        assert catalogue.put_venue(None, change, archived=archived) == refused
    assert catalogue.put_space(None, space(name="x"), (), ()) == Refused(
        code="NOT_FOUND", message="There is no such space."
    )
    assert catalogue.put_product(None, product(name="x"), (), None) == Refused(
        code="NOT_FOUND", message="There is no such product."
    )


def test_creating_names_each_missing_field_as_the_client_writes_it() -> None:
    assert catalogue.put_venue(None, new_venue()) == Refused(
        code="VALIDATION_FAILED",
        message="These fields are wrong: name.",
        details=(Detail(field="name", issue="is required"),),
    )
    refused = catalogue.put_space(None, space(create=True), (), ())
    assert isinstance(refused, Refused)
    assert [detail.field for detail in refused.details] == ["venueId", "name"]
    nothing = catalogue.put_product(None, product(create=True, spaces=[NOBODY]), (), None)
    assert isinstance(nothing, Refused)
    assert [detail.field for detail in nothing.details] == ["name", "reference", "price", "currency", "spaces"]


def test_unknown_ids_are_refused_by_the_field_that_names_them() -> None:
    refused = catalogue.put_space(LIGHTHOUSE, space(venue_id=NOBODY, products=[ROOM_ONE_HOUR.id, NOBODY]), (), PRODUCTS)
    assert refused == Refused(
        code="VALIDATION_FAILED",
        message="These fields are wrong: venueId, products.",
        details=(
            Detail(field="venueId", issue=f"{NOBODY} is not known"),
            Detail(field="products", issue=f"{NOBODY} is not known"),
        ),
    )
    nowhere = catalogue.put_product(ROOM_ONE_HOUR, product(spaces=[NOBODY]), SPACES, None)
    assert isinstance(nowhere, Refused)
    assert [detail.field for detail in nowhere.details] == ["spaces"]


def test_a_refusal_of_500_ids_names_the_first_100() -> None:
    ids = [f"5ea00000-0000-4000-8000-{n:012}" for n in range(500)]
    refused = catalogue.put_product(ROOM_ONE_HOUR, product(spaces=ids), (), None)
    assert isinstance(refused, Refused)
    assert len(refused.details) == 100


def test_membership_is_a_set_given_from_either_side() -> None:
    ids = [DESK_ONE_DAY.id, ROOM_ONE_HOUR.id, DESK_ONE_DAY.id]
    changed = catalogue.put_space(LIGHTHOUSE, space(products=ids), (), PRODUCTS)
    assert changed == LIGHTHOUSE.model_copy(update={"products": (ROOM_ONE_HOUR.id, DESK_ONE_DAY.id), "version": 2})
    emptied = catalogue.put_product(ROOM_ONE_HOUR, product(spaces=[]), (), None)
    assert emptied == ROOM_ONE_HOUR.model_copy(update={"spaces": (), "version": 2})


def test_a_reference_names_one_product() -> None:
    refused = catalogue.put_product(ROOM_ONE_HOUR, product(reference=COFFEE.reference), (), COFFEE.id)
    assert refused == Refused(
        code="CONFLICT",
        message="The reference is taken.",
        details=(Detail(field="reference", issue="is the reference of another product"),),
    )
    own = catalogue.put_product(ROOM_ONE_HOUR, product(reference="room-1h", price=2800), (), ROOM_ONE_HOUR.id)
    assert own == ROOM_ONE_HOUR.model_copy(update={"price": 2800, "version": 2})


def test_archiving_is_refused_while_it_is_used() -> None:
    command = messages.ArchiveVenue(venue_id=HARBOUR_HOUSE.id)
    assert catalogue.archive_venue(HARBOUR_HOUSE, command, {LIGHTHOUSE.id}) == Refused(
        code="CONFLICT",
        message="The venue has spaces still.",
        details=(Detail(field="spaces", issue=LIGHTHOUSE.id),),
    )
    for refused in (
        catalogue.archive_space(LIGHTHOUSE, messages.ArchiveSpace(space_id=LIGHTHOUSE.id), [NOBODY]),
        catalogue.archive_product(ROOM_ONE_HOUR, messages.ArchiveProduct(product_id=ROOM_ONE_HOUR.id), [NOBODY]),
    ):
        assert isinstance(refused, Refused)
        assert (refused.code, refused.details) == ("CONFLICT", (Detail(field="bookings", issue=NOBODY),))


def test_archiving_answers_with_the_id() -> None:
    venue, space_ = messages.ArchiveVenue(venue_id=HARBOUR_HOUSE.id), messages.ArchiveSpace(space_id=LIGHTHOUSE.id)
    assert catalogue.archive_venue(HARBOUR_HOUSE, venue, ()) == messages.ArchiveAnswer(id=HARBOUR_HOUSE.id)
    assert catalogue.archive_space(LIGHTHOUSE, space_, ()) == messages.ArchiveAnswer(id=LIGHTHOUSE.id)
    assert catalogue.archive_space(None, space_, ()) == Refused(code="NOT_FOUND", message="There is no such space.")


def test_a_change_of_another_version_is_refused_and_of_this_one_done() -> None:
    for wanted in (2, None, 1):
        told = (
            catalogue.put_venue(
                HARBOUR_HOUSE,
                PutVenue(venue_id=HARBOUR_HOUSE.id, fields=VenueFields(name="Port House"), if_version=wanted),
            ),
            catalogue.put_space(LIGHTHOUSE, space(units=2).model_copy(update={"if_version": wanted}), (), ()),
            catalogue.put_product(ROOM_ONE_HOUR, product(price=1).model_copy(update={"if_version": wanted}), (), None),
            catalogue.archive_venue(
                HARBOUR_HOUSE, messages.ArchiveVenue(venue_id=HARBOUR_HOUSE.id, if_version=wanted), ()
            ),
        )
        assert [isinstance(each, Refused) and each.code == "PRECONDITION_FAILED" for each in told] == [wanted == 2] * 4
