"""Receivers that are slow, broken or hostile: each costs its own delivery a bounded time, and nothing else."""

import asyncio
import gzip
import json
import time
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from awaiting import until
from receivers import Caller, Manners, Receiver, answering, closing_after, endless, receiver, silent_after

from services.notifier.addresses import AddressRules
from services.notifier.connecting import MOST_HEARD
from services.notifier.sending import ERRORS, MOST_BODY, MOST_HEADERS, Sender, Sent

RULES = AddressRules(development=True)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GZIP = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s"


async def _sent(manners: Manners, seconds: float = 5.0) -> tuple[Sent, Receiver]:
    async with receiver(manners) as hook, Sender(RULES, seconds) as sender:
        return await sender.post(hook.url, b'{"a": 1}', {"webhook-id": "1"}), hook


async def _no_words(caller: Caller) -> None:
    caller.reset()


async def _reset_after_the_request(caller: Caller) -> None:
    await caller.request()
    caller.reset()


async def _close_after_the_request(caller: Caller) -> None:
    await caller.request()


async def _half_close(caller: Caller) -> None:
    await caller.request()
    caller.writer.write_eof()
    await caller.wait()


async def _one_letter_at_a_time(caller: Caller) -> None:
    await caller.request()
    for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 100_000:
        await caller.say(bytes([letter]))
        await asyncio.wait([asyncio.create_task(caller.wait())], timeout=0.05)


NO_ANSWER: dict[str, tuple[Manners, str]] = {
    "closes at once": (_no_words, "closed"),
    "resets after the request": (_reset_after_the_request, "closed"),
    "closes after the request": (_close_after_the_request, "closed"),
    "closes its half after the request": (_half_close, "closed"),
    "half a head": (closing_after(b"HTTP/1.1 200 OK\r\nContent-Le"), "closed"),
    "speaks another protocol": (answering(b"SSH-2.0-OpenSSH_9.6\r\n"), "protocol"),
    "says nonsense": (answering(b"\x00\xff" * 40 + b"\r\n\r\n"), "protocol"),
    "a status that is none": (answering(b"HTTP/1.1 2000 OK\r\n\r\n"), "protocol"),
    "two lengths": (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "protocol"),
    "chunks that are none": (answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n"), "protocol"),
    "a header without end": (endless(b"HTTP/1.1 200 OK\r\nX-Long: ", b"a" * 4096), "protocol"),
    "headers without end": (endless(b"HTTP/1.1 200 OK\r\n", b"X-Many: a\r\n" * 500), "protocol"),
    "a reason without end": (endless(b"HTTP/1.1 200 ", b"a" * 4096), "protocol"),
    "a megabyte of headers": (closing_after(b"HTTP/1.1 200 OK\r\n" + b"X: " + b"a" * 1_000_000 + b"\r\n\r\n"), "protocol"),
    "interim answers without end": (endless(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 50), "protocol"),
    "100 Continue without end": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50), "protocol"),
    "says nothing": (silent_after(b""), "timeout"),
    "half a head, then nothing": (silent_after(b"HTTP/1.1 200 OK\r\nContent-Le"), "timeout"),
    "an interim answer, then nothing": (silent_after(b"HTTP/1.1 100 Continue\r\n\r\n"), "timeout"),
    "a letter now and then": (_one_letter_at_a_time, "timeout"),
}  # fmt: skip


@pytest.mark.parametrize("fault", NO_ANSWER)
async def test_without_an_answer_the_delivery_fails_in_time(fault: str) -> None:
    manners, kind = NO_ANSWER[fault]
    sent, hook = await _sent(manners, seconds=1.0 if kind == "timeout" else 10.0)
    assert (sent.status, sent.delivered, sent.body, sent.forbidden) == (None, False, "", False)
    assert sent.error is not None
    assert sent.error.partition(":")[0] == kind
    assert kind in ERRORS
    assert sent.seconds < (1.5 if kind == "timeout" else 5.0)
    assert len(hook.connections) == 1
    assert hook.said < 8 * 1024 * 1024  # what the kernel buffers, not what it would have liked to say


ANSWERS: dict[str, tuple[Manners, int, str]] = {
    "an ordinary one": (answering(OK), 200, "ok"),
    "no content": (answering(b"HTTP/1.1 204 No Content\r\n\r\n"), 204, ""),
    "HTTP/1.0": (closing_after(b"HTTP/1.0 200 OK\r\n\r\nfine"), 200, "fine"),
    "HTTP/1.0, gone": (closing_after(b"HTTP/1.0 410 Gone\r\n\r\n"), 410, ""),
    "until the end of the connection": (closing_after(b"HTTP/1.1 200 OK\r\n\r\nfine"), 200, "fine"),
    "in chunks": (answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), 200, "ok"),
    "after interim ones": (answering(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + OK), 200, "ok"),
    "an error": (answering(b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno"), 500, "no"),
    "two at once": (answering(OK + OK), 200, "ok"),
    "a body cut off": (closing_after(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), 200, "half"),
    "a body that never comes": (silent_after(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"), 200, "half"),
    "a body that is not UTF-8": (answering(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na\xff\x00"), 200, "a\ufffd\ufffd"),
    "another protocol from now on": (silent_after(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), 101, ""),
}  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS)
async def test_the_status_counts_however_the_answer_ends(answer: str) -> None:
    manners, status, body = ANSWERS[answer]
    sent, _ = await _sent(manners, seconds=0.7)
    assert (sent.status, sent.body, sent.error, sent.forbidden) == (status, body, None, False)
    assert sent.delivered == (200 <= status < 300)
    assert sent.seconds < 1.2


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 65536),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n", b"a" * 65536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + b"a" * 0x8000 + b"\r\n"),
    ],
)
async def test_of_an_endless_answer_64_kib_are_read(head: bytes, piece: bytes) -> None:
    sent, hook = await _sent(endless(head, piece))
    assert (sent.status, sent.delivered, len(sent.body)) == (200, True, MOST_BODY)
    assert sent.seconds < 3.0
    assert hook.said < 8 * 1024 * 1024


async def test_chunks_of_one_byte_end_where_their_framing_is_too_much() -> None:
    sent, _ = await _sent(endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 1000))
    assert sent.status == 200
    assert 0 < len(sent.body) < MOST_HEARD // 6


@pytest.mark.parametrize("kind", ["gzip", "deflate"])
async def test_a_packed_answer_is_never_unpacked(kind: str) -> None:
    plain = b"a" * 50_000_000
    packed = gzip.compress(plain, 9) if kind == "gzip" else zlib.compress(plain, 9)
    answer = GZIP.replace(b"gzip", kind.encode()) % (len(packed), packed)
    sent, hook = await _sent(closing_after(answer))
    assert (sent.status, sent.delivered) == (200, True)
    assert sent.body.endswith(f"packed as {kind}, not unpacked)")
    assert sent.read == len(packed)  # unpacked it would be as much as is read of any
    assert b"accept-encoding: identity" in hook.requests[0].lower()


async def test_what_is_kept_of_an_answer_can_be_stored_and_shown() -> None:
    hostile = (
        b"X-Odd: \xff\xfe\xed\xa0\x80\r\nX-Odd: b\r\nSet-Cookie: a=b\r\n"
        + b"X-Long: "
        + b"c" * 8000
        + b"\r\nX-After: d\r\n"
    )
    sent, _ = await _sent(answering(b"HTTP/1.1 200 OK\r\n" + hostile + b"Content-Length: 0\r\n\r\n"))
    json.dumps(dict(sent.headers)).encode()
    "".join(sent.headers.values()).encode()
    assert sent.headers["X-Odd"].endswith(", b")
    assert sum(len(name) + len(value) for name, value in sent.headers.items()) <= MOST_HEADERS + 10


async def test_no_cookie_comes_back() -> None:
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n"
    async with receiver(answering(answer)) as hook, Sender(RULES) as sender:
        for _ in range(2):
            await sender.post(hook.url, b"{}", {})
    assert b"cookie" not in b"".join(hook.requests).lower()


def _in(seconds: float) -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("120", 120, 120),
        ("0", 0, 0),
        ("99999999999999999999", 86400, 86400),
        (_in(3600), 3000, 3601),
        (_in(-3600), 0, 0),
        (_in(10_000_000), 86400, 86400),
    ],
    ids=["seconds", "at once", "too many", "in an hour", "an hour ago", "in months"],  # not the time of collecting them
)
async def test_retry_after_is_read_in_both_forms(header: str, least: float, most: float) -> None:
    sent, _ = await _sent(answering(f"HTTP/1.1 429 No\r\nRetry-After: {header}\r\nContent-Length: 0\r\n\r\n".encode()))
    assert sent.status == 429
    assert sent.retry_after is not None
    assert least <= sent.retry_after <= most


@pytest.mark.parametrize(
    "header", ["", "soon", "-1", "1.5", "1e3", "²", "Thu, 99 Foo 2026 00:00:00 GMT", "nan", "inf", "0x10"]
)
async def test_a_retry_after_that_is_none_is_ignored(header: str) -> None:
    sent, _ = await _sent(answering(f"HTTP/1.1 503 No\r\nRetry-After: {header}\r\nContent-Length: 0\r\n\r\n".encode()))
    assert (sent.status, sent.retry_after) == (503, None)


async def test_headers_that_cannot_be_sent_are_our_fault_and_raise_nothing() -> None:
    async with receiver(answering(OK)) as hook, Sender(RULES) as sender:
        sent = await sender.post(hook.url, b"{}", {"X": "a\r\nHost: inside"})
    assert sent.error == "internal: the delivery could not be sent"
    assert hook.requests == []


async def test_fifty_hostile_receivers_do_not_slow_another_one() -> None:
    """All that keep us busy, at once: the good receiver's p99 stays within a second of that of a sender without them."""
    storms = [manners for manners, kind in NO_ANSWER.values() if kind == "protocol"] * 5
    async with receiver(answering(OK)) as hook, Sender(RULES, 10.0) as sender, Sender(RULES, 10.0) as calm:

        async def storm(manners: Manners) -> Sent:
            async with receiver(manners) as hostile:
                return await sender.post(hostile.url, b"{}", {})

        hostile = [asyncio.create_task(storm(manners)) for manners in storms]
        times, without = [], []
        while not all(task.done() for task in hostile):
            times.append((await sender.post(hook.url, b"{}", {})).seconds)
            without.append((await calm.post(hook.url, b"{}", {})).seconds)  # what the machine itself takes
        assert {task.result().status for task in hostile} == {None}
    assert len(storms) >= 45
    assert _p99(times) < 1.0 + _p99(without)


def _p99(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.99)]


async def test_after_all_faults_nothing_is_left_open() -> None:
    async with Sender(RULES, 0.3) as sender:
        for manners, _ in NO_ANSWER.values():
            async with receiver(manners) as hook:
                began = time.monotonic()
                await sender.post(hook.url, b"{}", {})
                assert time.monotonic() - began < 2.0

        async def all_closed() -> bool:
            connector = sender._session.connector
            return connector is not None and not connector._acquired and not connector._conns

        await until(all_closed)
