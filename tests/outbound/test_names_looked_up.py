"""How names are looked up: as they were written, and anew when what was heard of them is old."""

import time
from collections.abc import AsyncIterator

import aiohttp.connector
import pytest
from name_server import NameServer, name_server
from receivers import answering, receiver

from services.notifier.addresses import AddressRules
from services.notifier.connecting import NAMES_KEPT_SECONDS
from services.notifier.sending import Sender

LISTED = AddressRules(development=True, allowed_hosts=frozenset({"hooks.example.com"}))
# Says that it closes: the next delivery needs a connection of its own, and so an address.
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
async def names() -> AsyncIterator[NameServer]:
    async with name_server() as mine:
        yield mine


async def test_a_receiver_that_moves_is_followed_within_seconds(
    names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its name server says of no address that it counts for longer; and within these seconds nobody is asked again."""
    ahead = 0.0
    monkeypatch.setattr(aiohttp.connector, "monotonic", lambda: time.monotonic() + ahead)
    names.says("hooks.example.com", ["127.0.0.2"], ["127.0.0.1"])
    async with receiver(answering(LAST)) as hook, Sender(LISTED, names=names.resolver()) as sender:
        url = f"http://hooks.example.com:{hook.port}/"
        for _ in range(3):
            assert not (await sender.post(url, b"{}", {})).delivered
        assert names.asked.count(("hooks.example.com", "A")) == 1
        ahead = NAMES_KEPT_SECONDS + 1.0
        assert (await sender.post(url, b"{}", {})).delivered


async def test_a_name_is_looked_up_as_it_was_written_and_in_no_domain_of_ours(
    names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCALDOMAIN", "ours.test")
    monkeypatch.setenv("RES_OPTIONS", "ndots:5")  # as in a pod of Kubernetes: the search list comes first
    names.says("hooks.example.com.ours.test", ["127.0.0.1"])
    async with receiver(answering(LAST)) as hook, Sender(LISTED, names=names.resolver()) as sender:
        sent = await sender.post(f"http://hooks.example.com:{hook.port}/", b"{}", {})
    assert sent.error == "dns: the host has no public address"
    assert names.asked == []
    assert hook.connections == []
