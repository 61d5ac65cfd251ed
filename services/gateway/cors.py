"""Pages of other origins may call, if the settings say whose (CORS, as browsers ask for it)."""

import uuid
from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_asked = b"GET, POST, PATCH, DELETE, HEAD"
_sent = (
    b"Authorization, Content-Type, Idempotency-Key, X-Idempotency-Key, If-Match, If-None-Match, X-Correlation-Id, "
    b"traceparent"
)
_shown = (
    b"ETag, Location, Retry-After, WWW-Authenticate, Idempotency-Key, Idempotency-Replayed, X-Correlation-Id, "
    b"X-RateLimit-Limit, X-RateLimit-Remaining"
)
_asked_again_after = b"600"  # seconds


class Origins:
    """Answers a browser's question whether it may call, and tells it that it may read. No cookies: a token is sent on purpose."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._all = "*" in origins
        self._origins = {origin.encode() for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"]) if scope["type"] == "http" else {}
        origin = headers.get(b"origin")
        if origin is None or not (self._all or origin in self._origins):
            await self._app(scope, receive, send)
            return
        allowed = [(b"access-control-allow-origin", b"*" if self._all else origin), (b"vary", b"Origin")]
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            answer = [
                (b"access-control-allow-methods", _asked),
                (b"access-control-allow-headers", _sent),
                (b"access-control-max-age", _asked_again_after),
                (b"x-correlation-id", str(uuid.uuid4()).encode()),
            ]
            await send({"type": "http.response.start", "status": 204, "headers": [*allowed, *answer]})
            await send({"type": "http.response.body", "body": b""})
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *allowed, (b"access-control-expose-headers", _shown)]
            await send(message)

        await self._app(scope, receive, sending)
