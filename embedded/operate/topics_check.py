"""The table of topics against the broker: what is missing, what is otherwise, and what of it can be put right."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from contracts import topics
from contracts.topics import Topic
from embedded.operate import log
from embedded.operate.places import Place
from embedded.problem import Problem

OF_TOPIC = 1  # the source of a setting that is the topic's own, as Kafka counts sources
MOST_REPLICAS = 3


@dataclass(frozen=True)
class Finding:
    """One thing that is not as the table says. `repaired` by `apply`, if it may be changed at all."""

    topic: str
    what: str  # missing, partitions, setting, replicas, unknown
    is_: str
    should: str
    may_change: bool
    advice: str = ""

    def told(self) -> dict[str, Any]:
        """For programs."""
        return {
            "topic": self.topic,
            "what": self.what,
            "is": self.is_,
            "should": self.should,
            "mayChange": self.may_change,
            "advice": self.advice,
        }


@dataclass(frozen=True)
class There:
    """The broker's topics."""

    partitions: dict[str, int]
    replicas: dict[str, int]
    brokers: int
    settings: dict[str, dict[str, str]]  # all of them, by topic
    own: dict[str, dict[str, str]]  # those that the topic itself has


async def check(place: Place, partitions: int | None = None) -> tuple[list[Finding], int]:
    """What is not as it should be, and how many partitions a topic should have. Raises KafkaError."""
    async with log.administrator(place) as admin:
        return _compared(await _there(admin), place.hold, partitions or place.partitions)


async def apply(place: Place, partitions: int | None = None) -> list[Finding]:
    """Make what is missing and put right what may be changed; what was done. Raises Problem and KafkaError."""
    findings, number = await check(place, partitions)
    mine = [finding for finding in findings if finding.may_change]
    if any(finding.what == "missing" for finding in mine):
        await topics.provision(place.kafka, number, topics.hold_lengths(place.hold))
    wrong = sorted({finding.topic for finding in mine if finding.what == "setting"})
    if wrong:
        async with log.administrator(place) as admin:
            own = (await _there(admin)).own
            wanted = {topic.name: settings(topic) for topic in _table(place.hold, own)}
            # Kafka takes the whole of a topic's own settings: what others have set besides stays as it is.
            changes = [
                ConfigResource(ConfigResourceType.TOPIC, name, configs={**own[name], **wanted[name]}) for name in wrong
            ]
            for answer in await admin.alter_configs(changes):
                for refused in answer.to_object()["resources"]:
                    if refused["error_code"]:
                        raise Problem(f"Kafka does not change {refused['resource_name']}: {refused['error_message']}")
        await _settled(place, partitions)
    return mine


async def _settled(place: Place, partitions: int | None) -> None:
    """Wait until the broker shows what it has taken: some milliseconds. Raises Problem after five seconds."""
    for _ in range(50):
        left = [finding for finding in (await check(place, partitions))[0] if finding.what == "setting"]
        if not left:
            return
        await asyncio.sleep(0.1)
    raise Problem(f"Kafka took the change and does not show it: {left[0].topic} {left[0].is_}")


def settings(topic: Topic) -> dict[str, str]:
    """What the topic is made with."""
    made: dict[str, str] = topics._new(topic, 1, 1).topic_configs
    return made


def _compared(there: There, hold: timedelta, partitions: int | None) -> tuple[list[Finding], int]:
    table = _table(hold, there.partitions)
    counts = Counter(there.partitions[topic.name] for topic in table if topic.name in there.partitions)
    number = partitions or (counts.most_common(1)[0][0] if counts else 4)
    found = []
    for topic in table:
        if topic.name not in there.partitions:
            found.append(Finding(topic.name, "missing", "missing", f"{number} partitions", True))
            continue
        found += _of_one(topic, there, number)
    return found, number


def _table(hold: timedelta, there: Any) -> list[Topic]:
    """Every topic that should be there; and the delay topics of lengths no longer in use, which must be emptied too."""
    table = {topic.name: topic for topic in topics.topics(topics.hold_lengths(hold))}
    former = {topic.name: topic for topic in topics.delay_topics(there)}
    return [*table.values(), *(former[name] for name in sorted(former.keys() - table.keys()))]


def _of_one(topic: Topic, there: There, number: int) -> list[Finding]:
    found = []
    has = there.partitions[topic.name]
    if has != number:
        advice = (
            "Never changed: a key would move to another lane, and its messages would lose their order. Ask with another "
            "--partitions if this is the number of all; else make a new platform and move to it."
        )
        found.append(Finding(topic.name, "partitions", str(has), str(number), False, advice))
    copies, enough = there.replicas[topic.name], min(MOST_REPLICAS, there.brokers)
    if copies < enough:
        advice = "Move its partitions with kafka-reassign-partitions: an acknowledged record may be lost with one disk."
        found.append(Finding(topic.name, "replicas", str(copies), str(enough), False, advice))
    for name, value in settings(topic).items():
        is_ = there.settings[topic.name].get(name, "not set")
        if is_ != value:
            found.append(Finding(topic.name, "setting", f"{name}={is_}", f"{name}={value}", True))
    return found


async def _there(admin: AIOKafkaAdminClient) -> There:
    brokers = len((await admin.describe_cluster())["brokers"])
    names = [name for name in await admin.list_topics() if not name.startswith("__")]
    described = await admin.describe_topics(names) if names else []
    partitions = {each["topic"]: len(each["partitions"]) for each in described}
    replicas = {each["topic"]: min(len(one["replicas"]) for one in each["partitions"]) for each in described}
    every: dict[str, dict[str, str]] = {}
    own: dict[str, dict[str, str]] = {}
    if names:
        asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        for answer in await admin.describe_configs(asked):
            for resource in answer.to_object()["resources"]:
                name = resource["resource_name"]
                entries = resource["config_entries"]
                every[name] = {entry["config_names"]: entry["config_value"] for entry in entries}
                own[name] = {
                    entry["config_names"]: entry["config_value"]
                    for entry in entries
                    if entry["config_source"] == OF_TOPIC
                }
    return There(partitions, replicas, brokers, every, own)
