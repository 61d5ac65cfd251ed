"""The JSON Schemas and samples of all messages, made from the models: `python -m contracts.schemas` writes what has changed.

With `--check` nothing is written: what is stale is shown as a difference, and the exit code is 1.

The schemas in the repository are what other builds and other teams read and write by, so a version of a message may only
ever gain optional fields (`compatibility.py`); anything else is refused, and nothing is written. To change more, make a new
version beside the old one:

1. `class HoldSlotV2(Message, version=2)` beside `class HoldSlot(Message)`: its type on the wire is `holdfast.HoldSlot.v2`.
2. Put it beside the old one in `topics.py` (an answer: in `client.ANSWERS`), and a sample into `sample_records.py`.
3. Release readers that handle both. Only then release writers of version 2.
4. A week after the last writer of version 1 (that long topics remember) remove its class, and run this with
   `--new-version 'HoldSlot.v1'`.

`--new-version PATTERN` says which messages no other build depends on, by name, `*` for any text: a version that no release
has carried yet may still change in any way, and a version that nobody writes any more may go.

Rules that live in validators (a span that ends before it begins) do not show in a schema: they are to be compared by eye.
"""

import argparse
import difflib
import json
import sys
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import orjson
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from contracts import client, topics
from contracts.catalogue import to_iso
from contracts.compatibility import Schema, breaks
from contracts.model import Message
from contracts.sample_records import Record, records

HERE = Path(__file__).parent
_PREFIX = "holdfast."


class _Generator(GenerateJsonSchema):
    """Says what pydantic leaves out (the bounds of times, days and lengths; that no key of a map breaks its pattern), and
    leaves out the titles that only repeat a name."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        return super().datetime_schema(schema) | _bounds(schema)

    def date_schema(self, schema: core_schema.DateSchema) -> JsonSchemaValue:
        return super().date_schema(schema) | _bounds(schema)

    def timedelta_schema(self, schema: core_schema.TimedeltaSchema) -> JsonSchemaValue:
        return super().timedelta_schema(schema) | _bounds(schema)

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        made = super().dict_schema(schema)
        for pattern, values in made.pop("patternProperties", {}).items():
            made["additionalProperties"] = values
            made["propertyNames"] = {**made.get("propertyNames", {}), "pattern": pattern}
        return made


def _bounds(schema: Any) -> JsonSchemaValue:
    """In the words of the widespread `formatMinimum` and `formatMaximum`; other validators pass over them."""
    words = {"ge": "formatMinimum", "le": "formatMaximum"}
    return {words[name]: _written(schema[name]) for name in words if name in schema}


def _written(bound: datetime | date | timedelta) -> str:
    return to_iso(bound) if isinstance(bound, timedelta) else bound.isoformat().replace("+00:00", "Z")


def messages() -> dict[str, type[Message]]:
    """Every message by its file's name: `HoldSlot.v1`."""
    return {kind.removeprefix(_PREFIX): model for kind, model in (topics.models() | client.ANSWERS).items()}


def schema(message: type[Message]) -> Schema:
    """What a reader accepts as this message."""
    made = message.model_json_schema(schema_generator=_Generator)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": message.type}


def sample(record: Record) -> dict[str, Any]:
    """The record as a file: its value is the compact form of `body`."""
    headers = {name: value.decode() for name, value in record.headers}
    return {"topic": record.topic, "key": record.key, "headers": headers, "body": orjson.loads(record.value)}


def files() -> dict[str, str]:
    """What belongs into this folder, by path."""
    made = {f"schemas/{name}.json": _text(schema(message)) for name, message in messages().items()}
    made |= {f"samples/{kind.removeprefix(_PREFIX)}.json": _text(sample(record)) for kind, record in records().items()}
    return dict(sorted(made.items()))


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def committed(folder: Path = HERE) -> dict[str, str]:
    """What is in this folder, by path."""
    found = [*folder.glob("schemas/*.json"), *folder.glob("samples/*.json")]
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(found)}


def broken(there: dict[str, str], made: dict[str, str], new_versions: Sequence[str] = ()) -> list[str]:
    """Each promise of the schemas that are there and that the ones made do not keep, but those of `new_versions`."""
    reasons = []
    for path in there:
        name = path.removeprefix("schemas/").removesuffix(".json")
        if not path.startswith("schemas/") or any(fnmatchcase(name, pattern) for pattern in new_versions):
            continue
        if path not in made:
            reasons.append(f"{name}: is gone, and topics may still hold it")
        else:
            reasons += [f"{name}: {reason}" for reason in breaks(orjson.loads(there[path]), orjson.loads(made[path]))]
    return reasons


def difference(there: dict[str, str], made: dict[str, str]) -> str:
    """What is stale, as a unified diff; empty if nothing is."""
    lines: list[str] = []
    for path in sorted(there.keys() | made.keys()):
        old, new = there.get(path, "").splitlines(True), made.get(path, "").splitlines(True)
        lines += difflib.unified_diff(old, new, path, "made from the models")
    return "".join(lines)


def main(arguments: Sequence[str] | None = None, folder: Path = HERE, made: dict[str, str] | None = None) -> int:
    """Write or check the files; 0 if all is well."""
    parser = argparse.ArgumentParser(
        prog="python -m contracts.schemas", description="Schemas and samples of all messages."
    )
    parser.add_argument("--check", action="store_true", help="write nothing, show what is stale")
    parser.add_argument(
        "--new-version", metavar="PATTERN", action="append", default=[], help="may change in any way, or go"
    )
    options = parser.parse_args(arguments)
    there, made = committed(folder), files() if made is None else made
    reasons = broken(there, made, options.new_version)
    if reasons:
        _say(
            "A version that others read and write by may only gain optional fields (how to go on: contracts/schemas.py)."
        )
        for reason in reasons:
            _say(f"  {reason}")
    if options.check:
        stale = difference(there, made)
        if stale:
            _say(f"{stale}\nSchemas or samples are stale: run python -m contracts.schemas")
        return 1 if stale or reasons else 0
    if reasons:
        return 1
    _write(folder, there, made)
    return 0


def _write(folder: Path, there: dict[str, str], made: dict[str, str]) -> None:
    for path in sorted(there.keys() - made.keys()):
        (folder / path).unlink()
        _say(f"removed {path}")
    for path, text in made.items():
        if there.get(path) != text:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
            _say(f"wrote {path}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
