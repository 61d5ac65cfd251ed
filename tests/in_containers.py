"""Kafka and PostgreSQL in containers of their own, through testcontainers: the images that docker-compose.yml names."""

import asyncio
import os
import re
import socket
from pathlib import Path

import docker
import yaml
from testcontainers.core.container import DockerContainer

from embedded import kafka, servers

COMPOSE = Path(__file__).parents[1] / "docker-compose.yml"
CLUSTER = "aG9sZGZhc3QtdGVzdC0wMQ"
HOST = "127.0.0.1"


def image(variable: str) -> str:
    """The image that the compose file names by this variable, or the environment does."""
    found = re.search(rf"\$\{{{variable}:-([^}}]+)\}}", COMPOSE.read_text())
    assert found is not None, variable
    return os.environ.get(variable) or found[1]


class Containers:
    """One broker and one PostgreSQL, gone when they are stopped."""

    def __init__(self) -> None:
        # Chosen first: Kafka has to advertise its port, and a container that starts again keeps what it was given.
        ports = [_free_port(), _free_port()]
        self.kafka = f"{HOST}:{ports[0]}"
        self.postgres = f"postgresql://holdfast:holdfast@{HOST}:{ports[1]}/postgres"
        self._containers = {"kafka": _kafka(ports[0]), "postgres": _postgres(ports[1])}

    async def start(self) -> None:
        """Start both side by side; they answer."""
        await asyncio.gather(*(asyncio.to_thread(container.start) for container in self._containers.values()))
        await asyncio.gather(*(self._answers(name) for name in self._containers))

    async def stop(self) -> None:
        """Remove both, with their data."""
        await asyncio.gather(*(asyncio.to_thread(container.stop) for container in self._containers.values()))

    async def halt(self, name: str) -> None:
        """Stop one; its data stay."""
        await asyncio.to_thread(self._containers[name].get_wrapped_container().stop, timeout=20)

    async def resume(self, name: str) -> None:
        """Start it again; it answers."""
        await asyncio.to_thread(self._containers[name].get_wrapped_container().start)
        await self._answers(name)

    async def _answers(self, name: str) -> None:
        if name == "kafka":
            await asyncio.wait_for(kafka.answers(self.kafka, CLUSTER), 90)
        else:
            await asyncio.wait_for(servers.answers(self.postgres), 90)


def engine_answers() -> bool:
    """Whether there is a Docker engine."""
    try:
        return bool(docker.from_env().ping())
    except docker.errors.DockerException:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _kafka(port: int) -> DockerContainer:
    """As the embedded one is set up, with a listener of its own for what the broker asks itself."""
    settings = {
        "CLUSTER_ID": CLUSTER,
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "HOST://:9092,BROKER://:9094,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"HOST://{HOST}:{port},BROKER://localhost:9094",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "HOST:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_INTER_BROKER_LISTENER_NAME": "BROKER",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_HEAP_OPTS": "-Xms128m -Xmx384m",
    }
    for line in kafka.SETTINGS.splitlines():
        name, _, value = line.partition("=")
        if re.match(r"(broker\.|auto\.|group\.|offsets\.|transaction\.|share\.|log\.cleaner)", name):
            settings["KAFKA_" + name.replace(".", "_").upper()] = value
    command = yaml.safe_load(COMPOSE.read_text())["services"]["kafka"]["command"]
    return DockerContainer(image("KAFKA_IMAGE")).with_envs(**settings).with_command(command).with_bind_ports(9092, port)


def _postgres(port: int) -> DockerContainer:
    return (
        DockerContainer(image("POSTGRES_IMAGE"))
        .with_envs(
            POSTGRES_USER="holdfast",
            POSTGRES_PASSWORD="holdfast",
            POSTGRES_DB="postgres",
            POSTGRES_INITDB_ARGS="--encoding=UTF8 --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8",
        )
        .with_command("postgres -c max_connections=300 -c timezone=UTC")
        .with_bind_ports(5432, port)
    )
