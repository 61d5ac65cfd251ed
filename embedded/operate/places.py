"""Where a platform is: its data folder says so, or the environment, in the names of the services' own settings."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from contracts import connecting
from embedded import folder
from embedded.problem import NoLook, Problem

DEFAULT_DATA = Path(".data/up")
SERVICES = ("availability", "booking", "payment", "notifier")  # those with a database
NEEDED = ("availability", "booking")  # without them there is no platform
RELAY = "HOLDFAST_AVAILABILITY_RELAY_URL"  # the one address that no service is told
HOLD = timedelta(minutes=15)


@dataclass(frozen=True)
class Place:
    """The addresses of one platform. What is not known is missing or None."""

    name: str  # for people
    kafka: str  # as HOLDFAST_KAFKA: perhaps with a password
    databases: Mapping[str, str] = field(default_factory=dict)
    reads: Mapping[str, str] = field(
        default_factory=dict
    )  # of services, where their probes are too; of the relay these alone
    gateway: str | None = None
    partitions: int | None = None
    hold: timedelta = HOLD
    run: Mapping[str, Any] | None = None  # of a data folder: processes and pids

    def needs(self, *services: str) -> None:
        """Raises NoLook, with the way out, unless the databases of these services are known."""
        for service in services:
            if service not in SERVICES:
                raise NoLook(f"{service!r} is no service with a database: {', '.join(SERVICES)}")
        missing = [service for service in services if service not in self.databases]
        if missing:
            names = ", ".join(f"HOLDFAST_{service.upper()}_DATABASE" for service in missing)
            raise NoLook(f"{self.name}: the address of a database is not known: set {names}")

    def unnamed(self) -> list[str]:
        """What there is to look at and no address leads to, in words; of a data folder all that there are are known."""
        if self.run is not None:
            return []
        databases = [service for service in SERVICES if service not in self.databases]
        probes = [name for name in (*SERVICES, "relay") if name not in self.reads]
        probes += [] if self.gateway else ["gateway"]
        found = {"databases": databases, "readiness": probes}
        return [f"{what} of {', '.join(names)}" for what, names in found.items() if names]


def of(data: Path | None) -> Place:
    """The platform of this data folder; of none: the one that the environment names, else that of `.data/up`. Raises Problem."""
    if data is None and os.environ.get("HOLDFAST_KAFKA"):
        return named(os.environ)
    where = data or DEFAULT_DATA
    run = folder.running(where)
    if not run or not run.get("kafka"):
        raise Problem(
            f"nothing runs in {where}. Start the platform with `make up`, name its folder with --data, or name its "
            "addresses: HOLDFAST_KAFKA, HOLDFAST_AVAILABILITY_DATABASE, HOLDFAST_BOOKING_DATABASE …"
        )
    return recorded(where, run)


def recorded(where: Path, run: Mapping[str, Any]) -> Place:
    """What run.json of a data folder says."""
    return Place(
        str(where),
        run["kafka"],
        run.get("databases", {}),
        run.get("reads", {}),
        run.get("gateway"),
        run.get("partitions"),
        timedelta(seconds=run["hold"]) if "hold" in run else HOLD,
        run,
    )


def named(environment: Mapping[str, str]) -> Place:
    """What the environment says, in the settings' own names. Raises Problem for what it says wrongly."""

    def by_service(form: str) -> dict[str, str]:
        found = {service: environment.get(form.format(service.upper())) for service in SERVICES}
        return {service: value.rstrip("/") for service, value in found.items() if value}

    reads = by_service("HOLDFAST_GATEWAY_{}_URL")
    if relay := environment.get(RELAY):
        reads["relay"] = relay.rstrip("/")
    partitions = environment.get("HOLDFAST_TOPIC_PARTITIONS", "")
    if partitions and not partitions.isdecimal():
        raise Problem(f"HOLDFAST_TOPIC_PARTITIONS is no number: {partitions!r}")
    kafka = environment["HOLDFAST_KAFKA"]
    try:
        servers = connecting.address(kafka).servers
    except connecting.NoAddress as wrong:
        raise Problem(f"HOLDFAST_KAFKA is no address of Kafka: {wrong}") from None
    hold = environment.get("HOLDFAST_AVAILABILITY_HOLD")
    return Place(
        servers,
        kafka,
        by_service("HOLDFAST_{}_DATABASE"),
        reads,
        environment.get("HOLDFAST_GATEWAY_ISSUER"),
        int(partitions) if partitions else None,
        _length(hold) if hold else HOLD,
    )


def _length(text: str) -> timedelta:
    """As availability's settings take it: ISO 8601."""
    written = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", text)
    if written is None or not any(written.groups()):
        raise Problem(f"HOLDFAST_AVAILABILITY_HOLD is no length of time: {text!r}; write PT15M")
    hours, minutes, seconds = (int(part or 0) for part in written.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)
