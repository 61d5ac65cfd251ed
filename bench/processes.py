"""CPU and memory of processes, read from /proc. Elsewhere than on Linux nothing is known, and the tables say so."""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
KNOWN = sys.platform == "linux"
_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")

# Fields of /proc/PID/stat after the name in brackets (proc_pid_stat(5), where they are 4, 14-15 and 16-17).
_PARENT, _OWN, _REAPED = 1, (11, 12), (13, 14)
# Fields of the first line of /proc/stat: user nice system idle iowait irq softirq steal.
_IDLE = (3, 4)


class Snapshot(NamedTuple):
    """CPU since the start of each process, and of the whole machine, at a moment."""

    at: float
    cpu_ms: dict[str, float]
    machine_ms: float


@dataclass(frozen=True)
class Used:
    """What was used between two snapshots."""

    seconds: float
    cpu_ms: dict[str, float]
    machine_ms: float

    def per(self, count: int) -> dict[str, float]:
        """CPU milliseconds by process for each of so many."""
        return {name: spent / count for name, spent in self.cpu_ms.items()} if count else {}

    @property
    def driver_percent(self) -> int | None:
        """How much of one core the driver used: near 100 it would be what is measured."""
        return round(self.cpu_ms["driver"] / 10 / self.seconds) if "driver" in self.cpu_ms else None

    @property
    def others_percent(self) -> int | None:
        """How much of the machine was busy with what is not ours: above a few, the figure is a disturbed one."""
        if not self.cpu_ms:
            return None
        spent = self.machine_ms - sum(self.cpu_ms.values())
        return max(0, round(spent / 10 / self.seconds / (os.cpu_count() or 1)))


def snapshot(pids: Mapping[str, int]) -> Snapshot:
    """Now, by the names of these processes; `postgres` with its backends, `driver` (us) with what it has run."""
    at = time.perf_counter()
    if not KNOWN:
        return Snapshot(at, {}, 0.0)
    stats = _stats()
    mine = {"driver": os.getpid(), **pids}
    cpu = {name: _spent(stats, pid, with_children=name == "postgres") for name, pid in mine.items()}
    cpu["driver"] += _ticks(stats[os.getpid()], _REAPED)
    return Snapshot(at, cpu, _machine())


def used(before: Snapshot, after: Snapshot) -> Used:
    """What came between; a process that is not the same one any more is left out."""
    spent = {name: now - before.cpu_ms.get(name, now) for name, now in after.cpu_ms.items()}
    known = {name: each for name, each in spent.items() if each >= 0}
    return Used(after.at - before.at, known, after.machine_ms - before.machine_ms)


def memory_mb(pid: int, field: str = "VmRSS") -> float | None:
    """Resident memory of a process in MB; `VmHWM` is the most it ever had."""
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:")), None)


def family_mb(pid: int) -> float | None:
    """Memory of a process with its children in MB, shared pages counted once."""
    if not KNOWN:
        return None
    family = [pid, *[each for each, stat in _stats().items() if int(stat[_PARENT]) == pid]]
    total = 0.0
    for each in family:
        try:
            rollup = (PROC / str(each) / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) / 1024 for line in rollup if line.startswith("Pss:"))
    return total or None


def _spent(stats: Mapping[int, list[str]], pid: int, *, with_children: bool) -> float:
    if pid not in stats:
        return 0.0
    spent = _ticks(stats[pid], _OWN)
    if with_children:
        spent += _ticks(stats[pid], _REAPED)
        spent += sum(_ticks(stat, _OWN) for stat in stats.values() if int(stat[_PARENT]) == pid)
    return spent


def _ticks(stat: list[str], fields: tuple[int, int]) -> float:
    return sum(int(stat[place]) for place in fields) * _TICK_MS


def _stats() -> dict[int, list[str]]:
    found = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            try:
                found[int(folder.name)] = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # ended meanwhile
                continue
    return found


def _machine() -> float:
    ticks = [int(field) for field in (PROC / "stat").read_text().partition("\n")[0].split()[1:9]]
    return (sum(ticks) - sum(ticks[place] for place in _IDLE)) * _TICK_MS
