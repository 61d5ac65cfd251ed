"""FastAPI describes a route, this runs it: a third of the time, and one strict reader for every body and query.

A route's function takes the call (`Reading` or `Command`), the path's ids, and `body` or `query`, whose model is
what OpenAPI shows and what is enforced.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, get_type_hints

from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.gateway import auth, bodies, keys, queries
from services.gateway.calls import Command, Reading
from services.gateway.documentation import IDEMPOTENCY_KEY
from services.gateway.errors import Problem, malformed

log = logging.getLogger(__name__)


class Route(APIRoute):
    """Every answer carries X-Correlation-Id; a command's also its Idempotency-Key. Whatever goes wrong, the envelope says so."""

    def __init__(self, path: str, endpoint: Callable[..., Awaitable[Response]], **described: Any) -> None:
        self.is_command = described["methods"] != ["GET"]
        if self.is_command:
            described["openapi_extra"] = {"parameters": [IDEMPOTENCY_KEY]}
        described["operation_id"] = endpoint.__name__
        super().__init__(path, endpoint, **described)
        models = get_type_hints(endpoint)
        self._body: type[BaseModel] | None = models.get("body")
        self._query: type[queries.Query] | None = models.get("query")
        self._endpoint = endpoint
        self.app = self._serve

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = (Command if self.is_command else Reading)(scope, receive, send)
        call.given = dict(scope["headers"])
        headers: list[tuple[bytes, bytes]] = []
        try:
            call.identity = await auth.identify(call)
            if isinstance(call, Command):
                response = await self._command(call, headers)
            else:
                response = await self._reading(call)
        except Problem as problem:
            response = problem.answer(call.named())
        except Exception:
            log.exception("failed %s %s for %s", scope["method"], self.path, call.named())
            response = Problem("SERVER_ERROR", "Something went wrong on our side.").answer(call.id)
        if own := call.given.get(b"x-correlation-id"):
            log.info("called %s", call.named(), extra={"theirs": own[:200].decode("latin-1")})
        if isinstance(call, Command) and call.replayed:
            headers.append((b"idempotency-replayed", b"true"))
        response.raw_headers += [(b"x-correlation-id", call.named().encode()), *headers]
        await response(scope, receive, send)

    async def _command(self, call: Command, headers: list[tuple[bytes, bytes]]) -> Response:
        key = keys.read(call.scope["headers"])
        call.id = call.app.state.replies.command_id(key.value, call.identity)
        headers.append((b"idempotency-key", key.sent))
        if b"if-match" in call.given:
            # To do as if the condition were met would be worse than to refuse it.
            raise malformed("A condition on the version cannot be honoured yet.", ("If-Match", "is not supported"))
        raw = await bodies.read(call, call.app.state.settings.body_bytes)
        arguments = call.path_params
        if self._body:
            arguments["body"] = bodies.parse(self._body, call.given, raw)
        else:
            bodies.empty(raw)
        return await self._endpoint(call, **arguments)

    async def _reading(self, call: Reading) -> Response:
        arguments = call.path_params
        if self._query:
            arguments["query"] = queries.parse(self._query, call.query_params)
        return await self._endpoint(call, **arguments)
