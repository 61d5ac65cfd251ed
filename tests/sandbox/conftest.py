"""One sandbox for the tests that only call it, with a receiver; each is told apart by the ids of its own objects."""

from collections.abc import AsyncIterator

import pytest
from sandboxed import Receiver, Sandbox, receiver, sandbox


@pytest.fixture(scope="module")
async def hook() -> AsyncIterator[Receiver]:
    async with receiver() as mine:
        yield mine


@pytest.fixture(scope="module")
async def stripes(tmp_path_factory: pytest.TempPathFactory, hook: Receiver) -> AsyncIterator[Sandbox]:
    """The sandbox, with quick retries of its webhooks, slow methods that take no time, and sessions as short as one likes."""
    settings = {"webhook_retries": "[0.05, 0.05, 0.05]", "slow_seconds": "0.05", "shortest_session": "0"}
    async with sandbox(tmp_path_factory.mktemp("sandbox"), hook.url, **settings) as mine:
        yield mine


@pytest.fixture(autouse=True)
async def calm(stripes: Sandbox, hook: Receiver) -> AsyncIterator[None]:
    """No test finds the faults or the events of another one."""
    hook.came.clear()
    yield
    await stripes.no_faults()
    hook.answers.clear()
