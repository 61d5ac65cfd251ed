"""`make audit`: known vulnerabilities of what the locks name, Python packages and Kafka's jars, by the OSV database.

One question for all of them. Exit codes: 0 nothing is known, 1 something is that nobody has accepted, 3 the database could not
be asked, which says nothing about the packages.
"""

import asyncio
import os
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import aiohttp

from embedded.jars import PROJECT

DATABASE = "https://api.osv.dev"
LOCKS = ("run.txt", "dev.txt", "services.txt")
JARS = "kafka.lock.toml"
ACCEPTED = "accepted.toml"
AT_ONCE = 1000  # questions in one request, at most
SECONDS = 60.0
FOUND, NOT_ASKED = 1, 3
AWAY = (aiohttp.ClientError, OSError, TimeoutError, ValueError, LookupError)


@dataclass(frozen=True, order=True)
class Package:
    """What is named in a lock, in the database's words."""

    ecosystem: str
    name: str
    version: str


def packages(folder: Path) -> list[Package]:
    """What the locks in this folder name, each once."""
    pins = (
        re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", (folder / lock).read_text(), re.MULTILINE)
        for lock in LOCKS
    )
    jars = tomllib.loads((folder / JARS).read_text())["jars"]
    return sorted(
        {Package("PyPI", name, version) for found in pins for name, version in found}
        | {Package("Maven", *jar.rsplit(":", 1)) for jar in jars}
    )


def accepted(folder: Path, today: date) -> Mapping[str, str]:
    """Why somebody accepts a vulnerability, by its id, as long as it is accepted."""
    told = tomllib.loads((folder / ACCEPTED).read_text()).get("accepted", {})
    return {name: each["why"] for name, each in told.items() if each["until"] >= today}


async def known(database: str, wanted: list[Package]) -> Iterable[tuple[Package, str]]:
    """Each package with the id of each vulnerability that is known of it. Raises one of `AWAY`."""
    found: list[tuple[Package, str]] = []
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True, trust_env=True) as session:
        asked: list[tuple[Package, str | None]] = [(package, None) for package in wanted]
        while asked:
            now, asked = asked[:AT_ONCE], asked[AT_ONCE:]
            async with session.post(
                f"{database}/v1/querybatch", json={"queries": [_query(*each) for each in now]}
            ) as answer:
                results = (await answer.json())["results"]
            for (package, _), result in zip(now, results, strict=True):
                found += [(package, each["id"]) for each in result.get("vulns") or ()]
                if page := result.get("next_page_token"):
                    asked.append((package, page))
    return found


def _query(package: Package, page: str | None) -> dict[str, object]:
    named: dict[str, object] = {
        "package": {"name": package.name, "ecosystem": package.ecosystem},
        "version": package.version,
    }
    return {**named, "page_token": page} if page else named


def told(found: Iterable[tuple[Package, str]], taken: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    """A line for each, and whether it is accepted."""
    for package, name in sorted(set(found)):
        line = f"{package.name} {package.version} ({package.ecosystem}): {name}, https://osv.dev/vulnerability/{name}"
        yield (True, f"{line}\n  accepted: {taken[name]}") if name in taken else (False, line)


def main(folder: Path = PROJECT / "requirements") -> int:
    """Ask, print what is known, and return the exit code."""
    wanted = packages(folder)
    database = os.environ.get("HOLDFAST_AUDIT_DATABASE", DATABASE).rstrip("/")
    try:
        found = asyncio.run(known(database, wanted))
    except AWAY as error:
        why = f"{type(error).__name__}: {error}".strip()
        print(f"NOT AUDITED: {database} could not be asked ({why}). Nothing is known about the {len(wanted)} packages.")
        return NOT_ASKED
    lines = list(told(found, accepted(folder, datetime.now(UTC).date())))
    for _, line in lines:
        print(line)
    bad = sum(not fine for fine, _ in lines)
    print(f"{len(wanted)} packages, {len(lines)} known vulnerabilities, {bad} of them not accepted")
    return FOUND if bad else 0


if __name__ == "__main__":
    sys.exit(main())
