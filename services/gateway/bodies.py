"""From the bytes of a body to a value, and to nothing but the documented one."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from services.gateway.errors import Problem, invalid, malformed

Model = TypeVar("Model", bound=BaseModel)


class _Flaw(Exception):
    """The field of that name is given twice, or is null."""


async def read(request: Request, most: int) -> bytes:
    """The whole body. Raises Problem (413) as soon as more than `most` bytes have come, whatever the length header said."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] != "http.request":
            raise malformed("The connection ended before the body did.")
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > most:
            raise Problem("PAYLOAD_TOO_LARGE", f"The body is longer than {most} bytes.")
        if not message.get("more_body"):
            return b"".join((*chunks, chunk)) if chunks else chunk
        chunks.append(chunk)


def parse(model: type[Model], headers: Mapping[bytes, bytes], raw: bytes) -> Model:
    """The value. Raises Problem: 415 for another content type, 400 or 422 for what the model refuses."""
    _is_json(headers)
    try:
        # The models are the ones that travel over Kafka, where a reader lets unknown fields pass; at the edge none does.
        value = model.model_validate_json(raw, extra="forbid", by_alias=True, by_name=False)
        _decoder.decode(raw.decode())
    except ValidationError as error:
        if not raw.strip():
            raise malformed("This operation needs a body.", ("body", "is empty")) from None
        raise invalid(error, "body") from None
    except _Flaw as flaw:
        raise malformed("The body does not have the documented shape.", flaw.args) from None
    except ValueError:
        raise malformed("The body does not have the documented shape.", ("body", "is not JSON")) from None
    return value


def empty(raw: bytes) -> None:
    """Raises Problem (400) when there is more than an empty object in the body of an operation that takes none."""
    if raw.strip() not in (b"", b"{}"):
        raise malformed("This operation takes no body.", ("body", "is not empty"))


def _is_json(headers: Mapping[bytes, bytes]) -> None:
    kind = headers.get(b"content-type", b"")
    if kind != b"application/json":
        essence, _, parameters = kind.lower().partition(b";")
        # RFC 8259 knows no other character set.
        charset = parameters.replace(b'"', b"").strip()
        if essence.strip() != b"application/json" or charset not in (b"", b"charset=utf-8"):
            raise Problem("UNSUPPORTED_MEDIA_TYPE", "The body must be application/json.")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Problem("UNSUPPORTED_MEDIA_TYPE", "The body must not be compressed.")


def _fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Parsers differ on which of two equal fields counts, and on whether null clears a field or leaves it: neither passes."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise _Flaw(twice, "is given twice")
    for name, value in pairs:
        if value is None:
            raise _Flaw(name, "is null; leave it out instead")
    return fields


_decoder = json.JSONDecoder(object_pairs_hook=_fields)
