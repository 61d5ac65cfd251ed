"""`holdfast topics`: the table against the broker."""

from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from terminal import addresses, typed


async def test_topics_of_a_fresh_platform_are_as_the_table_says(platform: Any) -> None:
    answer = await typed("topics", "check", "--data", str(platform.data))
    assert (answer.code, answer.said) == (0, "every topic is as the table says\n")


async def test_missing_topic_and_other_settings_are_found_and_put_right(platform: Any) -> None:
    here = {**addresses(platform), "HOLDFAST_AVAILABILITY_HOLD": "PT7M"}
    admin = AIOKafkaAdminClient(bootstrap_servers=platform.kafka)
    await admin.start()
    try:
        wrong = {"retention.ms": "1000", "message.timestamp.type": "CreateTime", "segment.ms": "3600000"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, "clients.replies", configs=wrong)])
        checked = await typed("topics", "check", "--json", **here)
        assert checked.code == 1
        said = {(each["topic"], each["what"], each["is"], each["should"]) for each in checked.json}
        assert said >= {
            ("availability.expiry.7m", "missing", "missing", "4 partitions"),
            ("clients.replies", "setting", "retention.ms=1000", "retention.ms=3600000"),
            ("clients.replies", "setting", "message.timestamp.type=CreateTime", "message.timestamp.type=LogAppendTime"),
        }
        applied = await typed("topics", "apply", "--json", **here)
        assert applied.code == 0, applied.complained
        assert applied.json["left"] == []
        assert len(applied.json["done"]) == len(checked.json)
        again = await typed("topics", "check", **here)
        assert again.code == 0, again.said
        described = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, "clients.replies")])
        entries = described[0].to_object()["resources"][0]["config_entries"]
        assert {each["config_names"]: each["config_value"] for each in entries}["segment.ms"] == "3600000", "not ours"
    finally:
        await admin.delete_topics(["availability.expiry.7m"])
        await admin.close()


async def test_other_number_of_partitions_is_found_and_never_changed(platform: Any) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=platform.kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic("availability.expiry.8m", 2, 1)])
        checked = await typed("topics", "check", "--json", "--data", str(platform.data))
        found = [each for each in checked.json if each["what"] == "partitions"]
        assert [(each["topic"], each["is"], each["should"]) for each in found] == [("availability.expiry.8m", "2", "4")]
        assert not found[0]["mayChange"]
        applied = await typed("topics", "apply", "--data", str(platform.data))
        assert applied.code == 1
        assert "a key would move to" in applied.said
    finally:
        await admin.delete_topics(["availability.expiry.8m"])
        await admin.close()


async def test_kafka_that_is_away_is_said_so() -> None:
    answer = await typed("topics", "check", HOLDFAST_KAFKA="127.0.0.1:1")
    assert answer.code == 2
    assert "could not look: KafkaConnectionError" in answer.complained
