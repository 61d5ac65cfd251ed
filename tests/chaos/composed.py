"""The platform as docker-compose.yml starts it, under a project name of its own that leaves nothing behind."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import docker
import pytest
from awaiting import until

ROOT = Path(__file__).parents[2]
PROJECT = "holdfast-test"
PASSWORD = "development-only-postgres"
# Postgres is not published: the checker needs to look into it.
LOOKING_IN = "services: {{postgres: {{ports: ['127.0.0.1:{port}:5432']}}}}\n"
HOLD = "PT6S"
HEALTHY_WITHIN = 240
SERVICES = ("availability", "relay", "booking", "payment", "sandbox", "notifier", "gateway")


class Composed:
    """A platform in containers; `kafka` and `dsn` are what the checker asks for."""

    def __init__(self, folder: Path, files: tuple[str, ...], settings: Mapping[str, str]) -> None:
        ports = dict(
            zip(("HOLDFAST_PORT", "HOLDFAST_KAFKA_PORT", "HOLDFAST_SANDBOX_PORT", "POSTGRES"), _free(4), strict=True)
        )
        self.url = f"http://localhost:{ports['HOLDFAST_PORT']}"
        self.kafka = f"localhost:{ports['HOLDFAST_KAFKA_PORT']}"
        self._postgres = ports.pop("POSTGRES")
        beside = folder / "beside.yml"
        beside.write_text(LOOKING_IN.format(port=self._postgres))
        self._argv = ["docker", "compose", "-p", PROJECT, "--project-directory", str(ROOT)]
        for file in (*(str(ROOT / name) for name in files), str(beside)):
            self._argv += ["-f", file]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HOLDFAST_", "COMPOSE_"))}
        self._environment = {
            **kept,
            **{name: str(port) for name, port in ports.items()},
            "HOLDFAST_HOLD": HOLD,
            **settings,
        }

    def dsn(self, database: str) -> str:
        """The address of a database, as the administrator."""
        return f"postgresql://holdfast:{PASSWORD}@127.0.0.1:{self._postgres}/{database}"

    async def run(self, *words: str, seconds: float = 300) -> str:
        """What `docker compose` says; fails with its words if it does."""
        process = await asyncio.create_subprocess_exec(
            *self._argv, *words, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        said, words_of_error = await asyncio.wait_for(process.communicate(), seconds)
        assert process.returncode == 0, f"{' '.join(words)}: {words_of_error.decode()[-3000:]}"
        return said.decode()

    async def up(self, *options: str) -> None:
        """Everything, healthy. Not by `--wait`: that gives up at once where somebody is unhealthy who waits for what has just been started."""
        await self.run("up", "-d", *options)
        await until(self.healthy, HEALTHY_WITHIN)

    async def containers(self) -> list[dict[str, Any]]:
        """Those that run."""
        lines = (await self.run("ps", "--format", "json")).splitlines()
        return [json.loads(line) for line in lines]

    async def healthy(self) -> bool:
        """Whether all that run say that they are ready."""
        found = await self.containers()
        return bool(found) and all(each["Health"] == "healthy" for each in found)


def kill(name: str) -> None:
    """`docker kill`: the engine takes it for somebody's wish and starts nothing again."""
    docker.from_env().containers.get(name).kill()


def crash(name: str) -> int:
    """The container's process ends by a signal that nobody asked the engine for; how often it was started again before."""
    container = docker.from_env().containers.get(name)
    pid = int(container.attrs["State"]["Pid"])
    groups = Path(f"/proc/{pid}/cgroup")
    # An engine on another machine, or in a virtual one, counts processes of its own: that number would be a stranger's here.
    if not groups.exists() or container.id not in groups.read_text() or os.geteuid() != 0:
        pytest.skip("the processes of this engine's containers are not ours to signal")
    os.kill(pid, signal.SIGKILL)
    return int(container.attrs["RestartCount"])


def restarted(name: str, before: int) -> bool:
    """Whether the engine has started it again since, and it is healthy."""
    found = docker.from_env().containers.get(name).attrs
    return bool(found["RestartCount"] > before and found["State"].get("Health", {}).get("Status") == "healthy")


def told_inside(name: str, script: str) -> dict[str, Any]:
    """What a script of ours prints inside the container, as its own user."""
    code, said = docker.from_env().containers.get(name).exec_run(["python", "-I", "-c", script])
    assert code == 0, said.decode()
    answer: dict[str, Any] = json.loads(said)
    return answer


@contextlib.asynccontextmanager
async def composed(folder: Path, *more: str, **settings: str) -> AsyncIterator[Composed]:
    """The platform, not started yet; gone with its data afterwards."""
    try:
        docker.from_env().ping()
    except docker.errors.DockerException:
        pytest.skip("there is no Docker engine")
    platform = Composed(folder, ("docker-compose.yml", *more), settings)
    try:
        yield platform
    finally:
        await platform.run("down", "--volumes", "--remove-orphans", "--timeout", "5")


def _free(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


async def killed(name: str) -> bool:
    """Whether it has ended at least once, or is there again by itself."""
    found = docker.from_env().containers.get(name)
    return bool(found.attrs["State"]["FinishedAt"] > "0002")


async def subprocess_of(*argv: str) -> tuple[int, str]:
    """The exit code of a command of ours, and all it said."""
    process = await asyncio.create_subprocess_exec(*argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = await asyncio.wait_for(process.communicate(), 180)
    return process.returncode or 0, said.decode()


def say(line: str) -> None:
    """For whoever reads the run's figures."""
    sys.stdout.write(f"\n{line}")
