"""Each message has a schema and a sample, they agree with the model, and the command that makes them keeps promises."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from schema_instances import instances

from contracts import client, envelope, sample_records, schemas, topics
from contracts.model import Message

MESSAGES = {**topics.models(), **client.ANSWERS}
FILES = schemas.committed()
SAMPLES = {kind: orjson.loads(FILES[f"samples/{kind.removeprefix('holdfast.')}.json"]) for kind in MESSAGES}
SCHEMAS = {kind: orjson.loads(FILES[f"schemas/{kind.removeprefix('holdfast.')}.json"]) for kind in MESSAGES}
every_message = pytest.mark.parametrize("kind", sorted(MESSAGES))


def test_nothing_committed_is_stale() -> None:
    assert schemas.difference(FILES, schemas.files()) == "", "run python -m contracts.schemas"


def test_every_message_of_every_topic_has_a_schema_and_a_sample_and_nothing_else_has() -> None:
    names = {kind.removeprefix("holdfast.") for kind in MESSAGES}
    assert set(FILES) == {f"{folder}/{name}.json" for folder in ("samples", "schemas") for name in names}


@every_message
def test_sample_is_what_its_schema_says(kind: str) -> None:
    jsonschema_rs.validator_for(SCHEMAS[kind], validate_formats=True).validate(SAMPLES[kind]["body"])


@every_message
def test_sample_passes_the_model_byte_for_byte(kind: str) -> None:
    value = orjson.dumps(SAMPLES[kind]["body"])
    message = MESSAGES[kind].model_validate_json(value)
    assert message == sample_records.example(MESSAGES[kind])
    # As the client writes a command, or as a service writes its outputs.
    of_client = SAMPLES[kind]["headers"]["ce_source"].startswith("/clients/")
    assert message.__pydantic_serializer__.to_json(message, exclude_none=of_client) == value


@every_message
def test_sample_carries_the_headers_of_its_message(kind: str) -> None:
    headers = SAMPLES[kind]["headers"]
    read = envelope.read([(name, text.encode()) for name, text in headers.items()], 0)
    assert (read.type, read.organisation) == (kind, "demo")
    if kind in client.ANSWERS:
        asked = {  # a catalogue command and the claim of its key have one id
            envelope.request_hash("demo", MESSAGES[sample["headers"]["ce_type"]].model_validate(sample["body"])): sample
            for sample in SAMPLES.values()
            if sample["headers"]["ce_id"] == read.causation
        }
        assert SAMPLES[kind]["topic"] == asked[headers["ce_requesthash"]]["headers"]["ce_replyto"]
    else:
        topic, key = topics.address(MESSAGES[kind].model_validate(SAMPLES[kind]["body"]))
        assert SAMPLES[kind]["key"] == headers["ce_subject"] == key
        assert SAMPLES[kind]["topic"] in (topic, "availability.expiry.15m" if read.due_at else topic)


def test_samples_tell_one_story() -> None:
    ids = {sample["headers"]["ce_id"] for sample in SAMPLES.values()}
    for sample in SAMPLES.values():
        headers = sample["headers"]
        cause = headers.get("ce_causationid")
        assert cause is None or cause in ids
        assert headers["ce_correlationid"] in ids
        assert (cause is None) == ("ce_replyto" in headers), "only a command from the edge wants an answer"


@every_message
def test_model_and_schema_mean_the_same(kind: str) -> None:
    model, schema = MESSAGES[kind], SCHEMAS[kind]
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)

    @settings(
        max_examples=15,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(instances(schema, schema))
    def _understood(value: Any) -> None:
        try:
            message = model.model_validate_json(orjson.dumps(value))
        except ValidationError as error:
            if any(detail["type"] != "value_error" for detail in error.errors()):
                raise  # the schema lies; only the rules of validators do not show in it
        else:
            validator.validate(orjson.loads(message.model_dump_json()))
            validator.validate(orjson.loads(message.model_dump_json(exclude_none=True)))
            assert model.model_validate_json(message.model_dump_json()) == message

    _understood()


class Held(Message):
    """A message of a test."""

    name: str
    units: int = 1


class HeldNarrower(Message):
    """A message of a test."""

    name: str
    units: int


class HeldWithColour(Message):
    """A message of a test."""

    name: str
    units: int = 1
    colour: str | None = None


def made(model: type[Message]) -> dict[str, str]:
    schema = schemas.schema(model) | {"title": "holdfast.Held.v1"}
    return {"schemas/Held.v1.json": schemas._text(schema), "samples/Held.v1.json": "{}\n"}


def run(folder: Path, model: type[Message] | None, *options: str) -> int:
    return schemas.main(options, folder, made(model) if model else {})


def test_regenerate_writes_what_is_new_and_then_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, Held) == 0
    assert schemas.committed(tmp_path) == made(Held)
    assert capsys.readouterr().out == "wrote schemas/Held.v1.json\nwrote samples/Held.v1.json\n"
    assert run(tmp_path, Held) == 0
    assert capsys.readouterr().out == ""
    assert run(tmp_path, Held, "--check") == 0


def test_check_shows_what_is_stale_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, Held)
    capsys.readouterr()
    assert run(tmp_path, HeldWithColour, "--check") == 1
    shown = capsys.readouterr().out
    assert '+    "colour": {' in shown
    assert "python -m contracts.schemas" in shown
    assert schemas.committed(tmp_path) == made(Held)


def test_regenerate_adds_an_optional_field(tmp_path: Path) -> None:
    run(tmp_path, Held)
    assert run(tmp_path, HeldWithColour) == 0
    assert schemas.committed(tmp_path) == made(HeldWithColour)


def test_regenerate_refuses_a_break_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, Held)
    capsys.readouterr()
    assert run(tmp_path, HeldNarrower) == 1
    assert "Held.v1: a new reader may refuse what an old writer sends: $.units: is required" in capsys.readouterr().out
    assert schemas.committed(tmp_path) == made(Held)
    assert run(tmp_path, HeldNarrower, "--new-version", "Other.*") == 1
    assert run(tmp_path, HeldNarrower, "--check") == 1


def test_regenerate_writes_a_break_of_a_version_that_nobody_depends_on(tmp_path: Path) -> None:
    run(tmp_path, Held)
    assert run(tmp_path, HeldNarrower, "--new-version", "Held.v1") == 0
    assert schemas.committed(tmp_path) == made(HeldNarrower)


def test_regenerate_refuses_to_forget_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path, Held)
    assert run(tmp_path, None) == 1
    assert "Held.v1: is gone" in capsys.readouterr().out
    assert run(tmp_path, None, "--new-version", "Held.*") == 0
    assert schemas.committed(tmp_path) == {}


def test_version_two_has_a_type_and_files_of_its_own() -> None:
    class HoldSlotV2(Message, version=2):
        name: str

    assert HoldSlotV2.type == "holdfast.HoldSlot.v2"
    assert HoldSlotV2.version_of_type == 2
    assert schemas.schema(HoldSlotV2)["title"] == "holdfast.HoldSlot.v2"


@given(st.sampled_from(sorted(MESSAGES)), st.dictionaries(st.text(min_size=1), st.integers() | st.text(), max_size=3))
def test_unknown_fields_are_ignored_and_not_passed_on(kind: str, more: dict[str, Any]) -> None:
    body = SAMPLES[kind]["body"]
    known = {name for field, info in MESSAGES[kind].model_fields.items() for name in (field, info.alias)}
    more = {name: value for name, value in more.items() if name not in known}
    assert MESSAGES[kind].model_validate(body | more) == MESSAGES[kind].model_validate(body)
