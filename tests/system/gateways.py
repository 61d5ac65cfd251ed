"""Gateways as a supervisor starts them: told when they are ready, stopped with SIGTERM."""

import asyncio
import base64
import contextlib
import json
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import conforming

from examples import tokens


@dataclass(frozen=True)
class Gateway:
    process: asyncio.subprocess.Process
    session: aiohttp.ClientSession
    said: socket.socket

    async def says(self) -> str:
        """What it tells its supervisor next."""
        return (await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.said, 100), 30)).decode()


@contextlib.asynccontextmanager
async def gateway(environment: dict[str, str], port: int, **settings: str) -> AsyncIterator[Gateway]:
    """A gateway on this port, ready or not. It ends by itself within 4 s of SIGTERM, with code 0."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as said:
        said.bind(str(Path(folder, "notify")))
        said.setblocking(False)
        env = {
            **os.environ,
            "HOLDFAST_GATEWAY_AVAILABILITY_URL": f"http://127.0.0.1:{free_port()}",
            "HOLDFAST_GATEWAY_BOOKING_URL": f"http://127.0.0.1:{free_port()}",
            "HOLDFAST_GATEWAY_NOTIFIER_URL": f"http://127.0.0.1:{free_port()}",
            "HOLDFAST_SEALING_KEYS": json.dumps([base64.b64encode(bytes(64)).decode()]),
            **environment,
            "HOLDFAST_GATEWAY_PORT": str(port),
            "NOTIFY_SOCKET": said.getsockname(),
            **{f"HOLDFAST_GATEWAY_{name.upper()}": value for name, value in settings.items()},
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.gateway", env=env, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            url = f"http://127.0.0.1:{port}"
            await _listens(url)
            async with conforming.session(url, headers=await tokens.authorization(url)) as session:
                yield Gateway(process, session, said)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            assert await asyncio.wait_for(process.wait(), 4) == 0


async def _listens(url: str) -> None:
    async with asyncio.timeout(30), aiohttp.ClientSession(url) as session:
        while await readiness(session) == 0:
            await asyncio.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until_ready(session: aiohttp.ClientSession, status: int = 200) -> None:
    """Return when /readyz has this status."""
    async with asyncio.timeout(30):
        while await readiness(session) != status:
            await asyncio.sleep(0.05)


async def readiness(session: aiohttp.ClientSession) -> int:
    """The status of /readyz; 0 while nobody listens."""
    try:
        async with session.get("/readyz") as answer:
            return answer.status
    except aiohttp.ClientConnectionError:
        return 0
