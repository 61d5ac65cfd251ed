"""Kafka and PostgreSQL that are not ours to start as child processes: given by their addresses, or by tests in containers."""

import asyncio
import os
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Protocol

import asyncpg

from embedded.problem import Problem

KAFKA, POSTGRES = "HOLDFAST_TEST_KAFKA", "HOLDFAST_TEST_POSTGRES"


class Servers(Protocol):
    """A Kafka without our topics and a PostgreSQL without our databases."""

    @property
    def kafka(self) -> str:
        """host:port."""

    @property
    def postgres(self) -> str:
        """The URL of the database `postgres`, as a role that may make databases."""

    async def start(self) -> None:
        """Have both, answering."""

    async def stop(self) -> None:
        """Have no further use for them."""

    async def halt(self, name: str) -> None:
        """Stop `kafka` or `postgres`; its data stay."""

    async def resume(self, name: str) -> None:
        """Start it again; it answers."""


# What an infrastructure without a data folder of its own uses; None: child processes. Set by whoever runs tests in containers.
chosen: Callable[[], Servers] | None = None


def named(environment: Mapping[str, str] = os.environ) -> "Callable[[], Servers] | None":
    """The servers whose addresses are in the environment, if they are. Raises Problem when only one is."""
    said = [environment.get(name) for name in (KAFKA, POSTGRES)]
    if not any(said):
        return None
    if not all(said):
        raise Problem(f"{KAFKA} and {POSTGRES} go together: say both or none")
    given = Given(str(said[0]), str(said[1]))
    return lambda: given


class Given:
    """Somebody else's servers, for one infrastructure at a time: topics have the same names in all of them."""

    def __init__(self, kafka: str, postgres: str) -> None:
        self.kafka, self.postgres = kafka, postgres
        self._taken = False

    async def start(self) -> None:
        """Take them. Raises Problem when they are taken."""
        if self._taken:
            raise Problem(
                f"{self.kafka} is in use by another test: servers given by address serve one platform at a time"
            )
        self._taken = True

    async def stop(self) -> None:
        """Give them back; topics and databases stay."""
        self._taken = False

    async def halt(self, name: str) -> None:
        """Not ours to stop. Raises Problem."""
        raise Problem(f"{name} is given by its address: it is not ours to stop")

    async def resume(self, name: str) -> None:
        """Not ours to start. Raises Problem."""
        raise Problem(f"{name} is given by its address: it is not ours to start")


def at(url: str, database: str) -> str:
    """The address of another database of the same server."""
    return urllib.parse.urlsplit(url)._replace(path=f"/{database}").geturl()


async def create_database(url: str, name: str) -> str:
    """Have a database of this name, empty or as it was; its address."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    except asyncpg.DuplicateDatabaseError:
        pass
    finally:
        await connection.close()
    return at(url, name)


async def drop_database(url: str, name: str) -> None:
    """Have no database of this name, whoever is connected to it."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()


async def answers(url: str) -> None:
    """Return when PostgreSQL takes connections there."""
    while True:
        try:
            await (await asyncpg.connect(url, timeout=5)).close()
        except (OSError, asyncpg.exceptions.PostgresError, TimeoutError):
            await asyncio.sleep(0.05)
        else:
            return
