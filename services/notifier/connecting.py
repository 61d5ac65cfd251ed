"""Connections that can only lead to public addresses, and on which nobody can say more than we want to hear.

A name is looked up once for a connection and all its addresses are judged; the socket to each is then made for that very
address, and judged again. So there is no moment in which a name could change its mind, and no way round through a literal.
"""

import socket
from contextvars import ContextVar
from functools import partial
from typing import Any, cast

import aiohttp
import pycares
from aiohttp import ClientRequest, ClientTimeout
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import AddrInfoType, Connection
from aiohttp.tracing import Trace

from services.notifier.addresses import AddressRules, Forbidden, refused

NAMES_KEPT_SECONDS = (
    10  # what was looked up is used for so long, or while its name server says that it counts: who moves is followed
)
IDLE_SECONDS = 15.0  # a connection nobody used for so long is closed: most servers keep one longer
MOST_HEARD = 160 * 1024  # bytes of one exchange, all heads and the body's framing included


class TooMuchHeard(aiohttp.ClientError):
    """The receiver says more than an answer may have."""


class BoundedConversation(ResponseHandler):
    """A connection that counts what it hears in each exchange, and ends where an answer would have no end.

    aiohttp bounds lines and headers, not how many interim answers (1xx) come before the one that counts.
    """

    exchanges = 0
    heard = 0

    def set_response_params(self, **parameters: Any) -> None:
        self.exchanges += 1
        self.heard = 0
        super().set_response_params(**parameters)

    def data_received(self, data: bytes) -> None:
        self.heard += len(data)
        if self.heard <= MOST_HEARD:
            super().data_received(data)
        elif self.transport is not None:
            self.set_exception(TooMuchHeard())
            self.transport.abort()

    @property
    def was_stale(self) -> bool:
        """Whether the other side had given up this connection before it heard us: it was used before, and nothing came back."""
        return self.exchanges > 1 and not self.heard


conversation: ContextVar[BoundedConversation | None] = ContextVar("conversation", default=None)


def system_names(**other: Any) -> AbstractResolver:
    """The system's name servers, asked for the whole name and nothing added to it; a slow one holds up its own name only.

    A lookup has its own end: it goes on for others when the delivery that began it has given up. `other` servers are for tests.
    """
    whole = pycares.ARES_FLAG_NOSEARCH | pycares.ARES_FLAG_EDNS
    return aiohttp.AsyncResolver(**{"timeout": 2.0, "tries": 2, "flags": whole, **other})


class GuardedResolver(AbstractResolver):
    """Looks names up, and refuses a name of which any address is refused: half a rebinding is one too."""

    def __init__(self, rules: AddressRules, names: AbstractResolver) -> None:
        self._rules, self._names = rules, names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._names.resolve(host, port, family)
        if any(refused(each["host"], self._rules, host) for each in found):
            raise Forbidden("has a host that is not public")
        return found

    async def close(self) -> None:
        await self._names.close()


class GuardedConnector(aiohttp.TCPConnector):
    """Connects to public addresses only, whoever names them; `conversation` is the connection that the current task was given."""

    def __init__(self, rules: AddressRules, names: AbstractResolver, **options: Any) -> None:
        super().__init__(
            resolver=GuardedResolver(rules, names),
            ttl_dns_cache=NAMES_KEPT_SECONDS,
            keepalive_timeout=IDLE_SECONDS,
            limit=0,  # who sends bounds what is under way
            socket_factory=partial(_socket, rules),
            **options,
        )
        self._factory = cast("partial[ResponseHandler]", partial(BoundedConversation, loop=self._loop))

    async def connect(self, req: ClientRequest, traces: list[Trace], timeout: ClientTimeout) -> Connection:
        connection = await super().connect(req, traces, timeout)
        assert isinstance(connection.protocol, BoundedConversation)
        conversation.set(connection.protocol)
        return connection


def _socket(rules: AddressRules, address: AddrInfoType) -> socket.socket:
    """The socket for the very address that is connected to next."""
    family, kind, protocol, _, (host, port, *_) = address
    if refused(str(host), rules) or not (port in rules.ports or rules.development):
        raise Forbidden("has a host that is not public")
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    return made
