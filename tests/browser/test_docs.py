"""/docs in a real browser: it shows every operation, and asks nobody but the gateway for anything."""

import asyncio
import re
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from conforming import application, document

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--hide-scrollbars",
    "--enable-logging=stderr",
]
WITHIN = 60  # seconds for a browser to start on a busy machine


@dataclass(frozen=True)
class Served:
    """The gateway's application on a port, and what was asked of it."""

    url: str
    asked: list[str] = field(default_factory=list)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        served = Served(f"http://127.0.0.1:{listening.getsockname()[1]}")
        app = application()

        async def recorded(scope: Any, receive: Any, send: Any) -> None:
            served.asked.append(scope["path"])
            await app(scope, receive, send)

        server = uvicorn.Server(uvicorn.Config(recorded, lifespan="off", log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield served
        server.should_exit = True
        await serving


@pytest.mark.skipif(CHROMIUM is None, reason="no browser: install chromium (Debian: apt-get install chromium)")
async def test_docs_show_every_operation_and_load_nothing_from_elsewhere(served: Served, tmp_path: Path) -> None:
    page, said = await _opened(f"{served.url}/docs", tmp_path)
    operations = [(m.upper(), path) for path, methods in document().described["paths"].items() for m in methods]
    shown = re.findall(r'opblock-summary-method">(\w+)<.*?data-path="([^"]+)"', page)
    assert sorted(shown) == sorted(operations)
    assert [line for line in said.splitlines() if "CONSOLE" in line] == []
    assert set(served.asked) == {
        "/docs",
        "/docs/favicon.png",
        "/docs/start.js",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
        "/openapi.json",
    }


async def _opened(url: str, folder: Path) -> tuple[str, str]:
    """The page as it is once its scripts have run, and what the browser logged."""
    assert CHROMIUM
    process = await asyncio.create_subprocess_exec(
        *(CHROMIUM, *OPTIONS, f"--user-data-dir={folder}", "--virtual-time-budget=20000", "--dump-dom", url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    page, said = await asyncio.wait_for(process.communicate(), WITHIN)
    return page.decode(), said.decode()
