"""Which URLs may be subscribed to, by their words alone."""

import contextlib
import socket
from ipaddress import ip_address, ip_network

import pytest
from hostile import BY_ADDRESS, BY_WORDS, PUBLIC
from hypothesis import given, settings
from hypothesis import strategies as some
from yarl import URL

from services.notifier import connecting
from services.notifier.addresses import AddressRules, Forbidden, judged, refused, target

PORT = 8443
RULES = AddressRules(ports=frozenset({443, PORT}))
DEVELOPMENT = AddressRules(development=True)


def test_there_are_more_than_eighty_hostile_urls() -> None:
    assert len(set(BY_WORDS)) >= 150


@pytest.mark.parametrize("url", BY_WORDS)
def test_a_hostile_url_is_refused_in_words(url: str) -> None:
    why = judged(url.replace("{port}", str(PORT)), RULES)
    assert why
    assert why.split()[0] in ("has", "is", "must")
    assert "127" not in why


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://example.com/hook#part", "has a fragment, which is never sent"),
        ("https://example%2ecom/", "has a % in its host"),
        ("https://user@example.com/", "has a user or password in it"),
        ("http://example.com/", "must begin with https://"),
        ("https://example.com:22/", "must have port 443"),
        ("https://2130706433/", "must have an IPv4 address as four decimal numbers"),
        ("https://10.0.0.1/", "has an address that is not public"),
        ("https://intranet/", "has a host that is not public"),
    ],
)
def test_a_refusal_says_what_is_wrong(url: str, why: str) -> None:
    assert judged(url, AddressRules()) == why


@pytest.mark.parametrize("url", PUBLIC)
def test_a_public_url_is_accepted(url: str) -> None:
    assert judged(url, AddressRules()) is None


@pytest.mark.parametrize("url", PUBLIC)
def test_a_public_url_is_accepted_in_development_too(url: str) -> None:
    assert judged(url, DEVELOPMENT) is None


@pytest.mark.parametrize("address", BY_ADDRESS)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert refused(address, AddressRules())


# The registries of special addresses, and what was meant for relays, once more: by whoever writes them down a second time.
SPECIAL = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.31.196.0/24
192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4
240.0.0.0/4 168.63.129.16/32
::/128 ::1/128 ::/96 ::ffff:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48
3ffe::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
""".split()  # noqa: SIM905 - one a line would be a page


@pytest.mark.parametrize("network", SPECIAL)
def test_a_special_network_is_refused_from_its_first_address_to_its_last(network: str) -> None:
    addresses = ip_network(network)
    middle = addresses.network_address + addresses.num_addresses // 2
    for each in (addresses.network_address, middle, addresses.broadcast_address):
        assert refused(str(each), AddressRules())


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450:4001::2004"]
)
def test_a_public_address_is_not_refused(address: str) -> None:
    assert not refused(address, AddressRules())


@pytest.mark.parametrize(
    "address", ["", "localhost", "fe80::1%lo", "1.1.1.1%lo", "127.1", "0x7f.1", "::1::", "2a00:1450:4001::2004%1"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    assert refused(address, AddressRules())


def test_what_python_calls_global_is_not_enough() -> None:
    taken_for_public = [each for each in BY_ADDRESS if ip_address(each).is_global]
    assert len(taken_for_public) > 5  # else our own list would not be needed
    assert all(refused(each, AddressRules()) for each in taken_for_public)


@pytest.mark.parametrize("port", [22, 80, 8443])
def test_another_port_than_https_is_refused(port: int) -> None:
    assert judged(f"https://example.com:{port}/", AddressRules()) == "must have port 443"


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:3000/hook",
        "http://hooks.localhost:3000/hook",
        "http://127.0.0.1:3000/hook",
        "http://127.3.2.1/hook",
        "http://[::1]:3000/hook",
        "https://localhost:3000/hook",
    ],
)
def test_development_allows_loopback_over_plain_http_at_any_port(url: str) -> None:
    assert judged(url, DEVELOPMENT) is None
    assert judged(url, AddressRules(ports=frozenset(range(1, 65536)))) is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://10.0.0.1/",
        "https://10.0.0.1/",
        "https://192.168.1.1:3000/",
        "http://169.254.169.254/",
        "http://[::ffff:127.0.0.1]:3000/",
        "http://0.0.0.0:3000/",
        "http://2130706433:3000/",
        "http://127.1:3000/",
        "http://localhost.:3000/",
        "http://localhost.example.com:3000/",
        "http://notlocalhost:3000/",
        "http://user@localhost:3000/",
        "https://example.com:3000/",
        "http://localhost:0/",
    ],
)
def test_development_allows_nothing_else(url: str) -> None:
    assert judged(url, DEVELOPMENT) is not None


def test_a_listed_host_may_be_private_but_never_metadata() -> None:
    rules = AddressRules(development=True, allowed_hosts=frozenset({"receiver", "10.1.2.3", "169.254.169.254"}))
    assert judged("http://receiver:3000/hook", rules) is None
    assert judged("http://other:3000/hook", rules) is not None
    assert judged("http://10.1.2.3:3000/hook", rules) is None
    assert judged("http://10.1.2.4:3000/hook", rules) is not None
    assert judged("http://169.254.169.254/", rules) is not None
    assert not refused("10.0.0.7", rules, "receiver")
    assert refused("10.0.0.7", rules, "other.example")
    assert refused("127.0.0.1", rules, "other.example")
    for metadata in "169.254.169.254", "100.100.100.200", "fd00:ec2::254", "fd20:ce::254", "168.63.129.16":
        assert refused(metadata, rules, "receiver")
    for private in "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.255.255", "fd12::1", "127.0.0.1", "::1":
        assert not refused(private, rules, "receiver")
    for neither in "172.32.0.1", "8.8.8.8":
        assert not refused(neither, rules, "other.example")
    for special in "100.64.0.1", "0.0.0.0", "224.0.0.1", "fe80::1":
        assert refused(special, rules, "receiver")


def test_listed_hosts_without_development_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="in development only"):
        AddressRules(allowed_hosts=frozenset({"receiver"}))


def test_a_network_of_the_operators_own_is_refused_too() -> None:
    rules = AddressRules(forbidden_networks=(ip_network("8.8.8.0/24"), ip_network("2a00:1450::/32")))
    assert refused("8.8.8.8", rules)
    assert not refused("8.8.4.4", rules)
    assert judged("https://8.8.8.8/", rules) == "has an address that is not public"
    assert refused("2a00:1450:4001::2004", rules)


@pytest.mark.parametrize(
    ("url", "called"),
    [
        ("https://EXAMPLE.com/Hook", "https://example.com/Hook"),
        ("https://example.com", "https://example.com/"),
        ("https://example.com?a=%2B+b%41", "https://example.com/?a=%2B+b%41"),
        ("https://bücher.example/%7Ea", "https://xn--bcher-kva.example/%7Ea"),
        ("HTTPS://[2606:4700:4700:0::1111]/", "https://[2606:4700:4700::1111]/"),
    ],
)
def test_what_is_called_is_what_was_judged(url: str, called: str) -> None:
    """One reading of a URL: its host as judged, its path and query as they were written."""
    assert str(target(url, AddressRules())) == called


@pytest.mark.parametrize(
    ("host", "port", "made"), [("8.8.8.8", 443, True), ("8.8.8.8", 22, False), ("10.0.0.1", 443, False)]
)
def test_a_socket_is_made_for_a_public_address_and_an_allowed_port_only(host: str, port: int, made: bool) -> None:
    """The last line: behind it stands nothing but the network, whatever was judged before."""
    where = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))
    with contextlib.nullcontext() if made else pytest.raises(Forbidden):
        connecting._socket(AddressRules(), where).close()


_PIECES = r"""
https:// http:// HTTPS: // 127.0.0.1 localhost example.com 0x7f 1 [::1] [ ] : @ \ / ? # . .. %2e % 443 22 xn-- xn--a
""".split()  # noqa: SIM905 - one a line would be a page
_PIECES += ["\u3002", "\u2460", "\u0660", "\u00ad", "\u200d", "\ud800", "\x00", " ", "\n", "a" * 64]
_JOINED = some.lists(some.sampled_from(_PIECES), max_size=8).map("".join)


@given(
    some.one_of(
        some.text(max_size=60), _JOINED, _JOINED.map("https://".__add__), _JOINED.map("https://example.com".__add__)
    )
)
@settings(max_examples=3000, deadline=None)
def test_whatever_the_words_what_is_accepted_is_a_public_host_over_https(url: str) -> None:
    """Nothing makes the judge fail; and another reader of what is called sees the same host."""
    if judged(url, AddressRules()) is None:
        called = target(url, AddressRules())
        read = URL(str(called))
        assert (read.scheme, read.port, read.user) == ("https", 443, None)
        assert read.raw_host == called.raw_host
        assert called.raw_host is not None
        assert called.raw_host.isascii()
        assert "." in called.raw_host or ":" in called.raw_host
        assert called.raw_host not in ("127.0.0.1", "localhost")
