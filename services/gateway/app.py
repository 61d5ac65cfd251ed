"""The gateway: HTTP in, commands and reads out. It keeps nothing: any number of them may run side by side."""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from chassis.sealing import Seal
from services.gateway import pages
from services.gateway.auth import Authentication
from services.gateway.clients import DEVELOPMENT, Clients
from services.gateway.cors import Origins
from services.gateway.errors import Problem
from services.gateway.issuer import Issuer
from services.gateway.key_sets import Published
from services.gateway.limits import Limit
from services.gateway.measures import Measured
from services.gateway.reads import Reads
from services.gateway.replies import Replies
from services.gateway.routes import (
    bookings,
    customers,
    events,
    oauth,
    products,
    provider_events,
    slots,
    spaces,
    venues,
    webhooks,
)
from services.gateway.settings import Settings
from services.gateway.tokens import Trusted

log = logging.getLogger(__name__)

DESCRIPTION = "Hold a slot, confirm it, or let it go: a slot is never sold twice, nothing accepted is ever forgotten."
FRONT_DOOR = "There is nothing at this address. /docs shows what there is, /openapi.json describes it."


class NobodyTrusted(Exception):
    """Say whose tokens count: HOLDFAST_GATEWAY_KEYS (the embedded issuer) or HOLDFAST_GATEWAY_OIDC_ISSUER and _OIDC_KEYS_URL."""


def build(settings: Settings) -> FastAPI:
    """The application; its line to Kafka is `state.replies`. Raises NobodyTrusted."""
    app = FastAPI(
        title="Holdfast",
        version="1",
        description=DESCRIPTION,
        lifespan=_lifespan,
        redirect_slashes=False,  # a redirect would name the address we are reached at inside
        openapi_url=None,  # ours below carries the headers that every answer has
        docs_url=None,  # FastAPI's page loads its scripts from elsewhere
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        exception_handlers={HTTPException: _unmatched, Exception: _failed},
    )
    app.state.settings = settings
    app.state.replies = Replies(settings)
    app.state.reads = Reads(settings)
    app.state.seal = Seal([key.get_secret_value() for key in settings.sealing_keys])
    app.state.most_reads, app.state.most_writes = Limit(settings.most_reads), Limit(settings.most_writes)
    if settings.origins:
        app.add_middleware(Origins, origins=settings.origins)
    app.add_middleware(Measured)  # the last one is the outermost: it sees every answer
    # The busiest first: they are searched in order.
    for router in (bookings, slots, customers, venues, spaces, products, events, webhooks):
        app.router.routes.extend(router.router.routes)
    if settings.stripe_webhook_secrets:
        app.router.routes.extend(provider_events.router(settings, app.state.replies).routes)
    app.state.authentication = Authentication(_identified(app, settings))
    app.router.routes.extend([Route("/livez", _livez), Route("/readyz", _readyz), *pages.ROUTES])
    return app


def _identified(app: FastAPI, settings: Settings) -> dict[str, Trusted]:
    """The issuers whose tokens count; the embedded one gets its routes."""
    trusted = []
    if settings.keys:
        name = (settings.issuer or f"http://{settings.host}:{settings.port}").rstrip("/")
        issuer = Issuer(
            settings.keys,
            name,
            settings.audience,
            settings.token_seconds,
            timedelta(days=settings.key_days).total_seconds(),
        )
        trusted.append(Trusted(name, settings.audience, issuer))
        clients = Clients([*settings.clients, *(DEVELOPMENT if settings.development else ())])
        app.router.routes.extend(oauth.router(issuer, clients, settings.token_failures).routes)
    if settings.oidc_issuer and settings.oidc_keys_url:
        trusted.append(
            Trusted(
                settings.oidc_issuer,
                settings.audience,
                Published(settings.oidc_keys_url),
                settings.oidc_organisation,
                frozenset(kind.lower() for kind in settings.oidc_token_types),
            )
        )
    if not trusted:
        raise NobodyTrusted
    return {each.issuer: each for each in trusted}


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with app.state.reads:
        connection = asyncio.create_task(app.state.replies.stay_connected())
        try:
            yield
        finally:
            connection.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await connection
            await app.state.replies.hang_up()


async def _livez(_: Request) -> Response:
    return _answer(b'{"status":"alive"}')


async def _readyz(request: Request) -> Response:
    fault = await request.app.state.replies.fault()
    if fault is None:
        return _answer(b'{"status":"ready"}')
    return _told(Problem("SERVICE_UNAVAILABLE", "Commands cannot be taken.", [("kafka", fault)]))


async def _unmatched(request: Request, error: Exception) -> Response:
    """Nothing is at this address, or it does not do that."""
    assert isinstance(error, HTTPException)
    if error.status_code != 405:
        return _told(
            Problem("NOT_FOUND", FRONT_DOOR if request.url.path == "/" else "There is nothing at this address.")
        )
    routes = request.app.router.routes
    methods = {name for route in routes if route.matches(request.scope)[0] != Match.NONE for name in route.methods}
    methods |= {"HEAD"} if "GET" in methods else set()
    response = _told(Problem("METHOD_NOT_ALLOWED", f"{request.method} is not possible here."))
    response.headers["Allow"] = ", ".join(sorted(methods))
    return response


async def _failed(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette logs it
    return _told(Problem("SERVER_ERROR", "Something went wrong on our side."))


def _told(problem: Problem) -> Response:
    correlation = str(uuid.uuid4())
    response = problem.answer(correlation)
    response.headers["X-Correlation-Id"] = correlation
    return response


def _answer(body: bytes) -> Response:
    return Response(body, headers={"X-Correlation-Id": str(uuid.uuid4())}, media_type="application/json")
