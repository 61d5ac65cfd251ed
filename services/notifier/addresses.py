"""Who may be called: a URL when it is subscribed to, and an address when it is connected to.

The first is a courtesy: it tells a subscriber at once. The second is the guard: whatever a name says tomorrow, only an address that
passes here is ever connected to. Both refuse what they do not know to be public.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from yarl import URL

LONGEST_URL = 2048
Network = IPv4Network | IPv6Network

LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a last label that resolvers take for a part of an IPv4 address
WORDS = re.compile(r"[!-\[\]-~\u00a0-\U0010ffff]+")  # no space, no control character, no backslash

# Names that are nobody's on the internet: of this machine, of this network, of other systems of names.
# fmt: off
PRIVATE_NAMES = frozenset({
    "localhost", "local", "localdomain", "internal", "intranet", "private", "corp", "home", "lan", "svc", "arpa", "onion", "i2p", "alt",
    "invalid",
})
# fmt: on

LOOPBACK = tuple(map(ip_network, ("127.0.0.0/8", "::1/128")))
LOCAL = (*LOOPBACK, *map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
# What a cloud tells its machines about themselves, where no wider network has it, or where a development setting might open that.
METADATA = tuple(map(ip_network, ("168.63.129.16/32", "100.100.100.200/32", "fd00:ec2::/32", "fd20:ce::/32")))
# The registries of special addresses (IANA), and what was meant for relays: an address inside an address.
SPECIAL_4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network, unspecified
            "10.0.0.0/8",
            "100.64.0.0/10",  # carriers' NAT
            "127.0.0.0/8",
            "169.254.0.0/16",  # link-local, metadata
            "172.16.0.0/12",
            "192.0.0.0/24",  # protocol assignments
            "192.0.2.0/24",  # documentation
            "192.31.196.0/24",  # AS112
            "192.52.193.0/24",  # multicast tunnels
            "192.88.99.0/24",  # 6to4 relays
            "192.168.0.0/16",
            "192.175.48.0/24",  # AS112
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, broadcast
        ),
    )
)
# Of IPv6 only 2000::/3 is handed out: mapped, compatible and NAT64 addresses, unique and link-local ones, multicast are outside.
GLOBAL_6 = IPv6Network("2000::/3")
SPECIAL_6 = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # Teredo, ORCHID, benchmarks and other protocol assignments
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4
            "2620:4f:8000::/48",  # AS112
            "3ffe::/16",  # the former 6bone
            "3fff::/20",  # documentation
        ),
    )
)
ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # the upper half of an interface id that ends with an IPv4 address


@dataclass(frozen=True)
class AddressRules:
    """Whom this platform may call. In production: https to public addresses at these ports, and nothing else."""

    development: bool = False
    """Allows loopback, over plain http too, at every port."""

    allowed_hosts: frozenset[str] = frozenset()
    """Names, in lower case, that may also have a private address, over plain http too, at every port. Only in development."""

    ports: frozenset[int] = frozenset({443})
    """The ports of public receivers."""

    forbidden_networks: tuple[Network, ...] = ()
    """More networks that are never connected to: this platform's own public addresses, a NAT64 prefix of its network."""

    def __post_init__(self) -> None:
        if self.allowed_hosts and not self.development:
            raise ValueError("hosts with private addresses are allowed in development only")


class Forbidden(OSError):
    """This may not be called; the message is for the subscriber and tells nothing about our networks."""


def judged(url: str, rules: AddressRules) -> str | None:
    """Why a URL may not be subscribed to, in words that follow `url`; None if it may. Nothing is looked up."""
    try:
        target(url, rules)
    except Forbidden as reason:
        return str(reason)
    return None


@lru_cache(4096)
def target(url: str, rules: AddressRules) -> URL:
    """What is called for this URL: its host in ASCII, all else as it was written. Raises Forbidden."""
    if len(url) > LONGEST_URL:
        raise Forbidden(f"is longer than {LONGEST_URL} characters")
    if not WORDS.fullmatch(url):
        raise Forbidden("has a space, a control character or a backslash")
    parts = re.fullmatch(r"(https?)://([^/?#]*)([^#]*)(#.*)?", url, re.IGNORECASE)
    if not parts:
        raise Forbidden("must begin with https://")
    scheme, authority, rest, fragment = parts[1].lower(), parts[2], parts[3], parts[4]
    if fragment is not None:
        raise Forbidden("has a fragment, which is never sent")
    if not rest.isascii():
        raise Forbidden("must have its path and query percent-encoded")
    if "@" in authority:
        raise Forbidden("has a user or password in it")
    if "%" in authority:
        raise Forbidden("has a % in its host")
    host, port = _host_and_port(authority, 443 if scheme == "https" else 80)
    exempt = _exempt(host, rules)
    if scheme == "http" and not exempt:
        raise Forbidden("must begin with https://")
    if port not in rules.ports and not exempt:
        raise Forbidden(f"must have port {_listed(rules.ports)}")
    _judge_host(host, rules, exempt)
    bracketed = f"[{host}]" if ":" in host else host
    return URL(f"{scheme}://{bracketed}:{port}{rest if rest.startswith('/') else '/' + rest}", encoded=True)


def _host_and_port(authority: str, default: int) -> tuple[str, int]:
    """The host in ASCII and lower case, and the port, as the library sees them that connects."""
    match = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?", authority)
    if not match:
        raise Forbidden("has no host and port that can be read")
    try:
        host = (URL(f"https://{match[1]}/").raw_host or "").lower()
    except ValueError:
        raise Forbidden("has a host that is none") from None
    port = int(match[2]) if match[2] else default
    if not 0 < port < 65536:
        raise Forbidden("has a port out of range")
    return host, port


def _judge_host(host: str, rules: AddressRules, exempt: bool) -> None:
    if (literal := _literal(host)) is not None:
        if refused(literal, rules, host):
            raise Forbidden("has an address that is not public")
        return
    if exempt:
        return
    labels = host.split(".")
    if len(host) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise Forbidden("has a host that is not a name or an address in its usual form")
    if NUMBER.fullmatch(labels[-1]):
        raise Forbidden("must have an IPv4 address as four decimal numbers")
    if len(labels) == 1 or labels[-1] in PRIVATE_NAMES:
        raise Forbidden("has a host that is not public")


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _exempt(host: str, rules: AddressRules) -> bool:
    """Whether development lets this host be on this machine, or in this network."""
    if not rules.development:
        return False
    literal = _literal(host)
    loopback = _within(literal, LOOPBACK) if literal else host == "localhost" or host.endswith(".localhost")
    return loopback or host in rules.allowed_hosts


def refused(address: str | IPv4Address | IPv6Address, rules: AddressRules, host: str | None = None) -> bool:
    """Whether this address is not to be connected to, for this host of a URL or, without one, for any."""
    try:
        ip = ip_address(address)
    except ValueError:
        return True
    if isinstance(ip, IPv6Address) and ip.scope_id is not None:
        return True
    if _within(ip, METADATA) or _within(ip, rules.forbidden_networks):
        return True
    if rules.development and _within(ip, LOOPBACK) and (host is None or _exempt(host, rules)):
        return False
    if rules.allowed_hosts and _within(ip, LOCAL) and (host is None or host in rules.allowed_hosts):
        return False
    return not _is_public(ip)


def _is_public(ip: IPv4Address | IPv6Address) -> bool:
    if isinstance(ip, IPv4Address):
        return not _within(ip, SPECIAL_4)
    if ip not in GLOBAL_6 or _within(ip, SPECIAL_6):
        return False
    embedded = IPv4Address(int(ip) & 0xFFFF_FFFF)
    return (int(ip) >> 32) & 0xFFFF_FFFF not in ISATAP or _is_public(embedded)


def _within(ip: IPv4Address | IPv6Address, networks: tuple[Network, ...]) -> bool:
    return any(ip in network for network in networks)  # of another version: never in it


def _listed(ports: frozenset[int]) -> str:
    return " or ".join(map(str, sorted(ports)))
