"""What a release promised is kept by this one: its messages are read, its readers are understood, its topics and migrations stay."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from contracts import envelope
from contracts.schemas import messages
from releases import __main__ as command
from releases import frozen
from releases.frozen import Release

RELEASES = frozen.all_of_them()
NOW = frozen.now()
every_release = pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)


@every_release
def test_release_gets_along_with_this_one(release: Release) -> None:
    """Both ways: old records meet new readers, and new records old readers. More in `test_compatibility.py`."""
    assert frozen.broken(release, NOW) == []


@every_release
def test_every_record_of_the_release_is_read(release: Release) -> None:
    read = 0
    for name, part in release.messages.items():
        if name in frozen.GONE:
            continue
        sample, model = part["sample"], messages()[name]
        message = model.model_validate_json(orjson.dumps(sample["body"]))
        headers = envelope.read([(header, value.encode()) for header, value in sample["headers"].items()], 0)
        assert headers.type == model.type
        said = message.model_dump(mode="json", by_alias=True, exclude_unset=True)
        assert _without_what_is_new(said, sample["body"]) == sample["body"], "something that was said is not heard"
        read += 1
    assert read > 50


@every_release
def test_every_record_of_now_is_one_that_the_release_reads(release: Release) -> None:
    for name, part in release.messages.items():
        if name not in frozen.GONE:
            reader = jsonschema_rs.validator_for(part["schema"], validate_formats=True)
            reader.validate(NOW.messages[name]["sample"]["body"])


def _without_what_is_new(said: Any, asked: Any) -> Any:
    """Times and numbers as they were written, if they mean the same."""
    if isinstance(asked, dict) and isinstance(said, dict):
        return {key: _without_what_is_new(said.get(key), value) for key, value in asked.items()}
    if isinstance(asked, list) and isinstance(said, list):
        return [_without_what_is_new(one, other) for one, other in zip(said, asked, strict=True)]
    return asked if _plain(said) == _plain(asked) else said


def _plain(value: Any) -> Any:
    return value.replace(" ", "") if isinstance(value, str) else value


def changed(kind: str, name: str, **changes: Any) -> Release:
    """This checkout with one thing changed."""
    parts: dict[str, Any] = json.loads(json.dumps(getattr(NOW, kind)))
    parts[name] = {**parts[name], **changes}
    return replace(NOW, **{kind: parts})


def without(kind: str, name: str) -> Release:
    return replace(NOW, **{kind: {key: part for key, part in getattr(NOW, kind).items() if key != name}})


SCHEMA = NOW.messages["HoldSlot.v1"]["schema"]
MIGRATION = "services/booking/migrations/0001_bookings.sql"
BREAKS = {
    "a message is gone": (without("messages", "HoldSlot.v1"), "HoldSlot.v1: is gone"),
    "a field is required": (
        changed("messages", "HoldSlot.v1", schema={**SCHEMA, "required": [*SCHEMA["required"], "shop"]}),
        "HoldSlot.v1: a new reader may refuse",
    ),
    "a field is gone": (
        changed("messages", "HoldSlot.v1", schema={**SCHEMA, "properties": {}, "required": []}),
        "HoldSlot.v1: an old reader may refuse",
    ),
    "a topic is gone": (without("topics", "booking.events"), "booking.events: the topic is gone"),
    "a topic has another key": (changed("topics", "booking.events", key="space_id"), "booking.events: keyed by"),
    "a topic forgets sooner": (changed("topics", "booking.events", retentionSeconds=60), "booking.events: keeps 60 s"),
    "a topic takes less": (changed("topics", "booking.events", recordBytes=9), "booking.events: takes 9 bytes"),
    "a topic forwards elsewhere": (
        changed("topics", "availability.expiry.15m", forwardsTo="booking.commands"),
        "availability.expiry.15m: forwards to booking.commands",
    ),
    "a topic no longer takes a message": (
        changed("topics", "booking.commands", messages=[]),
        "booking.commands: no longer takes CreateBooking.v1",
    ),
    "a migration was edited": (replace(NOW, migrations={**NOW.migrations, MIGRATION: "0"}), f"{MIGRATION}: was edited"),
    "a migration is gone": (without("migrations", MIGRATION), f"{MIGRATION}: is gone"),
}


@pytest.mark.parametrize(("new", "why"), BREAKS.values(), ids=BREAKS.keys())
def test_break_of_what_a_release_promised_is_found(new: Release, why: str) -> None:
    found = frozen.broken(NOW, new)
    assert any(each.startswith(why) for each in found), found


def test_message_may_go_a_release_after_its_last_writer() -> None:
    old, new = replace(NOW, name="0.3"), without("messages", "HoldSlot.v1")
    assert frozen.broken(old, new, {"HoldSlot.v1": "0.4"}), "0.3 writes it still"
    left = frozen.broken(old, new, {"HoldSlot.v1": "0.3"})
    assert left == []


def test_what_is_added_breaks_nothing() -> None:
    more = {**SCHEMA, "properties": {**SCHEMA["properties"], "shop": {"type": "string", "default": ""}}}
    new = changed("messages", "HoldSlot.v1", schema=more)
    new = replace(new, migrations={**new.migrations, "services/booking/migrations/9999_more.sql": "0"})
    assert frozen.broken(NOW, new) == []


def test_release_is_frozen_once_and_read_again_as_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([], tmp_path) == 0
    assert frozen.all_of_them(tmp_path) == [NOW]
    assert command.main([], tmp_path) == 1
    assert "is frozen: raise the version in pyproject.toml" in capsys.readouterr().out
    assert command.main(["--again"], tmp_path) == 0


def test_release_that_breaks_the_one_before_is_not_frozen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frozen.write(replace(BREAKS["a migration is gone"][0], name="0.0", migrations={"gone.sql": "0"}), tmp_path)
    assert command.main([], tmp_path) == command.main(["--check"], tmp_path) == 1
    assert "breaks 0.0: gone.sql: is gone" in capsys.readouterr().out
    assert [release.name for release in frozen.all_of_them(tmp_path)] == ["0.0"]


def test_releases_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("0.10", "0.9", "1.0"):
        frozen.write(replace(NOW, name=name), tmp_path)
    assert [release.name for release in frozen.all_of_them(tmp_path)] == ["0.9", "0.10", "1.0"]
