"""A release as it was: one JSON file for each, with every message's schema and sample, every topic, every migration."""

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from contracts import schemas, topics

HERE = Path(__file__).parent
PROJECT = HERE.parent
HOLD = timedelta(minutes=15)
MIGRATIONS = ("chassis/schema", "services/*/migrations")

# Messages that a release had and the next one has not: since which release nobody writes them. A reader may go one release
# after the last writer.
GONE: dict[str, str] = {}

Part = dict[str, Any]


@dataclass(frozen=True)
class Release:
    """`messages` by name and version (`HoldSlot.v1`), `topics` by name, `migrations` as SHA-256 by path."""

    name: str
    messages: Mapping[str, Part]
    topics: Mapping[str, Part]
    migrations: Mapping[str, str]

    @property
    def number(self) -> tuple[int, ...]:
        """To order releases by."""
        return number(self.name)


def number(name: str) -> tuple[int, ...]:
    """`0.10` comes after `0.9`."""
    return tuple(int(part) for part in name.split("."))


def version() -> str:
    """The release that this checkout becomes, as `0.1`."""
    told = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return ".".join(str(told).split(".")[:2])


def now() -> Release:
    """This checkout, as it would be frozen."""
    made = {path: json.loads(text) for path, text in schemas.files().items()}
    messages = {
        name: {"schema": made[f"schemas/{name}.json"], "sample": made[f"samples/{name}.json"]}
        for name in schemas.messages()
    }
    table = {
        topic.name: {
            "key": topic.key,
            "messages": [message.type.removeprefix("holdfast.") for message in topic.messages],
            "retentionSeconds": round(topic.retention.total_seconds()),
            "recordBytes": topic.record_bytes,
            "forwardsTo": topic.forwards_to,
        }
        for topic in topics.topics(topics.hold_lengths(HOLD))
    }
    files = [path for pattern in MIGRATIONS for path in sorted(PROJECT.glob(f"{pattern}/*.sql"))]
    digests = {path.relative_to(PROJECT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return Release(version(), messages, table, digests)


def all_of_them(folder: Path = HERE) -> list[Release]:
    """Every frozen release, the oldest first."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")]
    return sorted((Release(**each) for each in found), key=lambda release: release.number)


def write(release: Release, folder: Path = HERE) -> Path:
    """Freeze it: a line for each message, topic and migration, so that a difference names what has changed."""
    parts = [f'"name": {json.dumps(release.name)}']
    for title in ("messages", "topics", "migrations"):
        lines = [f'"{name}": {json.dumps(part)}' for name, part in sorted(getattr(release, title).items())]
        parts.append(f'"{title}": {{\n' + ",\n".join(lines) + "\n}")
    path = folder / f"{release.name}.json"
    path.write_text("{" + ",\n".join(parts) + "}\n", encoding="utf-8")
    return path


def broken(old: Release, new: Release, gone: Mapping[str, str] = GONE) -> list[str]:
    """Everything by which builds and data of the old release would not get along with the new one; empty if all is well."""
    wanted = {name: part for name, part in old.messages.items() if not _may_go(name, old, gone)}
    reasons = schemas.broken(_schemas(wanted), _schemas(new.messages))
    for name, topic in old.topics.items():
        reasons += [f"{name}: {reason}" for reason in _changed(topic, new.topics.get(name), wanted)]
    for path, digest in old.migrations.items():
        if new.migrations.get(path) != digest:
            what = "was edited" if path in new.migrations else "is gone"
            reasons.append(f"{path}: {what}, and databases have it applied: write a new migration")
    return reasons


def _may_go(name: str, old: Release, gone: Mapping[str, str]) -> bool:
    return name in gone and number(gone[name]) <= old.number


def _schemas(messages: Mapping[str, Part]) -> dict[str, str]:
    return {f"schemas/{name}.json": json.dumps(part["schema"]) for name, part in messages.items()}


def _changed(old: Part, new: Part | None, wanted: Mapping[str, Part]) -> list[str]:
    if new is None:
        return ["the topic is gone, and records of the old release may lie in it"]
    found = [f"no longer takes {name}" for name in old["messages"] if name in wanted and name not in new["messages"]]
    if old["key"] != new["key"]:
        found.append(f"keyed by {new['key']} and no longer by {old['key']}: what has one key lies in two partitions")
    if new["retentionSeconds"] < old["retentionSeconds"]:
        found.append(f"keeps {new['retentionSeconds']} s and no longer {old['retentionSeconds']}")
    if new["recordBytes"] < old["recordBytes"]:
        found.append(f"takes {new['recordBytes']} bytes and no longer {old['recordBytes']}")
    if old["forwardsTo"] != new["forwardsTo"]:
        found.append(f"forwards to {new['forwardsTo']} and no longer to {old['forwardsTo']}")
    return found
