"""How moments, lengths, days and time zones are written, and what is none."""

import json
from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from contracts.catalogue import Closure, Horizon, OpeningHours, Span, Step, Timezone
from contracts.model import Instant


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("2027-01-11T09:00:00Z", "2027-01-11T09:00:00Z"),
        ("2027-01-11T10:00:00+01:00", "2027-01-11T09:00:00Z"),
        ("2027-01-11T09:00:00.5Z", "2027-01-11T09:00:00.500000Z"),
        ("2027-01-11T09:00:00.123456789Z", "2027-01-11T09:00:00.123456Z"),
        ("2027-01-10T23:00-10:00", "2027-01-11T09:00:00Z"),
        ("2200-01-01T00:00:00Z", "2200-01-01T00:00:00Z"),
    ],
)
def test_moment_is_kept_in_utc(written: str, stored: str) -> None:
    instant: TypeAdapter[Any] = TypeAdapter(Instant)
    assert instant.dump_python(instant.validate_python(written), mode="json") == stored


@pytest.mark.parametrize(
    ("written", "length", "stored"),
    [
        ("PT0S", timedelta(0), "PT0S"),
        ("PT90M", timedelta(minutes=90), "PT1H30M"),
        ("P2W", timedelta(days=14), "P14D"),
        ("P366D", timedelta(days=366), "P366D"),
        ("P1DT1H0M1S", timedelta(days=1, hours=1, seconds=1), "P1DT1H0M1S"),
        ("PT86400S", timedelta(days=1), "P1D"),
    ],
)
def test_span_is_written_in_iso_8601_without_months_and_years(written: str, length: timedelta, stored: str) -> None:
    span: TypeAdapter[timedelta] = TypeAdapter(Span)
    assert span.validate_json(json.dumps(written)) == length
    assert span.dump_python(length, mode="json") == stored


NOT_A_SPAN = ["P", "PT", "P1DT", "P1Y", "P1M", "-PT1H", "+PT1H", "PT-1H", "PT0.5S", "PT1,5H", "1 day", "01:00:00", "P367D",
              "PT99999999999H", "P1D\n", "pt1h", "P1W1D", "P٣D", 3600, 1.5, "3600", True, None, timedelta(microseconds=1)]  # fmt: skip


@pytest.mark.parametrize("bad", NOT_A_SPAN, ids=repr)
@pytest.mark.parametrize("kind", [Span, Step])
def test_span_that_is_none_is_refused(kind: Any, bad: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(bad)


def test_lengths_have_their_own_ends() -> None:
    for kind, least, most in ((Span, "PT0S", "P366D"), (Step, "PT1M", "P366D"), (Horizon, "PT0S", "P3660D")):
        for bound in (least, most):
            TypeAdapter(kind).validate_python(bound)
    for kind, beyond in ((Step, "PT59S"), (Horizon, "P3661D")):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(beyond)


@pytest.mark.parametrize(
    "day", ["9999-12-31", "0001-01-01", "2027-02-29", "2027-1-1", "2027-05-01T00:00:00Z", 0, 1768089600]
)
def test_closure_on_a_day_that_is_none_is_refused(day: Any) -> None:
    with pytest.raises(ValidationError):
        Closure.model_validate_json(json.dumps({"from": day, "to": day}))


def test_closure_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValidationError, match="ends before it begins"):
        Closure.model_validate({"from": "2027-05-02", "to": "2027-05-01"})


@pytest.mark.parametrize(
    "hours", [("09:00", "09:00"), ("24:00", "10:00"), ("9:00", "10:00"), ("09:00", "24:01"), ("09:00", "")]
)
def test_opening_hours_that_are_none_are_refused(hours: tuple[str, str]) -> None:
    with pytest.raises(ValidationError):
        OpeningHours.model_validate({"day": "monday", "open": hours[0], "close": hours[1]})


@pytest.mark.parametrize(
    "zone", ["localtime", "Factory", "posixrules", "../UTC", "europe/paris", "UTC\n", "", "+01:00"]
)
def test_time_zone_that_is_no_iana_name_is_refused(zone: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Timezone).validate_python(zone)
