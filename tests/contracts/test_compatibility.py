"""The check of schemas, checked: whatever would make two builds misunderstand each other is found and named."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import jsonschema_rs
import pytest
from pydantic import AwareDatetime, Field, create_model
from schema_instances import sample_both

from contracts import schemas
from contracts.catalogue import Horizon, Span
from contracts.compatibility import breaks
from contracts.model import Value

PUBLISHED = {path: text for path, text in schemas.committed().items() if path.startswith("schemas/")}


class Guest(Value):
    name: Annotated[str, Field(max_length=40)]


FIELDS: dict[str, Any] = {
    "id": Annotated[str, Field(pattern="^[a-z]+$", min_length=1, max_length=20)],
    "status": Literal["HELD", "COMMITTED"],
    "price": Annotated[int, Field(ge=0, le=10_000)],
    "until": Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC))],
    "buffer": Span,
    "guests": Annotated[tuple[Guest, ...], Field(max_length=3)],
    "notes": Annotated[dict[Annotated[str, Field(max_length=5)], str], Field(max_length=9)],
    "phone": (str | None, None),
    "units": (int, 1),
}


def schema(**changes: Any) -> schemas.Schema:
    """The schema of a message with these fields changed; None takes a field away."""
    return schema_of(FIELDS | changes)


def schema_of(wanted: dict[str, Any]) -> schemas.Schema:
    fields = {name: kind for name, kind in wanted.items() if kind is not None}
    pairs = {name: kind if isinstance(kind, tuple) else (kind, ...) for name, kind in fields.items()}
    return create_model("Held", __base__=Value, **pairs).model_json_schema(schema_generator=schemas._Generator)  # type: ignore[call-overload]


OLD = schema()

BROKEN = {
    "a field is removed": {"price": None},
    "an optional field is removed": {"phone": None},
    "a new field is required": {"colour": str},
    "an optional field becomes required": {"phone": str},
    "a required field becomes optional": {"price": (int | None, None)},
    "an enum is narrower": {"status": Literal["HELD"]},
    "an enum is wider": {"status": Literal["HELD", "COMMITTED", "LOST"]},
    "an enum becomes any text": {"status": str},
    "a number is narrower": {"price": Annotated[int, Field(ge=0, le=5_000)]},
    "a number is wider": {"price": Annotated[int, Field(ge=-1, le=10_000)]},
    "a number has no bound any more": {"price": int},
    "another type": {"price": str},
    "a number with a fraction": {"price": Annotated[float, Field(ge=0, le=10_000)]},
    "null is allowed": {"price": Annotated[int, Field(ge=0, le=10_000)] | None},
    "null is not allowed any more": {"phone": (str, "")},
    "a tighter pattern": {"id": Annotated[str, Field(pattern="^[a-f]+$", min_length=1, max_length=20)]},
    "no pattern any more": {"id": Annotated[str, Field(min_length=1, max_length=20)]},
    "a shorter text": {"id": Annotated[str, Field(pattern="^[a-z]+$", min_length=1, max_length=19)]},
    "a longer least text": {"id": Annotated[str, Field(pattern="^[a-z]+$", min_length=2, max_length=20)]},
    "a shorter list": {"guests": Annotated[tuple[Guest, ...], Field(max_length=2)]},
    "a longer list": {"guests": Annotated[tuple[Guest, ...], Field(max_length=4)]},
    "another item": {"guests": Annotated[tuple[str, ...], Field(max_length=3)]},
    "shorter keys of a map": {"notes": Annotated[dict[Annotated[str, Field(max_length=4)], str], Field(max_length=9)]},
    "another value of a map": {"notes": Annotated[dict[Annotated[str, Field(max_length=5)], int], Field(max_length=9)]},
    "a later first moment": {"until": Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC))]},
    "a time becomes a text": {"until": str},
    "a longer span": {"buffer": Horizon},
    "another default": {"units": (int, 2)},
    "an object becomes a map": {"guests": Annotated[tuple[dict[str, str], ...], Field(max_length=3)]},
}  # fmt: skip


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN.keys())
def test_break_is_found(change: dict[str, Any]) -> None:
    reasons = breaks(OLD, schema(**change))
    assert reasons
    assert all(f"$.{next(iter(change))}" in reason for reason in reasons)


@pytest.mark.parametrize("name", sorted(BROKEN.keys() - {"an optional field is removed"}))
def test_break_is_found_the_other_way_round(name: str) -> None:
    assert breaks(schema(**BROKEN[name]), OLD)


@pytest.mark.parametrize(
    "change",
    [{}, {"colour": (str | None, None)}, {"colour": (Literal["red"], "red"), "size": (int, 3)}],
    ids=["nothing", "an optional field", "two of them"],
)
def test_new_optional_field_is_no_break(change: dict[str, Any]) -> None:
    assert breaks(OLD, schema(**change)) == []


def test_change_inside_a_nested_message_is_named_by_its_path() -> None:
    class Shorter(Value):
        name: Annotated[str, Field(max_length=39)]

    narrow = schema(guests=Annotated[tuple[Shorter, ...], Field(max_length=3)])
    assert breaks(OLD, narrow) == [
        "a new reader may refuse what an old writer sends: $.guests[].name: maxLength 40 is above 39"
    ]


def test_rule_that_the_check_does_not_know_is_a_break() -> None:
    strange = {"type": "object", "properties": {"n": {"type": "integer", "multipleOf": 5}}}
    assert any("`multipleOf`" in reason for reason in breaks(strange, strange))


# What a default means, that nobody reads a field, and bounds that validators pass over: no sample shows them.
INVISIBLE = {"an optional field is removed", "another default", "a later first moment", "a longer span"}


@pytest.mark.parametrize("name", sorted(BROKEN.keys() - INVISIBLE))
def test_samples_find_the_break_too(name: str) -> None:
    change = BROKEN[name]
    old, new = schema_of({field: FIELDS.get(field) for field in change}), schema_of(change)
    refused = 0
    for writer, reader in ((old, new), (new, old)):
        try:
            sample_both(writer, reader, examples=100)
        except jsonschema_rs.ValidationError:
            refused += 1
    assert refused


def test_samples_refuse_nothing_of_their_own_schema() -> None:
    sample_both(OLD, OLD, examples=100)


@pytest.mark.parametrize("path", PUBLISHED)
def test_published_schema_and_model_understand_each_other(path: str) -> None:
    name = path.removeprefix("schemas/").removesuffix(".json")
    old, new = schemas.orjson.loads(PUBLISHED[path]), schemas.schema(schemas.messages()[name])
    assert breaks(old, new) == []
    sample_both(old, new, examples=15)
    sample_both(new, old, examples=15)
