"""Where ids come from, and when two requests are the same."""

import uuid
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts import envelope, examples
from contracts.booking import CancelBooking, ConfirmBooking, DeleteBooking
from contracts.catalogue import Address, PutSpace, PutVenue, SpaceFields, VenueFields
from contracts.envelope import derived_id, edge_id, output_id, request_hash

ID = "0f0f0f0f-1111-5222-8333-444455556666"
organisations = st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True)


@given(st.uuids(), st.text())
def test_derived_id_is_uuid5(namespace: uuid.UUID, name: str) -> None:
    assert derived_id(str(namespace), name) == str(uuid.uuid5(namespace, name))


def test_edge_id_is_the_documented_one() -> None:
    name = "demo|tutorial|order-17"
    assert edge_id("demo", "tutorial", "order-17") == str(uuid.uuid5(uuid.UUID(envelope.EDGE), name))


parts = st.tuples(organisations, st.text(alphabet="ab|%7C5"), st.text(alphabet="ab|%7C5"))


@given(parts, parts)
def test_edge_ids_differ_by_organisation_client_and_key(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (edge_id(*one) == edge_id(*other)) == (one == other)


@given(organisations, *(st.text(alphabet="ab|%7C5"),) * 3)
def test_no_separator_moves_a_part_of_a_key_into_a_name(organisation: str, one: str, two: str, three: str) -> None:
    assert edge_id(organisation, f"{one}|{two}", three) != edge_id(organisation, one, f"{two}|{three}")


def test_separator_in_a_name_is_no_separator() -> None:
    assert edge_id("demo", "a|b", "c") != edge_id("demo", "a", "b|c")
    assert edge_id("demo", "a%7Cb", "c") != edge_id("demo", "a|b", "c")


def test_ids_of_outputs_answers_and_bookings_never_meet() -> None:
    made = [output_id(ID, service, place) for service in ("booking", "availability") for place in (0, 1, 10, "answer")]
    assert len({*made, derived_id(ID, "booking"), ID}) == len(made) + 2


COMMANDS = (
    PutVenue(venue_id=ID, create=True, fields=examples.VENUE_FIELDS),
    examples.CREATE_BOOKING,
    ConfirmBooking(booking_id=ID),
)


@given(st.sampled_from(COMMANDS), st.randoms(use_true_random=False))
def test_request_hash_ignores_the_order_of_fields(command: Any, random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        names = list(value)
        random.shuffle(names)
        return {name: shuffled(value[name]) for name in names}

    body = shuffled(command.model_dump(mode="json"))
    assert request_hash("demo", type(command).model_validate(body)) == request_hash("demo", command)


def test_request_hash_ignores_fields_that_say_the_default() -> None:
    short = {"venueId": ID, "fields": {"address": {"city": "Marseille"}}}
    long = {
        "venueId": ID,
        "create": False,
        "fields": {"name": None, "address": {"street": "", "city": "Marseille"}, "closures": None},
    }
    assert request_hash("demo", PutVenue.model_validate(short)) == request_hash("demo", PutVenue.model_validate(long))


def test_request_hash_ignores_how_a_moment_is_written() -> None:
    body = examples.CREATE_BOOKING.model_dump(mode="json")
    body["slot"] = {"from": "2027-01-11T10:00:00+01:00", "to": "2027-01-11T10:00:00.000Z"}
    assert request_hash("demo", examples.CREATE_BOOKING.model_validate(body)) == request_hash(
        "demo", examples.CREATE_BOOKING
    )


DIFFERENT = [
    ("demo", ConfirmBooking(booking_id=ID)),
    ("other", ConfirmBooking(booking_id=ID)),
    ("demo", CancelBooking(booking_id=ID)),
    ("demo", DeleteBooking(booking_id=ID)),
    ("demo", ConfirmBooking(booking_id=examples.BOOKING_ID)),
    *(
        ("demo", PutVenue(venue_id=ID, create=create, fields=fields))
        for create in (True, False)
        for fields in (
            VenueFields(),
            VenueFields(name="Harbour House"),
            VenueFields(name="Harbour house"),
            VenueFields(label="harbour"),
            VenueFields(address=Address()),
            VenueFields(address=Address(city="Harbour House")),
            VenueFields(opening_hours=()),
            VenueFields(closures=()),
        )
    ),
]


def test_request_hash_tells_any_two_requests_apart() -> None:
    assert len({request_hash(organisation, message) for organisation, message in DIFFERENT}) == len(DIFFERENT)


@given(*(st.lists(st.sampled_from([examples.LIGHTHOUSE.id, examples.NET_LOFT.id]), max_size=3),) * 2)
def test_request_hash_heeds_the_order_of_a_list(one: list[str], other: list[str]) -> None:
    commands = [PutSpace(space_id=ID, fields=SpaceFields(products=tuple(products))) for products in (one, other)]
    hashes = [request_hash("demo", command) for command in commands]
    assert (hashes[0] == hashes[1]) == (one == other)
