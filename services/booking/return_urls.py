"""Where a customer may be sent back to from a checkout page. Pure.

The address is the client's own word, and whoever has paid is led there by the provider: only `https`, so that nobody on the way
changes it, and nothing that reads differently to a person, a browser and the provider.
"""

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from services.booking.contact import Unfit

LONGEST = 1900  # with the booking's id no longer than the provider takes
PARAMETER = "bookingId"

_printable = re.compile(r"[!-~]+").fullmatch
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_name = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*").fullmatch


class Allowed(NamedTuple):
    """What the settings allow: plain http to this very machine, and these hosts alone, if any are named."""

    loopback: bool = False
    hosts: frozenset[str] = frozenset()


def returning(url: str, booking_id: str, allowed: Allowed) -> str:
    """The address with the booking's id as the parameter `bookingId`; whatever else its query says stays. Raises Unfit."""
    if len(url) > LONGEST:
        raise Unfit(f"is longer than {LONGEST} characters")
    if not _printable(url) or "\\" in url:
        raise Unfit("is not a URL in plain ASCII: other characters are written %C3%A9, a host's name xn--")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise Unfit("is not a URL") from None
    if parts.scheme not in ("https", "http"):
        raise Unfit("does not begin with https://")
    if "@" in parts.netloc:
        raise Unfit("names a user")
    if not _is_host(host, parts.netloc):
        raise Unfit("names no host")
    if parts.scheme == "http" and not (allowed.loopback and _is_loopback(host)):
        raise Unfit("does not begin with https://")
    if allowed.hosts and host.lower() not in allowed.hosts and not (allowed.loopback and _is_loopback(host)):
        raise Unfit("is at a host that is not allowed here")
    return with_id(url, booking_id)


def with_id(url: str, booking_id: str) -> str:
    """The address with the booking's id; one that is there already is replaced. Its scheme is in small letters, as checkouts take it."""
    scheme, colon, rest = url.partition(":")
    url = f"{scheme.lower()}{colon}{rest}"
    address, mark, fragment = url.partition("#")
    place, _, query = address.partition("?")
    others = [each for each in query.split("&") if each and each.partition("=")[0] != PARAMETER]
    return f"{place}?{'&'.join((*others, f'{PARAMETER}={booking_id}'))}{mark}{fragment}"


def _is_host(host: str, place: str) -> bool:
    if place.startswith("["):
        if "%" in host:  # a zone says something to one machine alone
            return False
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return False
        return True
    return _name(host.removesuffix(".")) is not None


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
