"""Hostile requests to every operation there is: refused in our own words, never a 500. Numbers are those of the security list."""

import asyncio
import gzip
import json
import uuid
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from conforming import document
from yarl import URL

from services.gateway.settings import Settings

ID = "9d1f7b52-2f0e-5a8b-8d6c-4b5a6c7d8e44"
JSON = {"Content-Type": "application/json"}
OPERATIONS = [
    (method.upper(), path, operation)
    for path, methods in document().described["paths"].items()
    for method, operation in methods.items()
    if path.startswith("/v1/") and operation.get("security")  # the provider's door: test_gateway_provider_events.py
]
WITH_BODY = [(method, path) for method, path, operation in OPERATIONS if "requestBody" in operation]
WITHOUT_BODY = [(m, path) for m, path, operation in OPERATIONS if m != "GET" and "requestBody" not in operation]
READS = [(path, operation) for method, path, operation in OPERATIONS if method == "GET"]
# What none of these may let out: traces, SQL, addresses, versions, names of what we are built with (item 33).
INSIDE = ["traceback", "select ", "insert ", "127.0.0.1", "localhost", "uvicorn", "fastapi", "pydantic", "asyncpg", "kafka:", "python", ".py"]  # fmt: skip

# Item 15.
BODIES = {
    "NUL in a string": b'{"name": "a\\u0000b", "slot": "\\u0000", "status": "\\u0000", "price": "\\u0000"}',
    "a raw NUL": b'{"name": "a\x00b"}',
    "NUL in a name": b'{"a\\u0000b": 1}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "a lone surrogate in a name": b'{"\\udfff": 1}',
    "bad UTF-8": b'{"name": "\xff\xfe"}',
    "overlong UTF-8": b'{"name": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"name": "\xed\xa0\x80"}',
    "UTF-16": '{"name": "a"}'.encode("utf-16"),
    "NaN": b'{"price": NaN, "units": NaN}',
    "Infinity": b'{"price": Infinity, "units": -Infinity}',
    "1e999": b'{"price": 1e999, "units": 1e999}',
    "a field twice": b'{"name": "a", "name": "a", "status": "CONFIRMED", "status": "CANCEL"}',
    "4,000 digits": b'{"price": ' + b"9" * 4000 + b', "units": ' + b"9" * 4000 + b"}",
    "10,000 lists deep": b'{"name": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "10,000 objects deep": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "10,000 lists deep and open": b"[" * 10_000,
    "__proto__": b'{"__proto__": {"admin": true}}',
    "no object": b'"name"',
    "nothing": b"",
}


def _at(path: str) -> str:
    return path.replace("{id}", ID)


async def _refused(answer: Any, *statuses: int) -> None:
    """In the envelope, with one of these statuses, and with nothing of our inside."""
    raw = (await answer.read()).decode()
    told = json.loads(raw)
    assert answer.status in statuses, (answer.method, answer.url, answer.status, raw)
    assert list(told) == ["status", "code", "message", "correlationId", "details"]
    assert told["correlationId"] == answer.headers["X-Correlation-Id"]
    assert [word for word in INSIDE if word in raw.lower()] == []
    assert "Server" not in answer.headers
    assert "X-Powered-By" not in answer.headers


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
async def test_item_15_a_hostile_body_is_400_everywhere(lonely: Any, method: str, path: str) -> None:
    for name, raw in BODIES.items():
        async with lonely.session.request(method, _at(path), data=raw, headers=JSON) as answer:
            assert answer.status == 400, name
            await _refused(answer, 400)


@pytest.mark.parametrize(("method", "path"), WITHOUT_BODY)
async def test_item_15_a_body_where_none_belongs_is_400(lonely: Any, method: str, path: str) -> None:
    for raw in (b'{"status": "PAID"}', b"[" * 10_000, b"\x00"):
        async with lonely.session.request(method, _at(path), data=raw, headers=JSON) as answer:
            await _refused(answer, 400)


@pytest.mark.parametrize(("method", "path"), [*WITH_BODY, *WITHOUT_BODY])
async def test_item_16_more_than_64_kib_are_413(lonely: Any, method: str, path: str) -> None:
    async with lonely.session.request(method, _at(path), data=b" " * (64 * 1024 + 1), headers=JSON) as answer:
        await _refused(answer, 413)


BOMBS = {"gzip": gzip.compress(bytes(30 * 1024 * 1024)), "deflate": zlib.compress(bytes(30 * 1024 * 1024))}


@pytest.mark.parametrize("coding", [*BOMBS, "br", "zstd", "gzip, gzip", "identity, gzip"])
async def test_item_16_a_compressed_body_is_415_and_never_unpacked(lonely: Any, coding: str) -> None:
    for method, path in WITH_BODY:
        headers = {**JSON, "Content-Encoding": coding}
        bomb = BOMBS.get(coding, BOMBS["gzip"])
        async with lonely.session.request(method, _at(path), data=bomb, headers=headers) as answer:
            await _refused(answer, 415)


def test_item_17_a_request_has_20_s_to_arrive() -> None:
    """That it is cut off then, and that nobody else waits for it, is tested in test_gateway_errors.py with a shorter time."""
    assert Settings.model_fields["arrived_within"].default == 20


async def test_item_17_a_body_that_comes_byte_by_byte_is_cut_off_and_others_are_served(lonely: Any) -> None:
    token = lonely.session.headers.get("Authorization", "none")
    reader, writer = await asyncio.open_connection("127.0.0.1", lonely.port)
    head = f"POST /v1/bookings HTTP/1.1\r\nHost: h\r\nAuthorization: {token}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: 60000\r\n\r\n".encode())
    answered = asyncio.create_task(_rest(reader))
    sent = 0
    async with asyncio.timeout(10):
        while not answered.done():
            writer.write(b" ")
            sent += 1
            async with lonely.session.get("/livez") as answer:  # takes its time, and is served meanwhile
                assert answer.status == 200
    writer.close()
    assert sent > 0
    assert b" 408 " in await answered


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b" 408 "  # cut off before the answer was read, with a byte of ours on its way


def _asked(name: str) -> Iterator[str]:
    """Hostile values of a query parameter (items 15 and 18)."""
    for value in (
        "%00",
        "%ff",
        "%ed%a0%80",
        "9" * 4000,
        "-1",
        "1e3",
        "NaN",
        "%0d%0aX:%20y",
        "'%20OR%201=1--",
        "%D9%A1",
    ):
        yield f"{name}={value}"
    yield f"{name}={ID}&{name}={ID}" if name not in ("spaceIds", "status") else f"{name}=,,"
    if name in ("limit", "page"):
        yield f"{name}=1000000000"
    if name in ("from", "to"):
        yield from (
            f"{name}={value}"
            for value in ("1000000", "9999-12-31", "9999-12-31T23:59:59Z", "0000-01-01", "1799658000000")
        )


def _may_be(query: str, schema: dict[str, Any]) -> bool:
    """Whether the document lets this pass: a text may be any."""
    try:
        return document().admits(schema, unquote(query.partition("=")[2], errors="strict"))
    except UnicodeDecodeError:
        return False


@pytest.mark.parametrize("path", [path for path, _ in READS])
async def test_items_15_and_18_a_hostile_query_is_400_everywhere(lonely: Any, path: str) -> None:
    (operation,) = (each for where, each in READS if where == path)
    asked = {each["name"]: each["schema"] for each in operation.get("parameters", []) if each["in"] == "query"}
    for name, schema in asked.items():
        rest = "&".join(f"{each}={ID}" for each in ("productId", "spaceId") if each in asked and each != name)
        for query in _asked(name):
            if not _may_be(query, schema):
                async with lonely.session.get(URL(f"{_at(path)}?{rest}&{query}", encoded=True)) as answer:
                    await _refused(answer, 400)


@pytest.mark.parametrize("path", [path for path, _ in READS if "{id}" in path])
async def test_item_15_a_hostile_id_is_404_everywhere(lonely: Any, path: str) -> None:
    for bad in (
        "%00",
        "%ff",
        "%ed%a0%80",
        "..%2f..%2fetc",
        "9" * 4000,
        f"{ID}%00",
        f"{ID}'--",
        ID.upper() + "0",
        "%0d%0a",
    ):
        async with lonely.session.get(path.replace("{id}", bad)) as answer:
            await _refused(answer, 404)


async def test_item_15_a_hostile_key_is_400(lonely: Any) -> None:
    for key in (b"\xff\xfe", b"a\xc2\x85b", b"x" * 256, b'"open'):
        told = await _raw(lonely, b"DELETE /v1/bookings/" + ID.encode() + b" HTTP/1.1", b"Idempotency-Key: " + key)
        assert told[0] == 400, key
        assert [word for word in INSIDE if word in told[1].lower()] == []


async def test_item_33_an_error_tells_nothing_but_the_envelope(lonely: Any) -> None:
    """Whatever is wrong with whatever: services are away, and that is all that can be learned."""
    for path, operation in READS:
        asked = {
            each["name"]: ID for each in operation.get("parameters", []) if each["name"] in ("productId", "spaceId")
        }
        async with lonely.session.get(_at(path), params=asked) as answer:
            await _refused(answer, 503, 504)
    body = {"productId": ID, "spaceId": ID, "slot": {"from": "2027-01-11T09:00:00Z", "to": "2027-01-11T10:00:00Z"}}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    async with lonely.session.post("/v1/bookings", json=body, headers=key) as answer:
        await _refused(answer, 503)


async def _raw(lonely: Any, line: bytes, *headers: bytes) -> tuple[int, str]:
    """Bytes that no client library would send; the status and the body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", lonely.port)
    token = lonely.session.headers.get("Authorization", "none").encode()
    lines = [line, b"Host: h", b"Connection: close", b"Authorization: " + token, *headers, b"", b""]
    writer.write(b"\r\n".join(lines))
    head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), body.decode()
