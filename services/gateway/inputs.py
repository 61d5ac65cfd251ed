"""Schemas of what clients send, as strict as the readers: what they refuse, the document forbids."""

from typing import Any

from contracts.zones import zones

JSON = dict[str, Any]
PREFIX = "#/components/schemas/"

# A format says which day a month has; the years are those of `contracts.model`.
_YEAR = "(19[7-9][0-9]|2[01][0-9][0-9])"
_DAY = f"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}$"
_TIME = (
    f"^{_YEAR}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-5][0-9](\\.[0-9]{{1,9}})?(Z|[+-][0-9]{{2}}:[0-9]{{2}})$"
)
_written: dict[str, JSON] = {"date": {"pattern": _DAY}, "date-time": {"pattern": _TIME}}
_YEAR_LONG = "ISO 8601, such as PT30M; at most 366 days."
# What a pattern cannot say of a field.
_fields: dict[str, JSON] = {
    "timezone": {"$ref": f"{PREFIX}TimeZone"},
    "bufferBefore": {"description": f"Kept clear before a booking. {_YEAR_LONG}"},
    "bufferAfter": {"description": f"Kept clear after a booking. {_YEAR_LONG}"},
    "leadTime": {"description": f"How long before its begin a slot is booked at the latest. {_YEAR_LONG}"},
    "horizon": {"description": "How far ahead slots are on sale. ISO 8601, such as P90D; at most 3660 days."},
    # Less than a minute: no unit but seconds, and of these fewer than 60.
    "startStep": {
        "description": "From one start to the next. Of hours: counted from the opening, by default the product's length. Of days and "
        "longer: whole days, counted from a Monday, by default one. ISO 8601, such as PT30M; a minute to 366 days.",
        "not": {"pattern": "^P[^1-9]*(0*[1-5]?[0-9]S)?$"},
    },
    "holdMinutes": {"description": "For how long a slot is held; without it for as long as the platform holds any."},
    "price": {"description": "In minor units of the currency: 2500 is 25.00 EUR."},
    "units": {"description": "How many bookings fit side by side."},
    "capacity": {"description": "People; it informs only."},
    "additionalProducts": {
        "description": "Ids of products of the category `additional`, each once: all the extras there shall be."
    },
}
# The older form of a product's length.
_flat = {"durationType": "type", "durationValue": "value"}


def plain(described: Any) -> Any:
    """The same without the titles that pydantic makes of names, and with whole numbers written as such."""
    if isinstance(described, dict):
        named = "properties" in described and described.get("type") == "object"
        shown = {key: plain(value) for key, value in described.items()}
        if named:
            shown["properties"] = {name: _untitled(each) for name, each in shown["properties"].items()}
        return shown
    if isinstance(described, list):
        return [plain(each) for each in described]
    if isinstance(described, float) and described.is_integer():
        return int(described)
    return described


def _untitled(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: value for key, value in schema.items() if key != "title"}
    return schema


def strict(described: JSON, days: int, most_days: int) -> None:
    """Make parameters and bodies as strict as their readers. Slots are shown `days` ahead, at most `most_days`."""
    schemas = described["components"]["schemas"]
    schemas["TimeZone"] = {"type": "string", "enum": sorted(zones()), "description": "An IANA time zone."}
    own: dict[str, str] = {"TimeZone": "TimeZone"}
    for methods in described["paths"].values():
        for operation in methods.values():
            for parameter in operation.get("parameters", ()):
                parameter["schema"] = _narrowed(_untitled(without_null(parameter["schema"])))
                parameter["schema"].pop("description", None)  # the parameter has it
                if parameter["name"] == "to" and "slots" in operation["tags"]:
                    _count_days(parameter["schema"], most_days)
                    parameter["description"] += f" {days} days unless given, {most_days} days at most."
                if parameter["in"] == "path":
                    parameter["description"] = "The id, a UUID."
            for content in operation.get("requestBody", {}).get("content", {}).values():
                name = content["schema"].get("$ref", "").removeprefix(PREFIX)
                if name:
                    schemas[name] = _closed(schemas[name], schemas, own)


def without_null(schema: Any) -> Any:
    """What may be left out may not be null."""
    if isinstance(schema, dict) and "anyOf" in schema:
        kinds = [without_null(kind) for kind in schema["anyOf"] if kind != {"type": "null"}]
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return {**rest, **kinds[0]} if len(kinds) == 1 else {**rest, "anyOf": kinds}
    return schema


def _count_days(schema: JSON, most: int) -> None:
    for kind in schema.get("anyOf", ()):
        if kind.get("type") == "integer":
            kind.update(minimum=1, maximum=most)


def _closed(schema: Any, schemas: JSON, own: dict[str, str]) -> Any:
    """The schema with every object in it closed; one that answers share gets a copy of its own."""
    if isinstance(schema, list):
        return [_closed(each, schemas, own) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(PREFIX)
        if name not in own:
            own[name] = f"{name}Input"
            closed = {**_closed(schemas[name], schemas, own), "title": own[name]}
            schemas[own[name]] = _either_form(closed, schemas) if name == "ProductMetadata" else closed
        return {**schema, "$ref": PREFIX + own[name]}
    closed = {key: value if key == "example" else _closed(value, schemas, own) for key, value in schema.items()}
    if "patternProperties" in closed:
        ((pattern, each),) = closed.pop("patternProperties").items()
        # Names are those of `contracts.model.Name`; other names than these are refused, not let pass.
        closed |= {
            "propertyNames": {"pattern": pattern, "minLength": 1, "maxLength": 200},
            "additionalProperties": each,
        }
    if "properties" in closed:
        closed["additionalProperties"] = False
        for name in closed["properties"].keys() & _fields:
            said = _fields[name]
            closed["properties"][name] = said if "$ref" in said else {**closed["properties"][name], **said}
    return _narrowed(closed)


def _either_form(metadata: JSON, schemas: JSON) -> JSON:
    """A product's length may be said flat, too."""
    length = schemas["DurationInput"]["properties"]
    flat: JSON = {"type": "object", "properties": {name: length[field] for name, field in _flat.items()}}
    described: JSON = {key: metadata[key] for key in ("title", "description") if key in metadata}
    rest = {key: value for key, value in metadata.items() if key not in described}
    return {**described, "anyOf": [rest, {**flat, "required": list(_flat), "additionalProperties": False}]}


def _narrowed(schema: JSON) -> JSON:
    if "anyOf" in schema:
        return {**schema, "anyOf": [_narrowed(each) for each in schema["anyOf"]]}
    return {**schema, **_written.get(schema.get("format", ""), {})}
