"""Workers as a supervisor starts them: processes that can be killed."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import aiohttp
from bus import HOLD, Bus, until

from embedded import ports
from embedded.platform import iso

MODULES = {"relay": "services.availability.relay"}


@dataclass(frozen=True)
class Worker:
    process: asyncio.subprocess.Process
    url: str

    def kill(self) -> None:
        """Like a power cut."""
        self.process.kill()

    async def ended(self, within: float = 20.0) -> int:
        """Its exit code, when it ends by itself."""
        return await asyncio.wait_for(self.process.wait(), within)

    async def ready(self) -> dict[str, object] | None:
        """What it says of itself; None while it says nothing."""
        try:
            async with aiohttp.ClientSession() as session, session.get(f"{self.url}/readyz") as answer:
                said: dict[str, object] = await answer.json()
                return said
        except aiohttp.ClientConnectionError:
            return None


@contextlib.asynccontextmanager
async def worker(
    bus: Bus, name: str, *, becomes_ready: bool = True, program: Sequence[str] = (), **settings: str
) -> AsyncIterator[Worker]:
    """A ready worker of this service, or of another program in its place; at the end it is asked to leave, if it still lives."""
    service = "availability" if name == "relay" else name
    port = ports.hold(shared=True)
    port_setting = f"HOLDFAST_{service.upper()}{'_RELAY' if name == 'relay' else ''}_PORT"
    env = {
        **os.environ,
        **bus.infra.environment,
        f"HOLDFAST_{service.upper()}_DATABASE": bus.infra.dsn(service),
        "HOLDFAST_AVAILABILITY_PORT": str(port.number),
        port_setting: str(port.number),
        "HOLDFAST_AVAILABILITY_HOLD": iso(HOLD),
        **settings,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(program or ("-m", MODULES.get(name, f"services.{name}"))),
        env=env,
        stderr=asyncio.subprocess.DEVNULL,
    )
    running = Worker(process, f"http://{ports.HOST}:{port.number}")

    async def ready() -> bool:
        assert process.returncode is None, f"{name} ended with {process.returncode}"
        said = await running.ready()
        return said is not None and said["ready"] in (True, becomes_ready)

    try:
        await until(ready, 30)
        yield running
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 15)
        port.release()
