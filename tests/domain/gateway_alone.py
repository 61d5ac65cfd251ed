"""A real gateway on a real port, with nothing behind it: no Kafka, no availability, and a booking service that never answers."""

import asyncio
import base64
import contextlib
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import conforming


@dataclass(frozen=True)
class Lonely:
    url: str
    port: int
    session: aiohttp.ClientSession


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _never_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@contextlib.asynccontextmanager
async def alone(keys: Path | None, development: bool = True, **settings: str) -> AsyncIterator[Lonely]:
    """A gateway with these settings and keys, listening."""
    silent = await asyncio.start_server(_never_answers, "127.0.0.1", 0)
    port = free_port()
    env = {
        **os.environ,
        "HOLDFAST_KAFKA": f"127.0.0.1:{free_port()}",
        "HOLDFAST_INTERNAL_TOKEN": "between us",
        "HOLDFAST_DEVELOPMENT": str(int(development)),
        "HOLDFAST_GATEWAY_PORT": str(port),
        "HOLDFAST_GATEWAY_AVAILABILITY_URL": f"http://127.0.0.1:{free_port()}",
        "HOLDFAST_GATEWAY_BOOKING_URL": f"http://127.0.0.1:{silent.sockets[0].getsockname()[1]}",
        "HOLDFAST_GATEWAY_NOTIFIER_URL": f"http://127.0.0.1:{free_port()}",
        "HOLDFAST_SEALING_KEYS": json.dumps([base64.b64encode(bytes(64)).decode()]),
        "HOLDFAST_GATEWAY_READ_WITHIN": "0.5",
        "HOLDFAST_GATEWAY_REACHABLE_WITHIN": "0.1",
        "HOLDFAST_GATEWAY_ARRIVED_WITHIN": "1",
        **({"HOLDFAST_GATEWAY_KEYS": str(keys)} if keys else {}),
        **{f"HOLDFAST_GATEWAY_{name}": value for name, value in settings.items()},
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.gateway", env=env, stderr=asyncio.subprocess.DEVNULL
    )
    gateway = Lonely(f"http://127.0.0.1:{port}", port, conforming.session(f"http://127.0.0.1:{port}"))
    try:
        async with asyncio.timeout(30):
            while not await _lives(gateway.session):
                assert process.returncode is None, "the gateway ended"
                await asyncio.sleep(0.05)
        yield gateway
    finally:
        await gateway.session.close()
        if process.returncode is None:
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 10) == 0
        silent.close()


async def _lives(session: aiohttp.ClientSession) -> bool:
    try:
        async with session.get("/livez") as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False
