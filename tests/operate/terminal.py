"""The `holdfast` command as an operator types it."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from typing import Any

OURS = ("HOLDFAST_", "COLUMNS")


@dataclass(frozen=True)
class Answer:
    """What the command said, and its exit code."""

    code: int
    said: str
    complained: str

    @property
    def json(self) -> Any:
        return json.loads(self.said)


async def typed(*words: str, **environment: str) -> Answer:
    """Run it to its end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "embedded.command", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**kept, **environment},
    )
    return await answer(process)


async def answer(process: asyncio.subprocess.Process) -> Answer:
    """What it says until its end, which comes within a minute."""
    try:
        said, complained = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return Answer(process.returncode, (said or b"").decode(), complained.decode())


def addresses(platform: Any) -> dict[str, str]:
    """Where this platform is, in the names of the services' own settings."""
    return {name: value for name, value in platform.environment.items() if name.startswith("HOLDFAST_")}
