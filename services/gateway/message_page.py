"""A page with all messages over Kafka, drawn from `contracts/asyncapi.json`: plain HTML, no script, nothing from elsewhere."""

from html import escape
from typing import Any

import orjson

Part = dict[str, Any]

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1c2733; }
h2 { margin-top: 3rem; border-bottom: 1px solid #ccd4dc; } h3 { margin: 2rem 0 .2rem; }
code, pre { font: 13px/1.4 ui-monospace, monospace; } pre { background: #f4f6f8; padding: .8rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0;
border-bottom: 1px solid #e6eaee; } .quiet { color: #5c6b7a; } a { color: #0b57a4; }
@media (prefers-color-scheme: dark) { body { background: #14191f; color: #dde4ea; } pre { background: #1e252d; } a { color: #7db7f0; } }
"""
WORDS = ("format", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "default")


def page(document: Part) -> str:
    """The whole document as HTML."""
    messages, parts = document["components"]["messages"], document["components"]["schemas"]
    info = document["info"]
    channels = document["channels"]
    listed = "".join(
        f'<li><a href="#{escape(name)}">{escape(each["address"])}</a></li>' for name, each in channels.items()
    )
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>Holdfast: messages</title>\n<link rel="icon" href="/docs/favicon.png">\n<style>{STYLE}</style>\n'
        f"<h1>{escape(info['title'])}: messages over Kafka</h1>\n<p>{escape(info['description'])}</p>\n"
        '<p>The same as AsyncAPI 3: <a href="/asyncapi.json">/asyncapi.json</a>. Over HTTP: <a href="/docs">/docs</a>.</p>\n'
        f"<h2>Topics</h2>\n<ul>{listed}</ul>\n"
        + "".join(_channel(name, each, messages) for name, each in channels.items())
        + "<h2>Headers</h2>\n"
        + _fields(parts["Headers"])
        + "<h2>Messages</h2>\n"
        + "".join(_message(name, each) for name, each in messages.items())
        + "<h2>Parts of messages</h2>\n"
        + "".join(_part(name, each) for name, each in parts.items())
        + "</html>\n"
    )


def _channel(name: str, channel: Part, messages: Part) -> str:
    settings = channel["bindings"]["kafka"]["topicConfiguration"]
    kept = settings["retention.ms"] / 3_600_000
    rows = "".join(
        f'<tr><td><a href="#{escape(each)}">{escape(each)}</a></td><td>{escape(messages[each].get("summary", ""))}</td></tr>'
        for each in channel["messages"]
    )
    lengths = channel.get("parameters", {}).get("length", {}).get("enum", [])
    more = f" Lengths: {escape(', '.join(lengths))}." if lengths else ""
    return (
        f'<h2 id="{escape(name)}">{escape(channel["address"])}</h2>\n<p>{escape(channel["description"])}{more} '
        f'<span class="quiet">Kept for {kept:.0f} hours.</span></p>\n<table>{rows}</table>\n'
    )


def _message(name: str, message: Part) -> str:
    key = message.get("bindings", {}).get("kafka", {}).get("key", {}).get("description")
    example = "".join(
        f"<details><summary>Example</summary><pre>{_json(each['headers'])}\n\n{_json(each['payload'])}</pre></details>"
        for each in message.get("examples", ())
    )
    return (
        f'<h3 id="{escape(name)}">{escape(name)}</h3>\n<p>{escape(message.get("summary", ""))}</p>\n'
        + (f'<p class="quiet">Key: {escape(key)}</p>\n' if key else "")
        + (_fields(message["payload"]) if "payload" in message else "")
        + example
    )


def _part(name: str, part: Part) -> str:
    body = _fields(part) if "properties" in part else f"<p>{_kind(part)}</p>"
    about = f"<p>{escape(part['description'])}</p>\n" if "description" in part else ""
    return f'<h3 id="{escape(name)}">{escape(name)}</h3>\n{about}{body}'


def _fields(schema: Part) -> str:
    """The fields of an object, a row each."""
    needed = set(schema.get("required", ()))
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{'required' if name in needed else ''}</td><td>{_kind(field)}</td>"
        f"<td>{escape(field.get('description', ''))}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    )
    return f"<table><tr><th>field</th><th></th><th>type</th><th></th></tr>{rows}</table>\n"


def _kind(schema: Part) -> str:
    """The type of a field, in words."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    for word in "anyOf", "oneOf":
        if word in schema:
            return " or ".join(map(_kind, schema[word]))
    if "const" in schema or "enum" in schema:
        return escape(", ".join(str(each) for each in schema.get("enum", [schema.get("const")])))
    kind = escape(str(schema.get("type", "anything")))
    if kind == "array":
        kind = f"list of {_kind(schema['items'])}" if "items" in schema else "list"
    elif isinstance(schema.get("additionalProperties"), dict):
        kind = f"map to {_kind(schema['additionalProperties'])}"
    told = "; ".join(f"{word} {schema[word]}" for word in WORDS if schema.get(word) is not None)
    return f'{kind} <span class="quiet">{escape(told)}</span>' if told else kind


def _json(value: Any) -> str:
    return escape(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
