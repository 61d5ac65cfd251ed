"""The records of a frozen release, sent as its builds sent them: the same bytes, but for ids and times of this day."""

import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema_rs
from bus import Bus, Record, header

from contracts.examples import NOON_BEFORE
from releases.frozen import Release

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
OWN = ("ce_id", "ce_time", "ce_organisationid", "ce_correlationid", "ce_causationid")


@dataclass
class OldRecords:
    """One life of the release's samples: each id becomes another one, the same each time; the slots lie in the next weeks."""

    release: Release
    bus: Bus
    organisation: str = field(default_factory=lambda: f"old-{uuid.uuid4().hex[:8]}")
    life: uuid.UUID = field(default_factory=uuid.uuid4)

    def of(self, name: str) -> dict[str, Any]:
        sample: dict[str, Any] = self.release.messages[name]["sample"]
        return sample

    def moved(self, text: str) -> str:
        """A text of a sample in this life."""
        weeks = (datetime.now(UTC) - NOON_BEFORE) // timedelta(days=7) + 2
        text = UUID.sub(lambda found: str(uuid.uuid5(self.life, found[0])), text)
        return TIME.sub(lambda found: self._later(found[0], timedelta(days=7) * weeks), text)

    async def send(self, name: str) -> tuple[str, str]:
        """Publish this record; its id, and its place."""
        sample = self.of(name)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        own = {"ce_time": now, "ce_organisationid": self.organisation}
        headers = {key: own.get(key) or self.moved(value) for key, value in sample["headers"].items()}
        body, key = self.moved(json.dumps(sample["body"])), self.moved(sample["key"])
        sent = await self.bus.raw(
            sample["topic"], body.encode(), [(key, value.encode()) for key, value in headers.items()], key.encode()
        )
        return headers["ce_id"], f"{sent.topic}/{sent.partition}/{sent.offset}"

    def mine(self, records: list[Record]) -> list[Record]:
        """What was written in this life."""
        return [record for record in records if header(record, "ce_organisationid") == self.organisation]

    def misread(self, records: list[Record]) -> list[str]:
        """What readers of the release would not understand."""
        found = []
        for record in self.mine(records):
            name = (header(record, "ce_type") or "?").removeprefix("holdfast.")
            if name not in self.release.messages:
                found.append(f"{record.topic}: {name} is unknown to {self.release.name}")
                continue
            reader = jsonschema_rs.validator_for(self.release.messages[name]["schema"], validate_formats=True)
            try:
                reader.validate(json.loads(record.value or b"null"))
            except jsonschema_rs.ValidationError as error:
                found.append(f"{record.topic}: {name}: {error.message}")
        return found

    @staticmethod
    def _later(text: str, by: timedelta) -> str:
        return (datetime.fromisoformat(text) + by).isoformat().replace("+00:00", "Z")
