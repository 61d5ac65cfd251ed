"""All topics and messages as an AsyncAPI 3 document: `python -m contracts.asyncapi` writes `asyncapi.json` from the table of topics.

With `--check` nothing is written: the exit code is 1 if the file is stale.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from contracts import client, schemas, topics
from contracts.model import Message
from contracts.sample_records import records
from contracts.schemas import HERE
from contracts.topics import Topic

FILE = HERE / "asyncapi.json"
VERSION = "3.0.0"
PREFIX = "holdfast."
BINDING = "0.5.0"
SAMPLE_HOLD = topics.hold_lengths(timedelta(minutes=15))

Part = dict[str, Any]

_ABOUT = """Every message of the platform, as Kafka carries it: CloudEvents 1.0, binary mode, JSON. A client publishes commands with \
its reply topic in `ce_replyto` and reads the answer there; services follow events. Within a version a message only ever gains \
optional fields, and readers ignore what they do not know. How to take part without the Python client: \
docs/kafka-without-python.md."""

_REPLIES = "Answers to commands. Everybody who waits reads all of it and keeps what is theirs, by `ce_correlationid`."
_DEAD = "Records that could not be handled, as they came, with the reason in headers. `holdfast dead-letters` reads and replays them."
_DELAY = (
    "Holds of one length, each due that long after it was written; the relay forwards them to availability.commands."
)

# What the headers say, as a schema. Values are UTF-8.
_UUID = {"type": "string", "format": "uuid"}
_TIME = {"type": "string", "format": "date-time"}
HEADERS: Part = {
    "type": "object",
    "description": "CloudEvents 1.0, Kafka binding, and the platform's own.",
    "required": ["ce_id", "ce_type", "ce_organisationid"],
    "properties": {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {**_UUID, "description": "Follows from the cause: the same cause always gives the same id."},
        "ce_source": {"type": "string", "description": "The service, or /clients/NAME."},
        "ce_type": {"type": "string", "description": "holdfast.NAME.vVERSION"},
        "ce_subject": {"type": "string", "description": "The record's key; of an answer the command's id."},
        "ce_time": {**_TIME, "description": "When it was decided or asked; not more than 7 days old."},
        "ce_organisationid": {"type": "string", "description": "Whose data it is."},
        "ce_correlationid": {**_UUID, "description": "The command that began it all; of an answer the command itself."},
        "ce_causationid": {
            **_UUID,
            "description": "The message that this one follows from; a client's command has none.",
        },
        "ce_replyto": {"type": "string", "description": "Of a command: the topic for its answer, NAME.replies."},
        "ce_dueat": {**_TIME, "description": "Of what is delayed: when it is due."},
        "ce_requesthash": {"type": "string", "description": "Of an answer: SHA-256 of the request that it answers."},
        "ce_replayed": {"type": "string", "const": "true", "description": "Of an answer: it was given before."},
        "content-type": {"type": "string", "const": "application/json"},
        "traceparent": {"type": "string", "description": "W3C trace context."},
    },
}
_LETTER: Part = {
    "type": "object",
    "description": "The record's own headers, and these.",
    "properties": {
        f"dead-letter-{name}": {"type": "string", "description": text}
        for name, text in {
            "id": "Derived from the record's place.",
            "reason": "Why it could not be handled.",
            "service": "Who could not handle it.",
            "origin": "Where it lay: TOPIC/PARTITION/OFFSET.",
            "timestamp": "When Kafka took it there, in milliseconds since 1970.",
            "content-type": "What its own content-type was.",
        }.items()
    },
}


def document() -> Part:
    """The whole document."""
    parts: Part = {"Headers": HEADERS, "DeadLetterHeaders": _LETTER}
    messages = {name: _message(name, model, parts) for name, model in sorted(schemas.messages().items())}
    messages["DeadLetter"] = {
        "name": "DeadLetter",
        "title": "DeadLetter",
        "summary": "A record that could not be handled.",
        "contentType": "application/octet-stream",
        "headers": {"$ref": "#/components/schemas/DeadLetterHeaders"},
    }
    channels = _channels()
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "Holdfast",
            "version": "1",
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": _operations(channels),
        "components": {"messages": messages, "schemas": dict(sorted(parts.items()))},
    }


def _channels() -> Part:
    made: Part = {}
    for topic in topics.topics(SAMPLE_HOLD):
        names = [_name(message) for message in topic.messages]
        if topic.forwards_to:
            prefix = topic.name.rpartition(".")[0]
            length = {"description": "The length of the hold.", "enum": [], "default": "15m"}
            channel = made.setdefault(
                prefix, _channel(topic, f"{prefix}.{{length}}", names, _DELAY) | {"parameters": {"length": length}}
            )
            channel["parameters"]["length"]["enum"].append(topic.name.rpartition(".")[2])
            channel["bindings"]["kafka"].pop("topic", None)
        elif topic.name.endswith(".replies"):
            made[topic.name] = _channel(
                topic, topic.name, [_name(model) for model in client.ANSWERS.values()], _REPLIES
            )
        elif topic.name.endswith(".dead-letters"):
            made[topic.name] = _channel(topic, topic.name, ["DeadLetter"], _DEAD)
        else:
            about = f"{'Commands to' if topic.name.endswith('.commands') else 'What happened, told by'} {_owner(topic.name)}."
            made[topic.name] = _channel(topic, topic.name, names, about)
    return made


def _channel(topic: Topic, address: str, names: Sequence[str], about: str) -> Part:
    return {
        "address": address,
        "description": about,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "topicConfiguration": {
                    "cleanup.policy": ["delete"],
                    "retention.ms": round(topic.retention.total_seconds() * 1000),
                    "max.message.bytes": topic.record_bytes,
                },
                "bindingVersion": BINDING,
            }
        },
    }


def _operations(channels: Part) -> Part:
    """Seen from the platform: it receives commands and answers them, and sends events."""
    made: Part = {}
    for name in channels:
        reference = {"$ref": f"#/channels/{name}"}
        if name.endswith(".commands"):
            made[f"receive {name}"] = {
                "action": "receive",
                "channel": reference,
                "summary": f"{_owner(name)} decides each command once and answers it where `ce_replyto` says.",
                "reply": {
                    "address": {
                        "location": "$message.header#/ce_replyto",
                        "description": "Its name ends with .replies; an answer to a topic that is not there is dropped.",
                    },
                    "channel": {"$ref": f"#/channels/{topics.CLIENTS_REPLIES.name}"},
                },
            }
        elif name.endswith((".events", ".dead-letters")):
            made[f"send {name}"] = {"action": "send", "channel": reference, "summary": f"{_owner(name)} tells."}
    return made


def _message(name: str, model: type[Message], parts: Part) -> Part:
    schema = schemas.schema(model)
    for part, definition in schema.pop("$defs", {}).items():
        moved = _moved(definition)
        assert parts.setdefault(part, moved) == moved, f"two different {part}"
    schema.pop("$schema")
    record = schemas.sample(records()[model.type])
    where = next((topic for topic in topics.topics(()) if model in topic.messages), None)
    key = f"The field `{_written(model, topics.key_field(where, model))}`." if where else "None: any partition will do."
    return {
        "name": model.type,
        "title": name,
        "summary": schema.pop("description", ""),
        "headers": {"$ref": "#/components/schemas/Headers"},
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "payload": _moved(schema),
        "bindings": {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": BINDING}},
        "examples": [{"name": "sample", "headers": record["headers"], "payload": record["body"]}],
    }


def _moved(part: Any) -> Any:
    """The same with references to where the parts of schemas are in this document."""
    if isinstance(part, dict):
        return {
            name: value.replace("#/$defs/", "#/components/schemas/") if name == "$ref" else _moved(value)
            for name, value in part.items()
        }
    return [_moved(each) for each in part] if isinstance(part, list) else part


def _written(model: type[Message], field: str) -> str:
    """The field as it is written in JSON."""
    first, dot, rest = field.partition(".")
    return (model.model_fields[first].alias or first) + dot + rest


def _name(model: type[Message]) -> str:
    return model.type.removeprefix(PREFIX)


def _owner(topic: str) -> str:
    return topic.partition(".")[0]


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None, file: Path = FILE) -> int:
    """Write or check the file; 0 if all is well."""
    parser = argparse.ArgumentParser(prog="python -m contracts.asyncapi", description="All messages as AsyncAPI 3.")
    parser.add_argument("--check", action="store_true", help="write nothing")
    check, made = parser.parse_args(arguments).check, text()
    if file.exists() and file.read_text(encoding="utf-8") == made:
        return 0
    if check:
        sys.stdout.write(f"{file.name} is stale: run python -m contracts.asyncapi\n")
        return 1
    file.write_text(made, encoding="utf-8")
    sys.stdout.write(f"wrote {file.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
