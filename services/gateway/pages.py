"""The documentation: the OpenAPI document, and a page that shows it with nothing that comes from elsewhere."""

import asyncio
import importlib.util
import uuid
from pathlib import Path

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from services.gateway import openapi, packing

# Swagger UI styles itself with inline styles; scripts are ours alone, and nothing may be sent but to us.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css", "favicon.png": "image/png"}

PAGE = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Holdfast</title>
<link rel="icon" href="/docs/favicon.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
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
    response = Response(state.openapi, headers=_headers(), media_type="application/json")
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
    Route("/docs/start.js", _start),
    *(Route(f"/docs/{name}", _file) for name in FILES),
]
