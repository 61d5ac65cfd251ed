"""Whoever finds the fault, the client reads the same envelope, with nothing of our inside in it."""

import asyncio
import json
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from gateway_alone import alone

from examples import tokens

FIELDS = ["status", "code", "message", "correlationId", "details"]


async def _raw(lonely: Any, *parts: bytes) -> tuple[int, dict[str, Any]]:
    """Send these bytes, wait for the end of the connection, return status and envelope."""
    reader, writer = await asyncio.open_connection("127.0.0.1", lonely.port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
        head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)
    finally:
        writer.close()


def _token(lonely: Any) -> bytes:
    return f"Authorization: {lonely.session.headers['Authorization']}\r\n".encode()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "NOT_FOUND"),
        ("GET", "/docs/../app.py", 404, "NOT_FOUND"),
        ("GET", "/v1/bookings/", 404, "NOT_FOUND"),
        ("GET", "/v1/bookings/17", 404, "NOT_FOUND"),
        ("GET", "/v1/bookings/..%2f..%2fslots", 404, "NOT_FOUND"),
        ("DELETE", "/v1/venues/%00", 404, "NOT_FOUND"),
        ("PUT", "/v1/bookings", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/v1/bookings/slots", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/v1/venues", 503, "SERVICE_UNAVAILABLE"),
        ("GET", "/v1/bookings", 504, "TIMEOUT"),
    ],
)
async def test_every_error_is_the_envelope(lonely: Any, method: str, path: str, status: int, code: str) -> None:
    async with lonely.session.request(method, path) as answer:
        told = await answer.json()
        assert (answer.status, told["status"], told["code"]) == (status, status, code)
        assert list(told) == FIELDS
        assert told["correlationId"] == answer.headers["X-Correlation-Id"]
        assert "127.0.0.1" not in json.dumps(told)


async def test_405_names_every_method_that_is_possible(lonely: Any) -> None:
    async with lonely.session.put("/v1/bookings/9d1f7b52-2f0e-5a8b-8d6c-4b5a6c7d8e44") as answer:
        assert answer.headers["Allow"] == "DELETE, GET, HEAD, PATCH"


async def test_a_body_of_65_kib_is_413(lonely: Any) -> None:
    headers = {"Content-Type": "application/json"}
    async with lonely.session.post("/v1/bookings", data=b" " * 65 * 1024, headers=headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_body_of_65_kib_in_chunks_is_413(lonely: Any) -> None:
    async def chunks() -> Any:
        for _ in range(65):
            yield b" " * 1024

    headers = {"Content-Type": "application/json"}
    async with lonely.session.post("/v1/bookings", data=chunks(), headers=headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_a_body_without_end_is_cut_off(lonely: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", lonely.port)
    head = b"POST /v1/bookings HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
    writer.write(head + _token(lonely) + b"\r\n")
    with pytest.raises(ConnectionError):
        await _send(writer, (b"10000\r\n" + b" " * 65536 + b"\r\n" for _ in range(1000)))
    writer.close()
    assert b" 413 " in await _rest(reader)


async def _send(writer: asyncio.StreamWriter, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        writer.write(chunk)
        await writer.drain()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(65536)
    except ConnectionError:
        return b" 413 "  # cut off before the answer was read: the client had 1 MiB to stop


async def test_what_is_not_http_is_400(lonely: Any) -> None:
    status, told = await _raw(lonely, b"HELLO\r\n\r\n")
    assert (status, told["code"], list(told)) == (400, "VALIDATION_FAILED", FIELDS)


async def test_a_control_character_in_a_header_is_400(lonely: Any) -> None:
    head = (
        b"DELETE /v1/venues/9d1f7b52-2f0e-5a8b-8d6c-4b5a6c7d8e44 HTTP/1.1\r\nHost: h\r\nIdempotency-Key: a\x01b\r\n\r\n"
    )
    assert (await _raw(lonely, head))[0] == 400


async def test_two_lengths_are_400(lonely: Any) -> None:
    head = b"POST /v1/bookings HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert (await _raw(lonely, head))[0] == 400


async def test_headers_of_40_kib_are_431(lonely: Any) -> None:
    assert (await _raw(lonely, b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 40_000))[0] == 431


async def test_headers_that_dawdle_are_408(lonely: Any) -> None:
    status, told = await _raw(lonely, b"GET /livez HTTP/1.1\r\nHost: h\r\nX: ")
    assert (status, told["code"]) == (408, "TIMEOUT")


async def test_a_body_that_dawdles_is_408(lonely: Any) -> None:
    head = b"POST /v1/bookings HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"
    status, told = await _raw(lonely, head, _token(lonely), b"\r\n{")
    assert (status, told["code"]) == (408, "TIMEOUT")


async def test_a_body_that_dawdles_after_it_was_refused_gets_no_second_answer(lonely: Any) -> None:
    status, told = await _raw(lonely, b"POST /v1/bookings HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{")
    assert (status, told["code"]) == (401, "UNAUTHORIZED")


async def test_a_connection_that_says_nothing_is_closed(lonely: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", lonely.port)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_a_client_that_dawdles_delays_nobody(lonely: Any) -> None:
    slow = [await asyncio.open_connection("127.0.0.1", lonely.port) for _ in range(50)]
    for _, writer in slow:
        writer.write(b"POST /v1/bookings HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{")
    async with asyncio.timeout(0.5), lonely.session.get("/livez") as answer:
        assert answer.status == 200
    for _, writer in slow:
        writer.close()


# Item 33: what nobody foresaw is a 500 that says so, and nothing else. Here a service answers what cannot be read.
async def test_an_error_that_nobody_foresaw_tells_nothing_of_itself(tmp_path: Path) -> None:
    async def rambles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        words = b"SELECT secret FROM asyncpg"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(words), words))
        writer.close()

    service = await asyncio.start_server(rambles, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{service.sockets[0].getsockname()[1]}"
    async with alone(tmp_path / "keys", BOOKING_URL=url) as gateway:
        token = await tokens.authorization(gateway.url)
        async with gateway.session.get(f"/v1/bookings/{uuid.uuid4()}", headers=token) as answer:
            told = await answer.json()
            assert answer.status == 500
            assert told == {
                "status": 500,
                "code": "SERVER_ERROR",
                "message": "Something went wrong on our side.",
                "correlationId": answer.headers["X-Correlation-Id"],
                "details": [],
            }
    service.close()


# Item 33: neither an answer of the application nor one of the connection says by which software, of which version, it was made.
async def test_no_header_tells_what_we_are_built_with(lonely: Any) -> None:
    for request in (b"GET /v1/nothing HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", b"nonsense\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", lonely.port)
        writer.write(request)
        head = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")[0].lower()
        writer.close()
        assert b"x-correlation-id: " in head
        for telling in (b"\r\nserver:", b"\r\nx-powered-by:", b"\r\nvia:", b"uvicorn", b"python", b"127.0.0.1"):
            assert telling not in head, head
