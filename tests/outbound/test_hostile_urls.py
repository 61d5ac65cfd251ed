"""No connection to a forbidden address, ever: a listener on all addresses of this machine counts who came."""

import asyncio
import contextlib
import random
import socket
import time
from collections.abc import AsyncIterator
from functools import partial

import aiohttp
import pytest
from hostile import BY_ADDRESS, BY_WORDS
from name_server import NameServer, name_server
from receivers import Receiver, answering, receiver, trap

from services.notifier.addresses import AddressRules
from services.notifier.connecting import GuardedConnector, _socket
from services.notifier.sending import Sender

NOWHERE = "2fff::1"  # public by its form, handed out to nobody: what is sent there arrives nowhere
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
async def caught() -> AsyncIterator[Receiver]:
    async with trap() as mine:
        yield mine


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    async with name_server() as mine:
        yield mine


def _rules(caught: Receiver) -> AddressRules:
    """Production, with the listener's port: only the address keeps anybody from it."""
    return AddressRules(ports=frozenset({443, caught.port}))


async def test_no_hostile_url_is_connected_to(caught: Receiver, names: NameServer) -> None:
    names.says("*", ["127.0.0.1", "::1"])
    async with Sender(_rules(caught), seconds=2.0, names=names.resolver()) as sender:
        for url in BY_WORDS:
            sent = await sender.post(url.replace("{port}", str(caught.port)), b"{}", {})
            assert sent.forbidden, url
            assert sent.status is None
            assert caught.connections == [], url


@pytest.mark.parametrize("names_judged", [True, False])
async def test_no_hostile_url_is_connected_to_when_its_words_were_not_judged(
    caught: Receiver, names: NameServer, names_judged: bool
) -> None:
    """The guards at the connection, then that of the socket alone, under the library that reads the URL its own way."""
    names.says("*", ["127.0.0.1", "::1"])
    rules = _rules(caught)
    connector = (
        GuardedConnector(rules, names.resolver())
        if names_judged
        else aiohttp.TCPConnector(resolver=names.resolver(), socket_factory=partial(_socket, rules))
    )
    async with aiohttp.ClientSession(connector=connector) as session:
        for scheme in "https", "http":
            for url in BY_WORDS:
                hostile = url.replace("{port}", str(caught.port)).replace("https:", f"{scheme}:")
                with pytest.raises((aiohttp.ClientError, OSError, ValueError)):
                    await session.post(hostile, data=b"{}", timeout=aiohttp.ClientTimeout(total=2.0))
                assert caught.connections == [], url


async def test_the_listener_hears_whom_development_allows(caught: Receiver) -> None:
    """Else the tests above would prove nothing."""
    async with Sender(AddressRules(development=True)) as sender:
        for host in "127.0.0.1", "127.0.0.2", "localhost", "[::1]" if socket.has_dualstack_ipv6() else "127.0.0.3":
            sent = await sender.post(f"http://{host}:{caught.port}/", b"{}", {})
            assert sent.error == "closed: the connection ended before an answer came"
    assert len(caught.connections) == 4


@pytest.mark.parametrize("address", BY_ADDRESS)
async def test_a_name_that_leads_to_a_forbidden_address_is_not_connected_to(
    caught: Receiver, names: NameServer, address: str
) -> None:
    names.says("hooks.example.com", [address])
    async with Sender(_rules(caught), seconds=2.0, names=names.resolver()) as sender:
        sent = await sender.post(f"https://hooks.example.com:{caught.port}/", b"{}", {})
    assert sent.error == "dns: the host has no public address"
    assert names.asked
    assert caught.connections == []


@pytest.mark.parametrize(
    "addresses",
    [
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
        [NOWHERE, "127.0.0.1"],
        ["8.8.8.8", "::1"],
        ["-> inside.example.com", "10.0.0.1"],
    ],
)
async def test_a_name_with_one_forbidden_address_is_not_connected_to_at_all(
    caught: Receiver, names: NameServer, addresses: list[str]
) -> None:
    names.says("hooks.example.com", addresses)
    names.says("inside.example.com", addresses[1:])
    began = time.monotonic()
    async with Sender(_rules(caught), seconds=10.0, names=names.resolver()) as sender:
        sent = await sender.post(f"https://hooks.example.com:{caught.port}/", b"{}", {})
    assert sent.forbidden
    assert time.monotonic() - began < 5.0  # nobody tried the public one
    assert caught.connections == []


async def test_a_name_that_changes_its_mind_is_not_connected_to(caught: Receiver, names: NameServer) -> None:
    """A public address when it is looked at, this machine ever after."""
    names.says("rebinding.example.com", [NOWHERE], ["127.0.0.1"])
    url = f"https://rebinding.example.com:{caught.port}/"
    for round_ in range(3):
        async with Sender(_rules(caught), seconds=0.5, names=names.resolver()) as sender:  # each time looked up anew
            sent = await sender.post(url, b"{}", {})
            assert sent.status is None
            assert sent.forbidden == (round_ > 0)
    assert caught.connections == []
    assert names.asked.count(("rebinding.example.com", "A")) == 3


async def test_no_rebinding_wins_in_any_order_of_answers(caught: Receiver, names: NameServer) -> None:
    """Three hundred names that say this or that, with no order in it, while many deliveries to each are under way."""
    dice = random.Random(20)
    names.names["*"] = lambda _n: dice.choice(
        [[NOWHERE], ["127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], [NOWHERE, "127.0.0.1"], []]
    )
    sent = []
    async with Sender(_rules(caught), seconds=0.3, names=names.resolver()) as sender:
        for wave in range(0, 300, 30):
            posts = [f"https://n{wave + n % 30}.example.com:{caught.port}/" for n in range(90)]
            sent += await asyncio.gather(*(sender.post(url, b"{}", {}) for url in posts))
    assert {each.status for each in sent} == {None}
    assert len({name for name, _ in names.asked}) == 300
    assert caught.connections == []


async def test_a_listed_host_is_looked_up_and_reached(names: NameServer) -> None:
    """The same way through the name server does lead somewhere when development says so."""
    names.says("receiver", ["127.0.0.1"])
    names.says("other.example.com", ["127.0.0.1"])
    rules = AddressRules(development=True, allowed_hosts=frozenset({"receiver"}), ports=frozenset(range(1, 65536)))
    async with receiver(answering(OK)) as hook, Sender(rules, names=names.resolver()) as sender:
        assert (await sender.post(f"http://receiver:{hook.port}/", b"{}", {})).status == 200
        assert (await sender.post(f"https://other.example.com:{hook.port}/", b"{}", {})).forbidden
    assert len(hook.connections) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_inside_is_not_followed(caught: Receiver, status: int) -> None:
    redirect = f"HTTP/1.1 {status} Moved\r\nLocation: http://127.0.0.1:{caught.port}/\r\nContent-Length: 0\r\n\r\n"
    async with receiver(answering(redirect.encode())) as hook, Sender(AddressRules(development=True)) as sender:
        sent = await sender.post(hook.url, b"{}", {})
    assert (sent.status, sent.delivered, len(hook.requests)) == (status, False, 1)
    assert caught.connections == []


async def test_a_proxy_of_the_environment_is_not_used(caught: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY":
        monkeypatch.setenv(name, f"http://127.0.0.1:{caught.port}")
    async with receiver(answering(OK)) as hook, Sender(AddressRules(development=True), seconds=0.5) as sender:
        assert (await sender.post(hook.url, b"{}", {})).status == 200
        assert (await sender.post(f"https://[{NOWHERE}]/", b"{}", {})).status is None
    assert caught.connections == []


async def test_a_slow_name_server_holds_up_its_own_names_only(names: NameServer) -> None:
    """Nobody waits for a lookup of somebody else: a hundred names are never answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, contextlib.ExitStack() as stack:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        slow = aiohttp.AsyncResolver(nameservers=["127.0.0.1"], udp_port=port, tcp_port=port, timeout=2.0, tries=1)
        async with receiver(answering(OK)) as hook, Sender(AddressRules(development=True), 3.0, names=slow) as sender:
            waiting = [asyncio.create_task(sender.post(f"https://n{n}.example.com/", b"{}", {})) for n in range(100)]
            stack.callback(lambda: [task.cancel() for task in waiting])
            quick = [await sender.post(hook.url, b"{}", {}) for _ in range(50)]
            assert not any(task.done() for task in waiting)
            assert {each.status for each in quick} == {200}
            ended = await asyncio.gather(*waiting)
    assert {each.error for each in ended} == {"dns: the host has no public address"}
