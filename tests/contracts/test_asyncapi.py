"""The AsyncAPI document: up to date, valid by AsyncAPI's own schema, complete, its examples true."""

import copy
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest

from contracts import asyncapi, client, topics
from contracts.model import Message

DOCUMENT: dict[str, Any] = orjson.loads(asyncapi.FILE.read_bytes())
# AsyncAPI's own, as the project publishes it.
SCHEMA = orjson.loads(Path(__file__).with_name("asyncapi-3.0.0-schema.json").read_bytes())
MESSAGES: dict[str, type[Message]] = {
    kind.removeprefix("holdfast."): model for kind, model in {**topics.models(), **client.ANSWERS}.items()
}


def resolved(reference: str) -> Any:
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def references(part: Any) -> list[str]:
    if isinstance(part, dict):
        here = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
        return here + [each for value in part.values() for each in references(value)]
    return [each for value in part for each in references(value)] if isinstance(part, list) else []


def test_committed_document_is_not_stale(capsys: pytest.CaptureFixture[str]) -> None:
    assert asyncapi.main(["--check"]) == 0, "run python -m contracts.asyncapi"


def test_stale_document_is_said_so_and_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "asyncapi.json"
    assert asyncapi.main(["--check"], file) == 1
    assert not file.exists()
    assert asyncapi.main([], file) == 0
    assert file.read_bytes() == asyncapi.FILE.read_bytes()
    assert asyncapi.main(["--check"], file) == 0


def test_document_is_valid() -> None:
    jsonschema_rs.validator_for(SCHEMA).validate(DOCUMENT)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.pop("info"),
        lambda document: document["operations"]["receive booking.commands"].update(action="publish"),
        lambda document: document["channels"]["booking.events"].update(subscribe={}),
        lambda document: document["components"]["messages"]["BookingCreated.v1"].update(examples={}),
    ],
)
def test_an_invalid_document_would_be_noticed(spoil: Any) -> None:
    spoilt = copy.deepcopy(DOCUMENT)
    spoil(spoilt)
    assert not jsonschema_rs.validator_for(SCHEMA).is_valid(spoilt)


def test_every_reference_leads_somewhere() -> None:
    for reference in references(DOCUMENT):
        assert resolved(reference), reference


def test_every_topic_is_a_channel_with_its_messages() -> None:
    for topic in topics.topics(asyncapi.SAMPLE_HOLD):
        channel = DOCUMENT["channels"][topic.name.rpartition(".")[0] if topic.forwards_to else topic.name]
        kafka = channel["bindings"]["kafka"]["topicConfiguration"]
        assert kafka["retention.ms"] == topic.retention.total_seconds() * 1000
        assert {f"holdfast.{name}" for name in channel["messages"]} >= {model.type for model in topic.messages}
        if topic.forwards_to:
            assert topic.name.rpartition(".")[2] in channel["parameters"]["length"]["enum"]


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_example_is_of_its_message_and_its_schema(name: str) -> None:
    message = DOCUMENT["components"]["messages"][name]
    [example] = message["examples"]
    schema = {**message["payload"], "components": DOCUMENT["components"]}
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(example["payload"])
    headers = {**asyncapi.HEADERS, "components": {}}
    jsonschema_rs.validator_for(headers, validate_formats=True).validate(example["headers"])
    assert set(example["headers"]) <= set(asyncapi.HEADERS["properties"])
    assert example["headers"]["ce_type"] == message["name"] == MESSAGES[name].type
    MESSAGES[name].model_validate(example["payload"])
