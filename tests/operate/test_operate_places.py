"""Where the operator's commands look, and that looking cannot change anything."""

from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from terminal import typed

from embedded.operate import databases, places
from embedded.problem import Problem


def test_environment_names_a_platform_by_the_settings_of_its_services() -> None:
    place = places.named(
        {
            "HOLDFAST_KAFKA": "kafka:9092",
            "HOLDFAST_BOOKING_DATABASE": "postgres://b",
            "HOLDFAST_GATEWAY_BOOKING_URL": "http://booking:8080/",
            "HOLDFAST_AVAILABILITY_RELAY_URL": "http://relay:8080",
            "HOLDFAST_GATEWAY_ISSUER": "https://api.example",
            "HOLDFAST_AVAILABILITY_HOLD": "PT1H30M",
            "HOLDFAST_TOPIC_PARTITIONS": "12",
        }
    )
    assert place == places.Place(
        "kafka:9092",
        "kafka:9092",
        {"booking": "postgres://b"},
        {"booking": "http://booking:8080", "relay": "http://relay:8080"},
        "https://api.example",
        12,
        timedelta(minutes=90),
    )
    with pytest.raises(Problem, match="set HOLDFAST_AVAILABILITY_DATABASE"):
        place.needs("availability", "booking")


@pytest.mark.parametrize(
    ("name", "value"), [("HOLDFAST_AVAILABILITY_HOLD", "15m"), ("HOLDFAST_TOPIC_PARTITIONS", "many")]
)
def test_setting_that_is_written_wrongly_is_named(name: str, value: str) -> None:
    with pytest.raises(Problem, match=f"{name} is no .*{value}"):
        places.named({"HOLDFAST_KAFKA": "kafka:9092", name: value})


async def test_session_of_a_reading_command_cannot_write(platform: Any) -> None:
    async with databases.connected(platform.dsn("booking")) as connection:
        with pytest.raises(asyncpg.exceptions.ReadOnlySQLTransactionError):
            await connection.execute("DELETE FROM bookings")


async def test_looking_leaves_no_consumer_group(platform: Any) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=platform.kafka)
    await admin.start()
    try:
        before = {name for name, *_ in await admin.list_consumer_groups()}
        for words in (("verify",), ("status",), ("dead-letters", "list")):
            await typed(*words, "--data", str(platform.data))
        assert {name for name, *_ in await admin.list_consumer_groups()} == before
    finally:
        await admin.close()
