"""A client that believes the OpenAPI document: an answer that is not documented fails the test that got it."""

import base64
import functools
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema_rs
from aiohttp.connector import Connection
from fastapi import FastAPI

from services.gateway import openapi
from services.gateway.app import build
from services.gateway.settings import Settings

JSON = dict[str, Any]
# Answered before anybody looks at the operation: no such address, no such method, no valid HTTP.
UNMATCHED = {400, 404, 405, 408, 413, 431}


class Undocumented(AssertionError):
    """The answer is not one that the OpenAPI document knows."""


class Document:
    """The document, ready to judge answers."""

    def __init__(self, described: JSON) -> None:
        self.described = described
        plain_first = sorted(described["paths"].items(), key=lambda item: item[0].count("{"))
        self._paths = [(_pattern(path), methods) for path, methods in plain_first]

    def judge(self, method: str, path: str, status: int, headers: Any, body: bytes) -> None:
        """Raises Undocumented."""
        if method == "OPTIONS":
            return  # a browser asks for another page's sake: CORS, not our operations
        is_head = method == "HEAD"
        operation = self.operation("GET" if is_head else method, path)
        if operation is None:
            if path.startswith("/v1/"):
                self._judge_unmatched(f"{method} {path}", status, headers, body)
            return
        where = f"{method} {path} answered {status}"
        response = operation["responses"].get(str(status))
        if response is None:
            raise Undocumented(f"{where}, which is not documented")
        response = self.resolved(response)
        self._judge_headers(where, response, headers)
        content = response.get("content", {}).get("application/json")
        if content is None or is_head:
            if body:
                raise Undocumented(f"{where} with a body")
            return
        if headers.get("Content-Type") != "application/json":
            raise Undocumented(f"{where} with {headers.get('Content-Type')}")
        self.fits(where, content["schema"], json.loads(body))

    def operation(self, method: str, path: str) -> JSON | None:
        """What is documented of this."""
        found = [methods for pattern, methods in self._paths if pattern.fullmatch(path) and method.lower() in methods]
        return found[0][method.lower()] if found else None

    def admits(self, schema: JSON, value: Any) -> bool:
        """Whether this value is of this schema."""
        return bool(self._validator(json.dumps(schema)).is_valid(value))

    def _judge_unmatched(self, where: str, status: int, headers: Any, body: bytes) -> None:
        if status not in UNMATCHED:
            raise Undocumented(f"{where} answered {status}, and is not documented")
        if body or not where.startswith("HEAD"):
            self.fits(where, {"$ref": "#/components/schemas/ErrorEnvelope"}, json.loads(body))

    def _judge_headers(self, where: str, response: JSON, headers: Any) -> None:
        for name, said in response.get("headers", {}).items():
            header = self.resolved(said)
            if name in headers:
                value, schema = headers[name], header["schema"]
                self.fits(f"{where}: {name}", schema, int(value) if schema["type"] == "integer" else value)
            elif header["required"]:
                raise Undocumented(f"{where} without {name}")

    def resolved(self, said: JSON) -> JSON:
        """What a reference leads to."""
        if "$ref" not in said:
            return said
        _, kind, group, name = said["$ref"].split("/")
        found: JSON = self.described[kind][group][name]
        return found

    def fits(self, where: str, schema: JSON, value: Any) -> None:
        """Raises Undocumented when this value is not of this schema."""
        try:
            self._validator(json.dumps(schema)).validate(value)
        except jsonschema_rs.ValidationError as error:
            raise Undocumented(f"{where}: {error.message} at {error.instance_path}") from None

    @functools.cache  # noqa: B019 - one document lives as long as the tests
    def _validator(self, schema: str) -> Any:
        whole = {**json.loads(schema), "components": self.described["components"]}
        return jsonschema_rs.validator_for(whole, validate_formats=True)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"[^/]+", re.escape(path)))


def application() -> FastAPI:
    """The gateway's application, with nothing behind it and not started."""
    nowhere: Any = dict.fromkeys(("kafka", "internal_token", "availability_url", "booking_url", "notifier_url"), "-")
    nowhere["sealing_keys"] = [base64.b64encode(bytes(64)).decode()]
    keys = Path(tempfile.gettempdir(), "never-made")  # a key is drawn when the first token is asked for
    return build(Settings(**nowhere, keys=keys, stripe_webhook_secrets=("whsec_holdfast",)))  # type: ignore[arg-type]


@functools.cache
def document() -> Document:
    """The gateway's own."""
    return Document(openapi.document(application()))


class Judged(aiohttp.ClientResponse):
    """An answer that is judged when it arrives."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        await super().start(connection)
        body = await self.read()
        document().judge(self.method, self.url.path, self.status, self.headers, body)
        return self


def session(url: str, **options: Any) -> aiohttp.ClientSession:
    """A session all answers of which are judged."""
    return aiohttp.ClientSession(url, response_class=Judged, **options)
