"""The documentation: the OpenAPI and AsyncAPI documents, and pages that show them with nothing that comes from elsewhere."""

import asyncio
import importlib.util
import uuid
from importlib import resources
from pathlib import Path

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from services.gateway import message_page, openapi, packing

# Swagger UI styles itself with inline styles; scripts are ours alone, and nothing may be sent but to us.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
MESSAGES_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon.png": "image/png"}

PAGE = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast</title>
<link rel="icon" href="/docs/favicon.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<p style="font: 14px sans-serif; text-align: right; margin: 8px 20px"><a href="/docs/messages">Messages over Kafka</a></p>
<div id="page"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</html>
"""
START = b"""SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#page",
  deepLinking: true,
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
});
"""


def _folder() -> Path:
    """Where the wheel keeps Swagger UI; found without running a line of its code."""
    spec = importlib.util.find_spec("fastapi_offline")
    assert spec
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0], "static")


async def _openapi(request: Request) -> Response:
    state = request.app.state
    if not hasattr(state, "openapi"):
        # Put together once, a fifth of a second, beside whoever is served meanwhile.
        state.openapi = orjson.dumps(await asyncio.to_thread(openapi.document, request.app))
    return _packed(request, Response(state.openapi, headers=_headers(), media_type="application/json"))


def _asyncapi_bytes() -> bytes:
    """The document as it is committed beside the contracts."""
    return resources.files("contracts").joinpath("asyncapi.json").read_bytes()


async def _asyncapi(request: Request) -> Response:
    state = request.app.state
    if not hasattr(state, "asyncapi"):
        state.asyncapi = _asyncapi_bytes()
    return _packed(request, Response(state.asyncapi, headers=_headers(), media_type="application/json"))


async def _messages(request: Request) -> Response:
    state = request.app.state
    if not hasattr(state, "messages"):
        state.messages = await asyncio.to_thread(lambda: message_page.page(orjson.loads(_asyncapi_bytes())))
    headers = {**_headers(), "Content-Security-Policy": MESSAGES_POLICY}
    return _packed(request, Response(state.messages, headers=headers, media_type="text/html"))


def _packed(request: Request, response: Response) -> Response:
    packing.pack(response, dict(request.scope["headers"]))
    return response


async def _page(_: Request) -> Response:
    return Response(PAGE, headers={**_headers(), "Content-Security-Policy": POLICY}, media_type="text/html")


async def _start(_: Request) -> Response:
    return Response(START, headers=_headers(), media_type="text/javascript")


async def _file(request: Request) -> Response:
    name = request.url.path.rpartition("/")[2]
    return FileResponse(_folder() / name, headers=_headers(), media_type=FILES[name])


def _headers() -> dict[str, str]:
    return {"X-Correlation-Id": str(uuid.uuid4())}


ROUTES = [
    Route("/openapi.json", _openapi),
    Route("/docs", _page),
    Route("/asyncapi.json", _asyncapi),
    Route("/docs/messages", _messages),
    Route("/docs/start.js", _start),
    *(Route(f"/docs/{name}", _file) for name in FILES),
]
