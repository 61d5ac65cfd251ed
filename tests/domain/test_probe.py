"""The health check of a container asks the service itself."""

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

PROBE = Path(__file__).parents[2] / "chassis" / "probe.py"
STATUSES = {"/readyz": 200, "/starting": 503, "/elsewhere": 302}


class Service(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(STATUSES[self.path])
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with http.server.HTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def asked(*words: object) -> int:
    """As a container's engine starts it: by a bare interpreter."""
    return subprocess.run([sys.executable, "-I", "-S", PROBE, *map(str, words)], check=False).returncode


def test_who_is_ready_is_healthy(port: int) -> None:
    assert asked(port) == 0


@pytest.mark.parametrize("path", ["/starting", "/elsewhere"])
def test_any_other_answer_is_not_healthy(port: int, path: str) -> None:
    assert asked(port, path) == 1


def test_nobody_at_home_is_not_healthy(port: int) -> None:
    assert asked(1) == 1
