"""How Kafka is reached: one text says where it is and, where it asks, as whom."""

import ssl
import urllib.parse
from dataclasses import dataclass, field
from typing import Any

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class NoAddress(ValueError):
    """Write `host:port[,host:port]`, or `scram-sha-512://user:password@host:port`, with `+tls` where the line is encrypted."""


@dataclass(frozen=True)
class Address:
    """The servers, and who asks; no mechanism: Kafka does not ask."""

    servers: str
    mechanism: str | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of every client of aiokafka."""
        told: dict[str, Any] = {"bootstrap_servers": self.servers}
        if self.tls:
            told["ssl_context"] = ssl.create_default_context()  # the system's authorities, or those of SSL_CERT_FILE
        if self.mechanism is None:
            return told | ({"security_protocol": "SSL"} if self.tls else {})
        return told | {
            "security_protocol": "SASL_SSL" if self.tls else "SASL_PLAINTEXT",
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.user,
            "sasl_plain_password": self.password,
        }


def address(text: str) -> Address:
    """What the text says; user and password percent-encoded as in any URL. Raises NoAddress, which repeats no password."""
    scheme, separator, rest = text.rpartition("://")
    words = scheme.upper().split("+") if separator else []
    tls = "TLS" in words
    mechanisms = [word for word in words if word != "TLS"]
    who, at, servers = rest.rpartition("@")
    user, colon, password = who.partition(":")
    named = bool(user and colon and password)
    if not servers or len(mechanisms) > 1 or bool(mechanisms) != bool(at) or (at and not named):
        raise NoAddress(NoAddress.__doc__)
    if not mechanisms:
        return Address(servers, tls=tls)
    if mechanisms[0] not in MECHANISMS:
        raise NoAddress(f"{mechanisms[0]}: Kafka is asked by one of {', '.join(MECHANISMS)}")
    return Address(servers, mechanisms[0], urllib.parse.unquote(user), urllib.parse.unquote(password), tls)
