"""What is wrong with a field, in our words: pydantic's speak of Python, or show a pattern."""

from collections.abc import Mapping
from typing import Any, get_args

from contracts.catalogue import ClosingTime, OpeningTime
from contracts.model import Currency, Id, Label, Name
from contracts.notifier import EventPattern
from contracts.zones import Timezone
from services.gateway import webhook_forms

_words = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "model_type": "is not an object",
    "model_attributes_type": "is not an object",
    "dict_type": "is not an object",
    "tuple_type": "is not an array",
    "too_short": "is empty",
    "too_long": "has more than {max_length} entries",
    "string_type": "is not a string",
    "string_too_short": "is empty",  # no field of ours needs more than one character
    "string_too_long": "is longer than {max_length} characters",
    "literal_error": "is not {expected}",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "greater_than_equal": "is less than {ge}",
    "less_than_equal": "is more than {le}",
    "timezone_aware": "has no time zone: it is written as 2027-01-11T09:00:00Z",
    "date_from_datetime_parsing": "is not written as 2027-05-01, or there is no such day",
    "date_from_datetime_inexact": "is not written as 2027-05-01",
    "json_invalid": "is not JSON: {error}",
}


def _pattern(kind: Any) -> str:
    return str(get_args(kind)[1].pattern)


_forms = {
    _pattern(Id): "is not an id: a UUID in lower case, such as 5ea00000-0000-4000-8000-000000000021",
    _pattern(Name): "has a control character or a line break",
    _pattern(Label): "is not lower-case letters and digits with single hyphens between them, such as harbour-house",
    _pattern(Currency): "is not a currency of three capital letters, such as EUR",
    _pattern(Timezone): "is not the name of an IANA time zone",
    _pattern(OpeningTime): "is not a time of day from 00:00 to 23:59, such as 09:00",
    _pattern(EventPattern): "is not a type of event, such as booking.created, a family such as booking.*, or *",
    _pattern(webhook_forms.Secret): webhook_forms.SECRET,
    _pattern(webhook_forms.Url): webhook_forms.URL,
    _pattern(webhook_forms.Cursor): webhook_forms.CURSOR,
    _pattern(ClosingTime): "is not a time of day from 00:00 to 24:00, such as 18:30",
}


def issue(complaint: Mapping[str, Any]) -> str:
    """What this complaint of pydantic's says."""
    context = complaint.get("ctx", {})
    if complaint["type"] == "string_pattern_mismatch":
        return _forms.get(context["pattern"], "is not of the documented form")
    words = _words.get(complaint["type"])
    return words.format(**context) if words else str(complaint["msg"]).removeprefix("Value error, ")
