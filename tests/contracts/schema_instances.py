"""Values that a JSON Schema allows, its edges more often than chance would have it; only what our schemas are made of."""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import jsonschema_rs
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from contracts.catalogue import from_iso, to_iso
from contracts.compatibility import Schema
from contracts.model import UUID_PATTERN


def instances(part: Schema, root: Schema) -> st.SearchStrategy[Any]:
    """Values of this part of a schema."""
    if "$ref" in part:
        part = root["$defs"][part["$ref"].rpartition("/")[2]]
    if "const" in part:
        return st.just(part["const"])
    if "enum" in part:
        return st.sampled_from(part["enum"])
    if alternatives := part.get("anyOf") or part.get("oneOf"):
        return st.one_of([instances(alternative, root) for alternative in alternatives])
    match part.get("type"):
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return _integers(part)
        case "number":
            return st.floats(part.get("minimum"), part.get("maximum"), allow_nan=False, allow_infinity=False)
        case "string":
            return _strings(part)
        case "array":
            return _arrays(part, root)
        case "object":
            return _objects(part, root)
        case _:
            return st.none() | st.booleans() | st.integers() | st.text()


def sample_both(writer: Schema, reader: Schema, examples: int) -> None:
    """Raise jsonschema_rs.ValidationError if the reader refuses one of so many values that the writer may send."""
    validator = jsonschema_rs.validator_for(reader, validate_formats=True)

    @settings(
        max_examples=examples,
        phases=[Phase.generate],  # any value that is refused will do, the smallest takes long to find
        report_multiple_bugs=False,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(instances(writer, writer))
    def _never_refused(value: Any) -> None:
        validator.validate(value)

    _never_refused()


def _integers(part: Schema) -> st.SearchStrategy[int]:
    low = part.get("minimum", part.get("exclusiveMinimum", -(2**63)) + ("minimum" not in part))
    high = part.get("maximum", part.get("exclusiveMaximum", 2**63) - ("maximum" not in part))
    return st.sampled_from([low, high]) | st.integers(low, high)


def _strings(part: Schema) -> st.SearchStrategy[str]:
    low, high = part.get("minLength", 0), part.get("maxLength")
    if "format" in part:
        return _written(part)
    if part.get("pattern") == UUID_PATTERN:
        return st.uuids().map(str)
    if "pattern" in part:
        some = st.from_regex(part["pattern"], fullmatch=True)
        stretched = some.map(lambda text: text.ljust(high or 0, text[-1:] or "x"))
        fits = re.compile(part["pattern"]).search
        return (some | stretched).filter(lambda text: low <= len(text) <= (high or len(text)) and fits(text))
    return st.text(min_size=low, max_size=high)


def _written(part: Schema) -> st.SearchStrategy[str]:
    low, high = part.get("formatMinimum"), part.get("formatMaximum")
    match part["format"]:
        case "date-time":
            first = datetime.fromisoformat(low) if low else datetime(1, 1, 2, tzinfo=UTC)
            last = datetime.fromisoformat(high) if high else datetime(9999, 12, 30, tzinfo=UTC)
            moments = st.datetimes(first.replace(tzinfo=None), last.replace(tzinfo=None), timezones=st.just(UTC))
            return (st.sampled_from([first, last]) | moments).map(datetime.isoformat)
        case "date":
            days = st.dates(
                date.fromisoformat(low) if low else date.min, date.fromisoformat(high) if high else date.max
            )
            return days.map(date.isoformat)
        case "duration":
            shortest, longest = (from_iso(bound) if bound else None for bound in (low, high))
            assert isinstance(shortest, timedelta), "a length without a least one is new to us"
            assert isinstance(longest, timedelta), "a length without a longest one is new to us"
            seconds = st.integers(round(shortest.total_seconds()), round(longest.total_seconds()))
            return (st.sampled_from([shortest, longest]) | seconds.map(lambda s: timedelta(seconds=s))).map(to_iso)
        case other:
            raise AssertionError(f"values of the format {other!r} are not made here: a schema has a new one")


def _arrays(part: Schema, root: Schema) -> st.SearchStrategy[list[Any]]:
    low = part.get("minItems", 0)
    high = min(part.get("maxItems", 4), max(low, 4))  # long lists are slow, and their bound is a rule of its own
    return st.lists(instances(part.get("items", {}), root), min_size=low, max_size=high)


def _objects(part: Schema, root: Schema) -> st.SearchStrategy[dict[str, Any]]:
    fields = {name: instances(schema, root) for name, schema in part.get("properties", {}).items()}
    if not fields and isinstance(part.get("additionalProperties"), dict):
        names = _strings({"type": "string", **part.get("propertyNames", {})})
        return st.dictionaries(names, instances(part["additionalProperties"], root), max_size=3)
    required = set(part.get("required", []))
    return st.fixed_dictionaries(
        {name: values for name, values in fields.items() if name in required},
        optional={name: values for name, values in fields.items() if name not in required},
    )
