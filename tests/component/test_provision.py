"""The one-shot on a real Kafka and PostgreSQL: what it makes, that it may run again, and what a service's role can do."""

import base64
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from contracts import topics
from embedded.infrastructure import Infrastructure, infrastructure
from embedded.jars import PROJECT
from services.provision import databases, users

ROLES = '{"availability": "a", "booking": "b", "payment": "c", "notifier": "d"}'


@pytest.fixture(scope="module")
async def empty() -> AsyncIterator[Infrastructure]:
    """Servers on which nothing was made yet."""
    async with infrastructure() as servers:
        yield servers


def provisioned(empty: Infrastructure, **changes: str) -> subprocess.CompletedProcess[str]:
    told: Mapping[str, str] = {
        "HOLDFAST_KAFKA": empty.kafka,
        "HOLDFAST_PROVISION_DATABASE": empty.dsn("postgres"),
        "HOLDFAST_PROVISION_PARTITIONS": "3",
        "HOLDFAST_PROVISION_ROLES": ROLES,
        **changes,
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOLDFAST_")}
    return subprocess.run(
        [sys.executable, "-m", "services.provision"],
        env=kept | told, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def as_booking(address: str) -> str:
    """The same database, as the role of the booking service."""
    return re.sub(r"//[^@]*@", "//booking:b@", address, count=1)


async def test_topics_databases_and_roles_are_made_once_and_again_without_harm(empty: Infrastructure) -> None:
    for _ in range(2):
        done = provisioned(empty)
        assert done.returncode == 0, done.stderr
    admin = AIOKafkaAdminClient(bootstrap_servers=empty.kafka)
    await admin.start()
    made = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics()}
    await admin.close()
    wanted = {topic.name for topic in topics.topics(topics.hold_lengths(timedelta(minutes=15)))}
    assert {name: made.get(name) for name in wanted} == dict.fromkeys(wanted, 3)
    for name in databases.DATABASES:
        connection = await asyncpg.connect(empty.dsn(name))
        assert await connection.fetchval("SELECT count(*) FROM migrations") > 1
        await connection.close()


async def test_a_role_has_the_rows_of_its_own_database_and_nothing_else(empty: Infrastructure) -> None:
    assert provisioned(empty).returncode == 0
    own = as_booking(empty.dsn("booking"))
    connection = await asyncpg.connect(own)
    assert await connection.fetchval("SELECT count(*) FROM bookings") == 0
    assert await connection.execute("DELETE FROM bookings") == "DELETE 0"
    for forbidden in (
        "CREATE TABLE mine (id int)",
        "DROP TABLE bookings",
        "ALTER TABLE bookings ADD COLUMN mine int",
        "DELETE FROM migrations",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(forbidden)
    await connection.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(as_booking(empty.dsn("payment")))


def test_secrets_that_everybody_knows_stop_it_outside_development(empty: Infrastructure) -> None:
    known = {"HOLDFAST_INTERNAL_TOKEN": "development-only-internal-token"}
    refused = provisioned(empty, **known)
    assert refused.returncode == 1
    assert "HOLDFAST_INTERNAL_TOKEN: these secrets are printed" in refused.stderr
    allowed = provisioned(empty, **known, HOLDFAST_DEVELOPMENT="1")
    assert allowed.returncode == 0
    assert "FOR DEVELOPMENT ONLY" in allowed.stderr


def test_a_kafka_user_is_salted_as_scram_wants_it() -> None:
    name, mechanism, iterations, salt, salted = users.user("booking", "s3cret")
    assert (name, mechanism) == ("booking", users.SCRAM_SHA_512)
    assert salted == hashlib.pbkdf2_hmac("sha512", b"s3cret", salt, iterations)
    assert users.user("booking", "s3cret")[3] != salt, base64.b64encode(salt)
