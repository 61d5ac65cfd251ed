"""The checker against the product with a rule taken out: a copy with one line changed runs instead of the real worker."""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from checker import check
from evidence import SERVICES, gathered
from flows import pressure
from scenes import Scene, opened
from waiting import until

pytestmark = pytest.mark.chaos

ROOT = Path(__file__).parents[2]
PACKAGES = ("chassis", "contracts", "services")

# What is changed where, the point at which the worker dies then, and which promise is found broken.
RULES = {
    "what is known is sent again": (
        "chassis/ledger.py",
        "if record.offset >= self.published(record.topic, record.partition):",
        "if False:",
        "committed",
        "closure",
    ),
    "a mark waits for the acknowledgements": (
        "chassis/decider.py",
        "        await self._await_acks()  # R7",
        "        self._sent.update(spans)\n        await self._mark()\n        await self._await_acks()  # R7",
        "committed",
        "closure",
    ),
    "an answer goes to everybody who asked": (
        "chassis/ledger.py",
        "if reply_to not in here.asked_by:",
        "if False:",
        "sent",
        "one_answer",
    ),
}


def planted(where: Path, file: str, line: str, instead: str) -> None:
    """A copy of the product with this change."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, where / package, ignore=shutil.ignore_patterns("__pycache__"))
    text = (where / file).read_text()
    assert text.count(line) == 1, f"{file} has changed: plant the bug anew"
    (where / file).write_text(text.replace(line, instead))


@pytest.mark.parametrize("rule", RULES)
async def test_a_rule_that_is_taken_out_is_missed(tmp_path: Path, rule: str) -> None:
    file, line, instead, point, promise = RULES[rule]
    planted(tmp_path, file, line, instead)
    async with opened() as scene, asyncio.timeout(90):
        platform = scene.platform
        await platform.stop_process("booking-1")
        databases = {service: platform.dsn(service) for service in SERVICES}

        async def found() -> list[str]:
            findings = check(await gathered(platform.kafka, databases))
            return [finding for finding in findings if finding.startswith(f"{promise}: ")]

        async with _customers(scene):
            for _ in range(3):  # it dies in the middle of its work, again and again
                async with _worker(tmp_path, platform.environment, HOLDFAST_FAILPOINT=f"{point}:3") as worker:
                    await worker.wait()
        await platform.start_process("booking-1")
        await until(found, 30)


@contextlib.asynccontextmanager
async def _customers(scene: Scene) -> AsyncIterator[None]:
    """Whose commands are lost, some of them: they are not waited for."""

    async def ask() -> None:
        async with pressure(scene.street):
            await asyncio.Event().wait()

    asking = asyncio.create_task(ask())
    try:
        yield
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


@contextlib.asynccontextmanager
async def _worker(
    folder: Path, environment: dict[str, str], **settings: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    env = {**os.environ, **environment, "HOLDFAST_INSTANCE": "booking-1", **settings}
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.booking", cwd=folder, env=env, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield worker
    finally:
        with contextlib.suppress(ProcessLookupError):
            worker.kill()
        await worker.wait()
