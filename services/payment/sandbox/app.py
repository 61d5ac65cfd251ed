"""The sandbox put together: the API, the checkout page, the control routes, and what runs beside them."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from services.payment.sandbox.account import Account
from services.payment.sandbox.api import Api
from services.payment.sandbox.checkout import Checkout
from services.payment.sandbox.connection import Hanging
from services.payment.sandbox.control import Control
from services.payment.sandbox.settings import Settings
from services.payment.sandbox.store import Store
from services.payment.sandbox.timers import Timers
from services.payment.sandbox.webhooks import Deliverer

log = logging.getLogger(__name__)


def build(settings: Settings, store: Store, url: str) -> Starlette:
    """The application; `url` is where browsers reach it."""
    account = Account(store, settings, url)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as beside:
            parts = (Timers(account), Deliverer(store, settings))
            running = [beside.create_task(_or_end(part.run())) for part in parts]
            yield
            for task in running:
                task.cancel()
        store.close()

    return Starlette(
        routes=[
            Route("/livez", _alive),
            Route("/readyz", _alive),
            *Api(account).routes(),
            *Checkout(account).routes(),
            *Control(account).routes(),
        ],
        middleware=[Middleware(Hanging)],
        lifespan=lifespan,
    )


async def _or_end(part: Coroutine[Any, Any, None]) -> None:
    """A sandbox whose sessions no longer expire, or whose events no longer go out, is none: it ends."""
    try:
        await part
    except Exception:
        log.exception("a part of the sandbox failed")
        signal.raise_signal(signal.SIGTERM)


async def _alive(_request: Request) -> Response:
    return PlainTextResponse("ok\n")
