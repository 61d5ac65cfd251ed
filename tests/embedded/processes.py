"""Looking at processes from outside: what lives, what ended."""

import asyncio
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path


def lives(pid: int) -> bool:
    """Whether a process runs; a zombie, which nobody collected yet, has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


async def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Return as soon as the condition holds; fail after that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


async def gone(pids: Iterable[int], seconds: float = 20.0) -> None:
    """Return when none of these lives."""
    await until(lambda: not any(map(lives, pids)), seconds)
