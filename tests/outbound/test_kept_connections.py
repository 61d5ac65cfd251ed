"""Connections that are kept: used again, given up by the other side, encrypted; and what the guard does not do on them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from certificates import Authority
from name_server import NameServer, name_server
from receivers import Caller, Manners, answering, hanging_up_late, receiver, silent_after

from services.notifier.addresses import AddressRules, Network, target
from services.notifier.sending import Sender

DEVELOPMENT = AddressRules(development=True)
LISTED = AddressRules(development=True, allowed_hosts=frozenset({"hooks.test"}))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def _hanging_up(how: str) -> Manners:
    """Answers the first request of a connection as if more were welcome, and hangs up: at once, or when the next one comes."""

    async def manners(caller: Caller) -> None:
        await caller.request()
        await caller.say(OK)
        if how in ("at the next", "reset at the next"):
            await caller.reader.readexactly(1)
        if how in ("reset", "reset at the next"):
            caller.reset()

    return manners


async def test_a_connection_is_used_again() -> None:
    async with receiver(answering(OK)) as hook, Sender(DEVELOPMENT) as sender:
        for _ in range(20):
            assert (await sender.post(hook.url, b"{}", {})).delivered
    assert (len(hook.connections), len(hook.requests)) == (1, 20)


async def test_a_connection_that_has_to_close_is_not_used_again() -> None:
    async with receiver(answering(LAST)) as hook, Sender(DEVELOPMENT) as sender:
        for _ in range(3):
            assert (await sender.post(hook.url, b"{}", {})).delivered
    assert len(hook.connections) == 3


@pytest.mark.parametrize("how", ["at once", "reset", "at the next", "reset at the next"])
async def test_a_kept_connection_that_was_given_up_is_no_failure(how: str) -> None:
    """A hundred deliveries to a receiver that hangs up after each answer: all arrive, each once."""
    async with receiver(_hanging_up(how)) as hook, Sender(DEVELOPMENT) as sender:
        for n in range(100):
            sent = await sender.post(hook.url, b"{}", {"webhook-id": str(n)})
            assert sent.delivered, sent
    assert len(hook.requests) == 100


async def test_many_kept_connections_given_up_at_once_are_no_failure() -> None:
    async with receiver(_hanging_up("at the next")) as hook, Sender(DEVELOPMENT) as sender:
        for _ in range(5):
            sent = await asyncio.gather(*(sender.post(hook.url, b"{}", {}) for _ in range(20)))
            assert {each.status for each in sent} == {200}
    assert len(hook.requests) == 100


async def test_kept_connections_given_up_one_after_another_take_the_time_of_one_attempt() -> None:
    """Each lets the request wait before it hangs up: all of them together have the time that one answer has."""

    async with receiver(hanging_up_late(OK, 12, 0.4)) as hook, Sender(DEVELOPMENT, 1.0) as sender:
        await asyncio.gather(*(sender.post(hook.url, b"{}", {}) for _ in range(12)))
        sent = await sender.post(hook.url, b"{}", {})
    assert sent.seconds < 4.0  # one after another they have 4.8
    assert sent.error == "timeout: no answer within 1 s"


async def test_a_receiver_that_hangs_up_on_new_connections_has_failed() -> None:
    async def manners(caller: Caller) -> None:
        await caller.request()

    async with receiver(manners) as hook, Sender(DEVELOPMENT) as sender:
        for _ in range(3):
            assert not (await sender.post(hook.url, b"{}", {})).delivered
    assert len(hook.requests) == 3  # nothing was sent twice


async def test_an_answer_that_breaks_off_on_a_kept_connection_is_a_failure_and_nothing_is_sent_twice() -> None:
    """The receiver has heard it: whether to send it again is for the schedule to say, after its pause."""

    async def manners(caller: Caller) -> None:
        await caller.request()
        await caller.say(OK)
        await caller.request()
        await caller.say(b"HTTP/1.1 200 OK\r\nConte")

    async with receiver(manners) as hook, Sender(DEVELOPMENT) as sender:
        assert (await sender.post(hook.url, b"{}", {})).delivered
        assert not (await sender.post(hook.url, b"{}", {})).delivered
    assert len(hook.requests) == 2


async def test_words_that_nobody_asked_for_are_no_answer_to_the_next_delivery() -> None:
    """A receiver that sends one answer too many cannot have the next delivery taken for delivered."""
    asked = 0

    async def manners(caller: Caller) -> None:
        nonlocal asked
        await caller.request()
        asked += 1
        await caller.say(OK + OK if asked == 1 else b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
        await caller.wait()

    async with receiver(manners) as hook, Sender(DEVELOPMENT) as sender:
        assert (await sender.post(hook.url, b"{}", {})).status == 200
        assert (await sender.post(hook.url, b"{}", {})).status == 500


async def test_the_request_is_the_bytes_and_headers_that_were_given() -> None:
    body = '{"name": "Café  \\u0000", "x": 1.0}'.encode()
    async with receiver(answering(OK)) as hook, Sender(DEVELOPMENT) as sender:
        await sender.post(f"{hook.url}?a=%2B+b%41", body, {"webhook-id": "1", "Boseat-Signature": "t=1,v1=ab"})
    head, _, sent = hook.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert sent == body
    assert lines[0] == "POST /hook?a=%2B+b%41 HTTP/1.1"
    assert {
        f"Host: 127.0.0.1:{hook.port}",
        "Content-Type: application/json",
        "webhook-id: 1",
        "Boseat-Signature: t=1,v1=ab",
        f"Content-Length: {len(body)}",
    } <= set(lines)


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    async with name_server() as mine:
        mine.says("hooks.test", ["127.0.0.1"])
        yield mine


async def test_tls_is_verified_for_the_name_in_the_url(tmp_path: Path, names: NameServer) -> None:
    authority, asked_for = Authority(tmp_path), []
    server = authority.server("hooks.test")
    server.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    async with (
        receiver(answering(OK), server) as hook,
        Sender(LISTED, tls=authority.client(), names=names.resolver()) as sender,
    ):
        for _ in range(2):
            sent = await sender.post(f"https://hooks.test:{hook.port}/", b"{}", {})
            assert sent.delivered, sent
    assert asked_for == ["hooks.test"]  # one handshake for both
    assert f"Host: hooks.test:{hook.port}".encode() in hook.requests[0]


@pytest.mark.parametrize(
    ("name", "lasts", "trusted", "words"),
    [
        ("other.test", timedelta(days=1), True, "Hostname mismatch"),
        ("hooks.test", timedelta(days=-1), True, "certificate has expired"),
        ("hooks.test", timedelta(days=1), False, "unable to get local issuer certificate"),
    ],
)
async def test_a_certificate_that_does_not_fit_is_a_failure(
    tmp_path: Path, names: NameServer, name: str, lasts: timedelta, trusted: bool, words: str
) -> None:
    authority = Authority(tmp_path)
    client = authority.client() if trusted else None
    async with (
        receiver(answering(OK), authority.server(name, lasts)) as hook,
        Sender(LISTED, tls=client, names=names.resolver()) as sender,
    ):
        sent = await sender.post(f"https://hooks.test:{hook.port}/", b"{}", {})
    assert sent.error is not None
    assert sent.error.startswith("tls: ")
    assert words in sent.error
    assert hook.requests == []


async def test_a_server_without_tls_is_a_failure(names: NameServer) -> None:
    async def plain(caller: Caller) -> None:
        await caller.reader.read(4096)
        await caller.say(OK)
        await caller.wait()

    async def silent(caller: Caller) -> None:
        await caller.wait()

    for manners, kind in (plain, "tls"), (silent, "timeout"):
        async with receiver(manners) as hook, Sender(LISTED, 1.0, names=names.resolver()) as sender:
            sent = await sender.post(f"https://hooks.test:{hook.port}/", b"{}", {})
        assert sent.error is not None
        assert sent.error.partition(":")[0] == kind


async def test_a_hanging_receiver_takes_the_time_that_is_allowed_and_no_more() -> None:
    async with receiver(silent_after(b"")) as hook, Sender(DEVELOPMENT, 0.5) as sender:
        sent = await asyncio.gather(*(sender.post(hook.url, b"{}", {}) for _ in range(20)))
    assert {each.error for each in sent} == {"timeout: no answer within 0.5 s"}
    assert all(0.45 < each.seconds < 5.0 for each in sent)  # one after another they take 10


class Networks(tuple[Network, ...]):
    """Networks that count how often an address is judged by them."""

    judged = 0

    def __iter__(self) -> Iterator[Network]:
        self.judged += 1
        return super().__iter__()


async def test_the_guard_is_paid_once_for_a_connection_and_nothing_for_a_delivery_on_it(names: NameServer) -> None:
    """Words are read once for a URL, a name is looked up and judged once, a socket is judged once: then 400 deliveries go."""
    networks = Networks()
    rules = AddressRules(development=True, allowed_hosts=frozenset({"hooks.test"}), forbidden_networks=networks)
    all_there = asyncio.Barrier(8)

    async def manners(caller: Caller) -> None:
        await caller.request()
        await all_there.wait()  # else the first connection is free again before the last one is asked for
        await caller.say(OK)
        await answering(OK)(caller)

    read = target.cache_info().misses
    async with receiver(manners) as hook, Sender(rules, names=names.resolver()) as sender:
        url = f"http://hooks.test:{hook.port}/"
        for _ in range(50):
            sent = await asyncio.gather(*(sender.post(url, b"{}", {}) for _ in range(8)))
            assert {each.status for each in sent} == {200}
    assert (len(hook.connections), len(hook.requests)) == (8, 400)
    assert names.asked.count(("hooks.test", "A")) == 1
    assert networks.judged == 1 + 8  # the address of the name, and each socket
    assert target.cache_info().misses - read == 1
