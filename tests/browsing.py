"""A real browser, headless, driven over the DevTools protocol: Chromium as the machine has it, nothing else to install."""

import asyncio
import contextlib
import itertools
import json
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"]
WITHIN = 60  # seconds for a browser to start on a busy machine


class Tab:
    """One tab, in which pages may run no script of their own."""

    def __init__(self, line: aiohttp.ClientWebSocketResponse) -> None:
        self._line, self._numbers = line, itertools.count(1)

    async def tell(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the protocol, and its result."""
        number = next(self._numbers)
        await self._line.send_json({"id": number, "method": method, "params": params})
        while True:
            said = await self._line.receive_json(timeout=WITHIN)
            if said.get("id") == number:
                assert "error" not in said, said
                result: dict[str, Any] = said["result"]
                return result

    async def value(self, expression: str) -> Any:
        """What an expression is worth on the page."""
        result = await self.tell("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def shows(self, text: str) -> None:
        """Return once the page is complete and has this text."""
        ends, there = (
            time.monotonic() + WITHIN,
            f"document.readyState == 'complete' && document.body.innerText.includes({json.dumps(text)})",
        )
        while True:
            with contextlib.suppress(AssertionError):  # between two pages there is none to ask
                if await self.value(there):
                    return
            assert time.monotonic() < ends, (
                f"the page never said {text!r}: {await self.value('document.body.innerText')}"
            )
            await asyncio.sleep(0.05)

    async def press(self, key: str, text: str = "") -> None:
        """Press a key where the focus is."""
        code = {"Tab": 9, "Enter": 13}.get(key, 0)
        for kind in ("keyDown", "keyUp"):
            told = {"type": kind, "key": key, "windowsVirtualKeyCode": code}
            await self.tell("Input.dispatchKeyEvent", **told, **({"text": text} if text and kind == "keyDown" else {}))


@contextlib.asynccontextmanager
async def tab(folder: Path) -> AsyncIterator[Tab]:
    """A fresh browser with its profile in this folder."""
    assert CHROMIUM
    process = await asyncio.create_subprocess_exec(
        *(CHROMIUM, *OPTIONS, f"--user-data-dir={folder}", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        port = await _port(folder / "DevToolsActivePort")
        async with aiohttp.ClientSession() as http:
            async with http.get(f"http://127.0.0.1:{port}/json") as answer:
                pages = [each for each in await answer.json() if each["type"] == "page"]
            async with http.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as line:
                mine = Tab(line)
                await mine.tell("Emulation.setScriptExecutionDisabled", value=True)
                yield mine
    finally:
        process.kill()
        await process.wait()


async def _port(said: Path) -> str:
    ends = time.monotonic() + WITHIN
    while not said.exists() or "\n" not in said.read_text():
        assert time.monotonic() < ends, "the browser did not start"
        await asyncio.sleep(0.05)
    return said.read_text().split()[0]


@contextlib.asynccontextmanager
async def shop_pages() -> AsyncIterator[str]:
    """Where a shop is whose pages say at which of them a customer has arrived."""

    async def arrived(request: web.Request) -> web.Response:
        return web.Response(text=f"arrived at {request.path} with {request.query.get('session')}")

    app = web.Application()
    app.router.add_get("/{page}", arrived)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()
