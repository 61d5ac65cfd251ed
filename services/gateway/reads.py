"""Reads: passed on to the service that owns the matter, its answer passed back byte by byte."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Literal, Self

import aiohttp
import orjson

from services.gateway.errors import Problem, against_rules
from services.gateway.settings import Settings

log = logging.getLogger(__name__)

Service = Literal["availability", "booking", "notifier"]
Parameters = Sequence[tuple[str, str]]
PAUSE = 0.05  # seconds until a service that was not reached is tried again
# As a booking is refused that names one.
_UNKNOWN = {"unknown_product": "There is no such product.", "unknown_space": "There is no such space."}
CONNECTIONS = 256  # kept to the services' replicas, all in all


class Reads:
    """Asks any replica of a service, and another one when that was just going down: a read changes nothing."""

    def __init__(self, settings: Settings) -> None:
        self._urls: Mapping[Service, str] = {
            "availability": settings.availability_url.rstrip("/"),
            "booking": settings.booking_url.rstrip("/"),
            "notifier": settings.notifier_url.rstrip("/"),
        }
        self._within, self._reachable_within = settings.read_within, settings.reachable_within
        self._authorization = f"Bearer {settings.internal_token.get_secret_value()}"

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),  # one for all tries, below
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def get(
        self,
        service: Service,
        path: str,
        organisation: str,
        parameters: Parameters = (),
        traceparent: bytes | None = None,
    ) -> bytes:
        """The JSON that the service answers. Raises Problem: 404 or 422 with its details, 503 or 504."""
        headers = {"Authorization": self._authorization, "X-Organisation": organisation}
        if traceparent:
            headers["traceparent"] = traceparent.decode()
        try:
            async with asyncio.timeout(self._within):
                status, body = await self._asked(service, path, headers, parameters)
        except TimeoutError:
            raise Problem("TIMEOUT", "The read took too long.") from None
        if status == 200:
            return body
        if status == 404:
            details = _details(body) if body else []
            words = next(
                (_UNKNOWN[issue] for _, issue in details if issue in _UNKNOWN), "There is nothing with this id."
            )
            raise Problem("NOT_FOUND", words, details)
        if status == 400:
            # The shape was judged here; what only the service can judge, a day of the venue's, is a rule.
            raise against_rules("The query breaks a rule.", *_details(body))
        if status != 503:
            log.error("%s answered %s to a read", service, status)
            raise Problem("SERVER_ERROR", "Something went wrong on our side.")
        raise _unavailable(service)

    async def _asked(
        self, service: Service, path: str, headers: Mapping[str, str], parameters: Parameters
    ) -> tuple[int, bytes]:
        clock = asyncio.get_running_loop().time
        until = clock() + self._reachable_within
        while True:
            try:
                async with self._session.get(
                    self._urls[service] + path, params=parameters or None, headers=headers, allow_redirects=False
                ) as answer:
                    return answer.status, await answer.read()
            except aiohttp.ClientError as error:
                if clock() > until:
                    log.warning("%s cannot be reached: %r", service, error)
                    raise _unavailable(service) from None
                await asyncio.sleep(PAUSE)


def _details(body: bytes) -> list[tuple[str, str]]:
    return [(str(each["field"]), str(each["issue"])) for each in orjson.loads(body)["details"]]


def _unavailable(service: str) -> Problem:
    return Problem("SERVICE_UNAVAILABLE", f"The {service} service is not there at the moment.")
