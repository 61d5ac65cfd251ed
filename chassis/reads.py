"""Reads: typed GETs from a service's own database, for the gateway. They change nothing and work with Kafka down."""

import hmac
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chassis.database import TRANSIENT

log = logging.getLogger(__name__)


class BadQuery(Exception):
    """A parameter of the read cannot be understood; the arguments are its name and what is wrong with it."""


class NotThere(Exception):
    """What a parameter names is not there; the arguments are the parameter's name and what is unknown."""


@dataclass(frozen=True)
class Query:
    """What is asked: for which organisation, with which path and query parameters, of which database."""

    organisation: str
    database: asyncpg.Pool
    path: Mapping[str, Any]
    parameters: Mapping[str, str]


# JSON as bytes, or None for what this organisation does not have.
Read = Callable[[Query], Awaitable[bytes | None]]


def routes(reads: Mapping[str, Read], database: Callable[[], asyncpg.Pool | None], token: str) -> list[Route]:
    """Starlette routes for these reads. Each needs the bearer token and the header `X-Organisation`."""
    return [Route(path, _endpoint(read, database, token), methods=["GET"]) for path, read in reads.items()]


def _endpoint(
    read: Read, database: Callable[[], asyncpg.Pool | None], token: str
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        organisation = request.headers.get("x-organisation")
        if not hmac.compare_digest(given.encode(), token.encode()):
            return Response(status_code=401)
        if not organisation:
            return Response(status_code=400)
        pool = database()
        if pool is None:
            return Response(status_code=503, headers={"Retry-After": "1"})
        try:
            body = await read(Query(organisation, pool, request.path_params, request.query_params))
        except BadQuery as error:
            return _told(error, 400)
        except NotThere as error:
            return _told(error, 404)
        except TRANSIENT as error:
            log.warning("a read found no database: %r", error)
            return Response(status_code=503, headers={"Retry-After": "1"})
        if body is None:
            return Response(status_code=404)
        return Response(body, media_type="application/json")

    return endpoint


def _told(error: BadQuery | NotThere, status: int) -> Response:
    field, issue = error.args
    return JSONResponse({"details": [{"field": field, "issue": issue}]}, status_code=status)
