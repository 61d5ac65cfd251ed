"""A POST to somebody else's server, which may be slow, broken or hostile: it costs its own delivery, and nothing else."""

import logging
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import ClientResponse
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDictProxy
from yarl import URL

from services.notifier.addresses import AddressRules, Forbidden, target
from services.notifier.connecting import GuardedConnector, TooMuchHeard, conversation, system_names

log = logging.getLogger(__name__)

TOTAL_SECONDS = 15.0  # from the first byte to the last; http.md promises it to receivers
MOST_BODY = 64 * 1024  # bytes of an answer that are read
MOST_HEADERS = 8 * 1024  # characters of an answer's headers that are kept
MOST_STALE = 32  # connections that turn out to be given up, one after another, before the delivery counts as failed
LONGEST_RETRY_AFTER = 86_400.0  # seconds
HEADERS = {"Content-Type": "application/json", "User-Agent": "Holdfast-Webhooks/1", "Accept-Encoding": "identity"}


@dataclass(frozen=True)
class Sent:
    """What came of a POST: a status, or else an error. The status counts as soon as it is there, however its body ends."""

    status: int | None
    """Of the final answer; a redirect is one, and is not followed."""

    headers: Mapping[str, str]
    """Of the answer, as text that can be stored and shown."""

    body: str
    """At most 64 KiB of the answer, as text; never unpacked. Nobody is shown it: what we can reach is not for others to read."""

    read: int
    """How many bytes of it were read."""

    seconds: float
    """From the call to the end of the answer."""

    error: str | None
    """Why there is no status, in words for the subscriber; the word before the colon is one of `ERRORS`."""

    retry_after: float | None
    """Seconds the receiver asks us to wait, at most a day; both forms of the header."""

    forbidden: bool
    """The URL or its address may not be called; nothing was connected to."""

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it: any 2xx."""
        return self.status is not None and 200 <= self.status < 300


ERRORS = ("forbidden", "dns", "tls", "connect", "closed", "timeout", "protocol", "internal")


@dataclass
class Sender:
    """Sends POSTs, connections kept and used again. Made once for a process; use it as an asynchronous context manager.

    `tls` and `names` are for tests and unusual networks; without them: the system's authorities, and its name servers.
    """

    rules: AddressRules = field(default_factory=AddressRules)
    seconds: float = TOTAL_SECONDS
    tls: ssl.SSLContext | None = None
    names: AbstractResolver | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=GuardedConnector(self.rules, self.names or system_names(), ssl=self.tls or True),
            headers=HEADERS,
            auto_decompress=False,  # what is packed stays so: no bomb goes off
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,  # a proxy from the environment would connect for us, to anywhere
            max_headers=64,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Sent:
        """POST these very bytes. Raises nothing for what the other side does or is; takes at most `seconds`."""
        began = time.perf_counter()
        try:
            response = await self._answer(target(url, self.rules), body, headers)
            text, read = await _text(response)
        except Exception as error:  # whatever a library makes of what it hears: it was this delivery's answer
            seconds = time.perf_counter() - began
            return Sent(None, {}, "", 0, seconds, _words(error, self.seconds), None, _forbids(error))
        heard = response.headers
        after = _retry_after(heard["Retry-After"]) if "Retry-After" in heard else None
        return Sent(response.status, _kept(heard), text, read, time.perf_counter() - began, None, after, False)

    def _timeout(self, until: float) -> aiohttp.ClientTimeout:
        left = max(until - time.monotonic(), 0.001)  # none at all would be no bound
        return aiohttp.ClientTimeout(total=left, ceil_threshold=self.seconds + 1)

    async def _answer(self, to: URL, body: bytes, headers: Mapping[str, str]) -> ClientResponse:
        """The head of the answer. A kept connection that the receiver gave up meanwhile is none of its failures: the next is tried."""
        left, until = MOST_STALE, time.monotonic() + self.seconds
        while True:
            conversation.set(None)
            try:
                # All tries have the time of one: a receiver cannot win more by giving connections up late.
                return await self._session.post(
                    to, data=body, headers=headers, allow_redirects=False, timeout=self._timeout(until)
                )
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                used = conversation.get()
                left -= 1
                if used is None or not used.was_stale or not left:
                    raise


async def _text(response: ClientResponse) -> tuple[str, int]:
    """The answer's body as far as we read it, and how far that is. Whatever happens here, the status is known."""
    parts, left = [], MOST_BODY
    content = response.content
    try:
        while left and not content.at_eof():
            if part := await content.read(left):
                parts.append(part)
                left -= len(part)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        pass  # what came is the answer
    finally:
        if not content.at_eof():
            response.close()  # the rest is not for us, nor for the next delivery
    packed = response.headers.get("Content-Encoding", "identity")
    if packed.lower() != "identity":
        return f"({MOST_BODY - left} bytes packed as {_clean(packed)[:50]}, not unpacked)", MOST_BODY - left
    return _clean(b"".join(parts).decode("utf-8", "replace")), MOST_BODY - left


def _clean(text: str) -> str:
    """Without what a database or a JSON text cannot hold."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def _kept(headers: CIMultiDictProxy[str]) -> Mapping[str, str]:
    kept: dict[str, str] = {}
    left = MOST_HEADERS
    for name, value in headers.items():
        left -= len(name) + len(value)
        if left < 0:
            break
        text = value if value.isascii() else _clean(value)
        kept[name] = f"{kept[name]}, {text}" if name in kept else text
    return kept


def _retry_after(value: str) -> float | None:
    """Seconds from now, from a number of seconds or a date; None for neither."""
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_RETRY_AFTER)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max((until - datetime.now(UTC)).total_seconds(), 0.0), LONGEST_RETRY_AFTER)


def _forbids(error: BaseException) -> bool:
    return isinstance(error, Forbidden) or isinstance(getattr(error, "os_error", None), Forbidden)


def _words(error: Exception, seconds: float) -> str:
    """What went wrong, for the subscriber's developer. A name without addresses and one with private ones sound the same."""
    match error:
        case Forbidden():
            return f"forbidden: the URL {error}"
        case aiohttp.ClientConnectorDNSError():
            return "dns: the host has no public address"
        case aiohttp.ClientConnectorError(os_error=Forbidden()):
            return "dns: the host has no public address"
        case aiohttp.ClientConnectorCertificateError():
            return f"tls: {_certificate(error.certificate_error)}"
        case aiohttp.ClientSSLError():
            return "tls: no secure connection could be agreed on"
        case TimeoutError():
            return f"timeout: no answer within {seconds:g} s"
        case aiohttp.ClientConnectorError():
            reason = os.strerror(error.os_error.errno) if error.os_error.errno else "not reachable"
            return f"connect: {reason.lower()}"
        case TooMuchHeard():
            return "protocol: more than an answer may have before it begins"
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return "closed: the connection ended before an answer came"
        case aiohttp.ClientError():
            return "protocol: the answer is not HTTP"
    log.exception("a delivery failed for a reason of ours", exc_info=error)
    return "internal: the delivery could not be sent"


def _certificate(error: Exception) -> str:
    return (
        error.verify_message
        if isinstance(error, ssl.SSLCertVerificationError)
        else "the certificate is not for this host"
    )
