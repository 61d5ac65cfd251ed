"""Baseline (a): pgbench does the guarded insert, one row a transaction, prepared, over 32 connections."""

import asyncio
import itertools
import re
import tempfile
from pathlib import Path

from bench import guarded
from bench.rounds import Round
from bench.setting import Bench
from embedded import child, postgres

CONNECTIONS, THREADS, SPACES = 32, 2, 100
_INSERT = guarded.INSERT.format(
    id="gen_random_uuid()",
    space="lpad(to_hex(:number::int % :spaces::int), 32, '0')::uuid",
    starts="to_timestamp(:number::int / :spaces::int * 3600.0)",
    ends="to_timestamp(:number::int / :spaces::int * 3600.0 + 3600)",
)
# A client's variables last: each counts for itself, so no two ever ask for the same slot.
SCRIPT = f"\\set n :n + 1\n\\set number :n * :clients + :client_id\n{_INSERT.strip()};\n"
_first = itertools.count(0, 1_000_000)


async def round_(bench: Bench) -> Round:
    """One round."""
    dsn, seconds = await bench.baseline_database(), bench.of(5, 1)
    with tempfile.TemporaryDirectory() as folder:
        script, log = Path(folder, "insert.sql"), Path(folder, "log")
        script.write_text(SCRIPT)
        defined = {"n": next(_first), "clients": CONNECTIONS, "spaces": SPACES}
        before = bench.snapshot()
        told = await _pgbench(
            ["-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", str(THREADS), "-T", str(seconds)],
            [word for name, value in defined.items() for word in ("-D", f"{name}={value}")],
            ["-f", str(script), "-l", f"--log-prefix={log}", dsn],
        )
        used = bench.used_since(before)
        lines = [line.split() for file in Path(folder).glob("log.*") for line in file.read_text().splitlines()]
    latencies = [int(line[2]) / 1000 for line in lines]
    rate = re.search(r"^tps = ([0-9.]+) \(without initial connection time\)", told, re.MULTILINE)
    assert rate is not None
    return Round("(a) pgbench", CONNECTIONS, len(latencies), float(rate[1]), latencies, used)


async def _pgbench(*words: list[str]) -> str:
    argv = [*child.launcher(), str(postgres.binary("pgbench")), *[word for group in words for word in group]]
    process = await asyncio.create_subprocess_exec(
        *argv,
        env=child.environment(LC_ALL="C"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        pass_fds=child.bonds(),
    )
    told, _ = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"pgbench failed: {told.decode(errors='replace')[-1000:]}")
    return told.decode()
