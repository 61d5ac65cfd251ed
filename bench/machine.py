"""The machine and the settings: without them no figure means anything."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from bench import processes
from bench.stats import percentile
from bench.tables import Row, Table
from embedded.folder import VERSION
from embedded.platform import PARTITIONS, Platform

PACKAGES = ("aiokafka", "asyncpg", "fastapi", "faststream", "httptools", "orjson", "pydantic", "uvicorn", "uvloop")
POSTGRES = (
    "server_version",
    "fsync",
    "synchronous_commit",
    "shared_buffers",
    "max_wal_size",
    "default_toast_compression",
)
BLOCK = bytes(8192)
BUSY = 10  # percent of the machine, before we begin


def busy_before(seconds: float = 1.0) -> int | None:
    """How many percent of the machine work already, before anything of ours runs."""
    before = processes.snapshot({})
    time.sleep(seconds)
    return processes.used(before, processes.snapshot({})).others_percent


def fdatasync_ms(folder: Path, times: int = 200) -> float | None:
    """The median time in which 8 kB reach the disk that holds the folder: what a commit has to wait for."""
    sync = getattr(os, "fdatasync", os.fsync)  # macOS has only fsync, which does not even reach the disk
    spent = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(times):
            file.write(BLOCK)
            began = time.perf_counter()
            sync(file.fileno())
            spent.append((time.perf_counter() - began) * 1000)
    return percentile(spent, 0.5)


def machine(folder: Path, load: tuple[float, float, float], busy: int | None) -> Table:
    """What it runs on."""
    facts: Row = {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory GB": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "8 kB to the disk, ms": fdatasync_ms(folder),
        "load average before": " ".join(f"{each:.2f}" for each in load),
        "busy before, %": busy,
    }
    note = "" if processes.KNOWN else f"CPU and memory by process are known on Linux only, this is {sys.platform}."
    if (busy or 0) > BUSY:
        note = "Other work ran on this machine already: take no figure below for what Holdfast can do."
    return Table("Machine", [{"what": name, "is": fact} for name, fact in facts.items()], note)


async def settings(running: Platform, hold: str, session_ms: int) -> Table:
    """What runs, and how."""
    connection = await asyncpg.connect(running.dsn("postgres"))
    try:
        postgres = [f"{name}={await connection.fetchval(f'SHOW {name}')}" for name in POSTGRES]
    finally:
        await connection.close()
    facts: Row = {
        "commit": _commit(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processes": " ".join(sorted(running.pids)),
        "topics": f"{PARTITIONS} partitions each, one broker",
        "hold of the platform": hold,
        "session timeout, ms": session_ms,
        "Kafka": str(VERSION["kafka"]),
        "Postgres": ", ".join(postgres),
        "packages": ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES),
    }
    return Table("Settings", [{"what": name, "is": fact} for name, fact in facts.items()])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"
    words = (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
    here = Path(__file__).parent
    told = [subprocess.run([git, *each], check=False, capture_output=True, text=True, cwd=here) for each in words]
    if told[0].returncode != 0:
        return "unknown"
    return told[0].stdout.strip() + (" with changes" if told[1].stdout.strip() else "")
