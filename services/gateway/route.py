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
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from chassis import telemetry
from services.gateway import bodies, conditions, keys, measures, packing, queries
from services.gateway.auth import unauthorized
from services.gateway.calls import Command, Reading
from services.gateway.documentation import IDEMPOTENCY_KEY
from services.gateway.errors import Problem, malformed

log = logging.getLogger(__name__)


class Readable(APIRoute):
    """HEAD is GET whose body stays here: uvicorn keeps it back."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether this is the route."""
        return super().matches({**scope, "method": "GET"} if self._is_head(scope) else scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if self._is_head(scope):
            await self.app(scope, receive, send)
        else:
            await super().handle(scope, receive, send)

    def _is_head(self, scope: Scope) -> bool:
        return scope.get("method") == "HEAD" and "GET" in (self.methods or ())


class Route(Readable):
    """Every answer carries X-Correlation-Id and what is left of the client's limit; a command's also its Idempotency-Key.
    Whatever goes wrong, the envelope says so. `scope` is what a token needs."""

    def __init__(self, path: str, endpoint: Callable[..., Awaitable[Response]], **described: Any) -> None:
        self.is_command = described["methods"] != ["GET"]
        of_organisation = bool({"catalogue", "webhooks"}.intersection(described.get("tags") or ()))
        if self.is_command:
            self.scope = "org_write" if of_organisation else "booking:write"
            described["openapi_extra"] = {"parameters": [IDEMPOTENCY_KEY]}
        else:
            self.scope = "org_read" if of_organisation else "booking:read"
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
        telemetry.handling.set(call)
        headers: list[tuple[bytes, bytes]] = []
        try:
            response = await self._answered(call, headers)
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
        packing.pack(response, call.given)
        await response(scope, receive, send)

    async def _answered(self, call: Command | Reading, headers: list[tuple[bytes, bytes]]) -> Response:
        state = call.app.state
        if len(call.given) < len(call.scope["headers"]):
            _check_once(call)
        call.identity = await state.authentication.identify(call.given.get(b"authorization"))
        limit = state.most_writes if self.is_command else state.most_reads
        left = limit.take((call.identity.organisation, call.identity.client))
        headers += left.headers()
        if left.wait:
            measures.LIMITED.labels("writes" if self.is_command else "reads").inc()
        left.check()
        call.identity.require(self.scope)
        if isinstance(call, Command):
            return await self._command(call, headers)
        return await self._reading(call)

    async def _command(self, call: Command, headers: list[tuple[bytes, bytes]]) -> Response:
        key = keys.read(call.scope["headers"])
        call.id = call.app.state.replies.command_id(key.value, call.identity)
        headers.append((b"idempotency-key", key.sent))
        call.condition = conditions.if_match(call.given)
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
            arguments["query"] = queries.parse(self._query, call.scope["query_string"])
        return await self._endpoint(call, **arguments)


def _check_once(call: Command | Reading) -> None:
    """Of two tokens or conditions nobody could say which one counts. Raises Problem."""
    names = [name for name, _ in call.scope["headers"]]
    if names.count(b"authorization") > 1:
        raise unauthorized("More than one token was given.", "invalid_token")
    if names.count(b"if-match") > 1:
        raise malformed("The condition cannot be honoured.", ("If-Match", "is given twice"))
