"""Waiting for conditions, each with a deadline."""

import asyncio
import time

from awaiting import until as until
from checker import check
from evidence import SERVICES, Evidence, gathered
from flows import Load

from embedded.platform import Platform

RESUMES_WITHIN = 15.0  # seconds


async def died(platform: Platform, name: str, pid: int, within: float = 40.0) -> None:
    """Return when this life of the process has ended."""

    async def gone() -> bool:
        return platform.pids.get(name) != pid

    await until(gone, within)


async def resumed(load: Load, answers: int = 20, within: float = RESUMES_WITHIN) -> None:
    """Return when so many more commands were answered; it must not take long."""
    wanted = load.answered + answers

    async def enough() -> bool:
        return load.answered >= wanted

    await until(enough, within)


async def halted(load: Load, seconds: float = 4.0) -> None:
    """Return when nothing was answered for so long."""
    last, since = load.answered, time.monotonic()

    async def silent() -> bool:
        nonlocal last, since
        if load.answered != last:
            last, since = load.answered, time.monotonic()
        return time.monotonic() - since >= seconds

    await until(silent, 60)


async def log_has(platform: Platform, name: str, words: str) -> None:
    """Return when the process has said so."""

    async def said() -> bool:
        return words in (platform.data / "logs" / f"{name}.log").read_text(errors="replace")

    await until(said, 30)


async def every_timer_fired(platform: Platform) -> None:
    """Return when every ExpireHold that was written has become a command: none may be lost, whatever happened."""

    async def fired() -> bool:
        evidence = await gathered(platform.kafka, {service: platform.dsn(service) for service in SERVICES})
        written = {r.id for topic, found in evidence.topics.items() if ".expiry." in topic for r in found}
        return written <= {record.id for record in evidence.topics["availability.commands"]}

    await until(fired, 40)


async def nothing_wrong(platform: Platform, within: float = 30.0) -> Evidence:
    """The evidence, as soon as everything has come to rest; whatever was wrong for good is still wrong then."""
    ends = time.monotonic() + within
    databases = {service: platform.dsn(service) for service in SERVICES}
    while findings := check(evidence := await gathered(platform.kafka, databases)):
        assert time.monotonic() < ends, f"{len(findings)} findings:\n" + "\n".join(findings[:20])
        await asyncio.sleep(0.2)
    return evidence
