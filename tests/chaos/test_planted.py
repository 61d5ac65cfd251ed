"""The checker against the product with a rule taken out: a copy with one line changed runs instead of the real worker."""

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from checker import check
from evidence import SERVICES, gathered
from flows import pressure
from scenes import opened
from waiting import resumed, until

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
    "work is resumed where outputs are unsent": (
        "chassis/stream.py",
        '(row["topic"], row["partition"]): row["published"] for',
        '(row["topic"], row["partition"]): row["processed"] for',
        "sending",
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
    async with opened() as scene:
        platform = scene.platform
        await platform.stop_process("booking-1")
        databases = {service: platform.dsn(service) for service in SERVICES}

        async def found() -> list[str]:
            findings = check(await gathered(platform.kafka, databases))
            return [finding for finding in findings if finding.startswith(f"{promise}: ")]

        flows = asyncio.create_task(_flows(scene))
        for _ in range(5):  # a worker that dies in the middle of it, again and again
            worker = await _worker(tmp_path, platform.environment, HOLDFAST_FAILPOINT=f"{point}:3")
            async with asyncio.timeout(30):
                await worker.wait()
        await platform.start_process("booking-1")
        flows.cancel()
        await asyncio.gather(flows, return_exceptions=True)
        await until(found, 30)


async def _flows(scene: object) -> None:
    async with pressure(scene.street) as load:  # type: ignore[attr-defined]
        while True:
            await resumed(load, 1, 1000)


async def _worker(folder: Path, environment: dict[str, str], **settings: str) -> asyncio.subprocess.Process:
    env = {**os.environ, **environment, "HOLDFAST_INSTANCE": "booking-1", **settings}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.booking", cwd=folder, env=env, stderr=asyncio.subprocess.DEVNULL
    )
