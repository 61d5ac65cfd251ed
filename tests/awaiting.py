"""Waiting for what has to come true: no test sleeps for a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def until(asked: Callable[[], Awaitable[T]], within: float = 20.0) -> T:
    """The first true answer; fails after `within` seconds with the last one."""
    ends = time.monotonic() + within
    while not (answer := await asked()):
        assert time.monotonic() < ends, f"not within {within} s: {answer!r}"
        await asyncio.sleep(0.02)
    return answer
