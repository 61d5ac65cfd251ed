"""Query strings: what is passed on, and what is refused before anybody is asked."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.gateway import examples, queries
from services.gateway.errors import Problem

NOW = datetime(2027, 1, 10, 12, tzinfo=UTC)
WHERE = f"productId={examples.PRODUCT_ID}&spaceId={examples.SPACE_ID}"


def bookings(query: str) -> dict[str, str]:
    return dict(queries.parse(queries.Bookings, query.encode()).parameters())


def slots(query: str) -> dict[str, str]:
    given = dict(queries.span(queries.parse(queries.Slots, f"{WHERE}&{query}".encode()), NOW, 7, 92))
    assert (given.pop("productId"), given.pop("spaceId")) == (examples.PRODUCT_ID, examples.SPACE_ID)
    return given


def test_list_bookings_asks_for_the_first_20_when_nothing_is_said() -> None:
    assert bookings("") == {"page": "1", "limit": "20"}


def test_list_bookings_joins_what_is_repeated_and_says_times_in_utc() -> None:
    query = f"spaceIds={examples.SPACE_ID},{examples.VENUE_ID}&spaceIds={examples.PRODUCT_ID}&status=PAID&from=2027-01-11T09:00:00%2B02:00"
    assert bookings(query) == {
        "page": "1",
        "limit": "20",
        "spaceIds": f"{examples.SPACE_ID},{examples.VENUE_ID},{examples.PRODUCT_ID}",
        "status": "PAID",
        "from": "2027-01-11T07:00:00Z",
    }


@pytest.mark.parametrize(
    "query",
    ["page=0", "page=1000000000", "page=1_0", "page=%D9%A1", "page=1.0", "page=", "limit=101", "limit=1000000000",
     "page=1&page=2", "spaceIds=x", "spaceIds=", "customerId=%00", "status=paid", "from=yesterday", "from=1799658000",
     "spaceID=x", "status=%FF", "%FF=x", "to=2027-01-11T09:00:00"],
)  # fmt: skip
def test_list_bookings_is_400_for_what_is_not_documented(query: str) -> None:
    with pytest.raises(Problem) as caught:
        bookings(query)
    assert caught.value.status == 400
    assert caught.value.details


def test_list_bookings_takes_days_too() -> None:
    assert bookings("from=2027-01-11&to=2027-01-11")["to"] == "2027-01-11"


def test_list_bookings_is_422_when_the_span_ends_before_it_begins() -> None:
    with pytest.raises(Problem) as caught:
        bookings("from=2027-01-11T09:00:00Z&to=2027-01-11T08:00:00Z")
    assert caught.value.status == 422
    assert caught.value.details == [{"field": "to", "issue": "is not later than from"}]


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", {"to": "7"}),
        ("to=92", {"to": "92"}),
        ("to=2027-01-10", {"to": "2027-01-10"}),
        ("to=2027-01-10T13:00:00Z", {"to": "2027-01-10T13:00:00Z"}),
        ("from=2027-06-01T00:00:00Z&to=2027-06-30", {"from": "2027-06-01T00:00:00Z", "to": "2027-06-30"}),
        ("from=2027-06-01&to=2027-06-01", {"from": "2027-06-01", "to": "2027-06-01"}),
        ("explain=true", {"to": "7", "explain": "true"}),
        ("explain=false", {"to": "7"}),
        ("from=2027-06-01T00:00:00%2B02:00", {"from": "2027-05-31T22:00:00Z", "to": "7"}),
    ],
)
def test_list_slots_asks_for_a_span_of_days_a_date_or_a_time(query: str, asked: dict[str, Any]) -> None:
    assert slots(query) == asked


@pytest.mark.parametrize(
    "query",
    ["to=0", "to=-1", "to=1.5", "to=1000000", "to=99999999999999999999", "to=93", "to=9999-12-31", "to=2027-02-30",
     "from=9999-01-01T00:00:00Z", "from=2027-01-11T09:00:00+02:00", "to=P7D", "x=1",
     "explain=", "explain=1", "explain=True", "explain=yes", "explain=true&explain=true"],
)  # fmt: skip
def test_list_slots_is_400_for_another_shape_or_a_number_out_of_range(query: str) -> None:
    with pytest.raises(Problem) as caught:
        slots(query)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "query",
    [
        "to=2027-01-08",
        "to=2027-01-10T12:00:00Z",
        "from=2027-02-01T00:00:00Z&to=2027-01-20",
        "from=2027-02-02&to=2027-02-01",
        "to=2028-01-01",
        "to=2190-01-01T00:00:00Z",
    ],
)
def test_list_slots_is_422_when_the_span_ends_before_it_begins_or_is_too_long(query: str) -> None:
    with pytest.raises(Problem) as caught:
        slots(query)
    assert caught.value.status == 422


def test_a_replacement_character_is_a_character_and_bytes_that_are_no_utf_8_are_refused() -> None:
    written = queries.parse(queries.Products, b"reference=%EF%BF%BD")
    assert written.reference == "\N{REPLACEMENT CHARACTER}"
    for broken in b"reference=%FF", b"reference=\xff":
        with pytest.raises(Problem) as caught:
            queries.parse(queries.Products, broken)
        assert caught.value.status == 400
