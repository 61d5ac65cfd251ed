"""Whether two schemas of the same message and version understand each other, rule by rule.

A platform is never upgraded all at once, and topics are read again from days ago: records written by the new schema meet
readers of the old one, and the other way round. So a version may only ever gain optional fields; all else is a new version.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

from contracts.catalogue import from_iso

Schema = dict[str, Any]

_SAYS_NOTHING = {"title", "description", "examples", "deprecated", "$defs", "$schema", "default"}
_UNDERSTOOD = _SAYS_NOTHING | {
    *("$ref", "anyOf", "oneOf", "type", "enum", "const", "format", "pattern"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "formatMinimum", "formatMaximum"),
    *("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "uniqueItems"),
    *("properties", "required", "additionalProperties", "propertyNames", "items", "prefixItems"),
}
_LOWER = ("minimum", "exclusiveMinimum", "formatMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "formatMaximum", "maxLength", "maxItems", "maxProperties")
_ABSENT = object()

# Bounds of written times, lengths and days are compared as what they mean.
_MEANINGS: dict[str, Callable[[str], Any]] = {
    "date-time": datetime.fromisoformat,
    "date": date.fromisoformat,
    "duration": from_iso,
}


def breaks(old: Schema, new: Schema) -> list[str]:
    """Every reason why readers and writers of the two may misunderstand each other; empty if they cannot."""
    return [
        *(f"a new reader may refuse what an old writer sends: {reason}" for reason in _refusals(old, new)),
        *(f"an old reader may refuse what a new writer sends: {reason}" for reason in _refusals(new, old)),
        *_changes_of_meaning(_Side(old, old), _Side(new, new), "$"),
    ]


def _refusals(writer: Schema, reader: Schema) -> list[str]:
    return list(_refused(_Side(writer, writer), _Side(reader, reader), "$"))


class _Side:
    """A part of one of the two schemas, its references resolved."""

    def __init__(self, part: Schema, root: Schema) -> None:
        while "$ref" in part:
            _, _, name = part["$ref"].rpartition("/")
            part = {**root["$defs"][name], **{key: value for key, value in part.items() if key != "$ref"}}
        self.rules, self.root = part, root

    def part(self, schema: Schema) -> "_Side":
        return _Side(schema, self.root)

    def properties(self) -> dict[str, "_Side"]:
        return {name: self.part(schema) for name, schema in self.rules.get("properties", {}).items()}

    def alternatives(self) -> list["_Side"]:
        listed = self.rules.get("anyOf") or self.rules.get("oneOf")
        return [self.part(schema) for schema in listed] if listed else [self]

    def types(self) -> set[str]:
        declared = self.rules.get("type", [])
        return {declared} if isinstance(declared, str) else set(declared)

    def values(self) -> list[Any] | None:
        return [self.rules["const"]] if "const" in self.rules else self.rules.get("enum")

    def bound(self, name: str) -> Any:
        value = self.rules.get(name)
        return _MEANINGS[self.rules["format"]](value) if isinstance(value, str) else value


def _refused(writer: _Side, reader: _Side, path: str) -> Iterator[str]:
    """What the writer may send that the reader does not take."""
    for keyword in sorted(writer.rules.keys() - _UNDERSTOOD):
        yield f"{path}: nobody has said what `{keyword}` means for the other side"
    taken = reader.alternatives()
    for sent in writer.alternatives():
        if len(taken) == 1 and sent is writer and taken[0] is reader:
            yield from _refused_alternative(sent, reader, path)
            continue
        reasons = [list(_refused(sent, choice, path)) for choice in taken]
        if all(reasons):
            yield from min(reasons, key=len)


def _refused_alternative(writer: _Side, reader: _Side, path: str) -> Iterator[str]:
    wanted = reader.types()
    if wanted and (other := {kind for kind in writer.types() or {"anything"} if not _takes(wanted, kind)}):
        yield f"{path}: {', '.join(sorted(other))} is not {' or '.join(sorted(wanted))}"
        return
    if (values := reader.values()) is not None:
        unknown = [value for value in writer.values() or ["anything"] if value not in values]
        if unknown:
            yield f"{path}: {', '.join(map(repr, unknown))} is not one of {values}"
        return
    for keyword in ("format", "pattern"):
        if keyword in reader.rules and writer.rules.get(keyword) != reader.rules[keyword]:
            yield f"{path}: {keyword} {writer.rules.get(keyword)} is not {reader.rules[keyword]}"
            return
    for keyword in _LOWER:
        if keyword in reader.rules and not _at_least(writer.bound(keyword), reader.bound(keyword)):
            yield f"{path}: {keyword} {writer.rules.get(keyword)} is below {reader.rules[keyword]}"
    for keyword in _UPPER:
        if keyword in reader.rules and not _at_least(reader.bound(keyword), writer.bound(keyword)):
            yield f"{path}: {keyword} {writer.rules.get(keyword)} is above {reader.rules[keyword]}"
    if reader.rules.get("uniqueItems") and not writer.rules.get("uniqueItems"):
        yield f"{path}: items may repeat"
    yield from _refused_items(writer, reader, path)
    yield from _refused_fields(writer, reader, path)


def _refused_items(writer: _Side, reader: _Side, path: str) -> Iterator[str]:
    if len(writer.rules.get("prefixItems", [])) != len(reader.rules.get("prefixItems", [])):
        yield f"{path}: another number of items has a place of its own"
    places = zip(writer.rules.get("prefixItems", []), reader.rules.get("prefixItems", []), strict=False)
    for index, (sent, taken) in enumerate(places):
        yield from _refused(writer.part(sent), reader.part(taken), f"{path}[{index}]")
    if isinstance(reader.rules.get("items"), dict):
        yield from _refused(writer.part(writer.rules.get("items", {})), reader.part(reader.rules["items"]), f"{path}[]")


def _refused_fields(writer: _Side, reader: _Side, path: str) -> Iterator[str]:
    for name in sorted(set(reader.rules.get("required", [])) - set(writer.rules.get("required", []))):
        yield f"{path}.{name}: is required and may be missing"
    sent, taken = writer.properties(), reader.properties()
    for name in sent.keys() & taken.keys():
        yield from _refused(sent[name], taken[name], f"{path}.{name}")
    others = reader.rules.get("additionalProperties", True)
    if others is False:
        for name in sorted(sent.keys() - taken.keys()):
            yield f"{path}.{name}: unknown fields are refused"
        if not sent and writer.rules.get("additionalProperties", True) is not False and "object" in writer.types():
            yield f"{path}: unknown fields are refused"
    elif isinstance(others, dict):
        for name in sent.keys() - taken.keys():
            yield from _refused(sent[name], reader.part(others), f"{path}.{name}")
        further = writer.rules.get("additionalProperties", True)
        if further is not False:
            yield from _refused(writer.part(_schema(further)), reader.part(others), f"{path}.*")
    if "propertyNames" in reader.rules:
        names = {"type": "string", **writer.rules.get("propertyNames", {})}
        yield from _refused(
            writer.part(names), reader.part({"type": "string", **reader.rules["propertyNames"]}), f"{path}.(name)"
        )


def _changes_of_meaning(old: _Side, new: _Side, path: str) -> Iterator[str]:
    """What both would read without complaint, and understand differently."""
    if old.rules.get("default", _ABSENT) != new.rules.get("default", _ABSENT):
        yield f"{path}: what is left out means {new.rules.get('default')!r}, not {old.rules.get('default')!r}"
    before, now = old.properties(), new.properties()
    for name in before:
        if name not in now:
            yield f"{path}.{name}: nobody reads it any more"
        else:
            yield from _changes_of_meaning(before[name], now[name], f"{path}.{name}")
    if isinstance(old.rules.get("items"), dict) and isinstance(new.rules.get("items"), dict):
        yield from _changes_of_meaning(old.part(old.rules["items"]), new.part(new.rules["items"]), f"{path}[]")
    if len(old.alternatives()) > 1:
        for one, other in zip(old.alternatives(), new.alternatives(), strict=False):
            yield from _changes_of_meaning(one, other, path)


def _takes(wanted: set[str], kind: str) -> bool:
    return kind in wanted or (kind == "integer" and "number" in wanted)


def _at_least(value: Any, bound: Any) -> bool:
    return value is not None and bound is not None and value >= bound


def _schema(rule: Any) -> Schema:
    return rule if isinstance(rule, dict) else {}
