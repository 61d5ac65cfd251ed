"""The OpenAPI document: what FastAPI knows of the routes, and what every route has without saying so.

Headers, scopes, the errors that any operation may answer and the strictness of bodies are written here once, so that a
new route is documented by being there; its own answers and examples it brings along (`documentation`).
"""

import http.client
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from starlette.routing import BaseRoute

from services.gateway import everywhere, examples, inputs
from services.gateway.oauth_documentation import SCOPES

JSON = dict[str, Any]
SCHEME = "oauth2"
VERSIONED = [{"$ref": f"#/components/schemas/{name}"} for name in everywhere.VERSIONED]
ENVELOPE = {"$ref": "#/components/schemas/ErrorEnvelope"}


def document(app: FastAPI) -> JSON:
    """The whole document; what FastAPI made of the routes is its start."""
    described: JSON = inputs.plain(app.openapi())
    components = described["components"]
    described["servers"] = [{"url": "/", "description": "The gateway that answered this."}]
    components["headers"] = {
        name: _header(name, required=name not in everywhere.SOMETIMES) for name in everywhere.HEADERS
    }
    components["headers"] |= {
        name + everywhere.IF_KNOWN: _header(name, required=False) for name in everywhere.NOT_WITH_EVERY_ERROR
    }
    components["responses"] = {
        name: _response(said) for name, said in (everywhere.ANYWHERE | everywhere.WITH_TOKEN).items()
    }
    components["securitySchemes"] = {SCHEME: _oauth()}
    used: set[str] = set()
    for path, operation, route in _operations(app, described):
        used.update(operation["tags"])
        _secure(operation, route)
        _conditions(operation)
        _answers(path, operation, route)
    described["tags"] = [
        {"name": name, "description": everywhere.TAGS.get(name, "")} for name in sorted(used, key=_rank)
    ]
    inputs.strict(described, app.state.settings.slots_days, app.state.settings.slots_most_days)
    return described


def _rank(tag: str) -> int:
    return list(everywhere.TAGS).index(tag) if tag in everywhere.TAGS else len(everywhere.TAGS)


def _operations(app: FastAPI, described: JSON) -> Iterator[tuple[str, JSON, BaseRoute | None]]:
    by_id = {getattr(route, "operation_id", None): route for route in app.router.routes}
    for path, methods in described["paths"].items():
        for operation in methods.values():
            yield path, operation, by_id.get(operation["operationId"])


def _header(name: str, *, required: bool) -> JSON:
    schema, description, example = everywhere.HEADERS[name]
    return {"description": description, "required": required, "schema": schema, "example": example}


def _response(shared: everywhere.Shared) -> JSON:
    envelope = {
        "status": shared.status,
        "code": shared.code,
        "message": shared.message,
        "correlationId": examples.COMMAND_ID,
        "details": [],
    }
    return {
        "description": shared.meaning,
        "headers": _named("X-Correlation-Id", *shared.headers),
        "content": {"application/json": {"schema": ENVELOPE, "examples": {shared.code: {"value": envelope}}}},
    }


def _oauth() -> JSON:
    flow = {"tokenUrl": "/oauth/token", "scopes": SCOPES}
    return {
        "type": "oauth2",
        "description": "A token is sent as `Authorization: Bearer …`, and nowhere else.",
        "flows": {"clientCredentials": flow},
    }


def _secure(operation: JSON, route: BaseRoute | None) -> None:
    """The route's own scope is what is enforced, so it is what is said."""
    scope = getattr(route, "scope", None)
    if scope:
        operation["security"] = [{SCHEME: [scope]}]
    shared = everywhere.ANYWHERE | (everywhere.WITH_TOKEN if operation.get("security") else {})
    for name, said in shared.items():
        operation["responses"].setdefault(str(said.status), {"$ref": f"#/components/responses/{name}"})


def _conditions(operation: JSON) -> None:
    """Where an answer says that a condition decided, the request may set one."""
    for status, (name, description, schema) in everywhere.CONDITION_OF.items():
        if status in operation["responses"]:
            # No example: Swagger UI would fill it in, and each call would be made on that condition.
            said = {"in": "header", "required": False, "description": description, "schema": schema}
            operation.setdefault("parameters", []).append({"name": name, **said})


def _takes_key(operation: JSON) -> bool:
    return any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", ()))


def _answers(path: str, operation: JSON, route: BaseRoute | None) -> None:
    responses = operation["responses"]
    responses.pop("default", None)  # it would allow any status
    for status, response in responses.items():
        if "$ref" in response:
            continue
        names = ["X-Correlation-Id"]
        if operation.get("security"):
            names += everywhere.RATES
        if _schema(response) in VERSIONED:
            names.append("ETag")
        if status == "201" or (status == "202" and "201" in responses):
            names.append("Location")
        if _takes_key(operation):
            names += ["Idempotency-Key", "Idempotency-Replayed"]
        names += everywhere.WITH_STATUS.get(status, [])
        response["headers"] = response.get("headers", {}) | _named(*names, is_error=status >= "400")
        if response["description"] in ("Successful Response", http.client.responses[int(status)]):  # FastAPI's words
            response["description"] = everywhere.MEANINGS.get(status, response["description"])
        _restore_nulls(response, getattr(route, "responses", {}), status)
    if path.startswith("/v1/") and operation.get("security"):
        responses["400"]["content"]["application/json"]["examples"] = {
            "VALIDATION_FAILED": {"value": _malformed(operation)}
        }
    if "202" in responses:
        responses["202"]["content"]["application/json"]["example"] = _late(path)
    operation["responses"] = dict(sorted(responses.items()))


def _named(*names: str, is_error: bool = False) -> JSON:
    known = {
        name: name + (everywhere.IF_KNOWN if is_error and name in everywhere.NOT_WITH_EVERY_ERROR else "")
        for name in names
    }
    return {name: {"$ref": f"#/components/headers/{said}"} for name, said in known.items()}


def _restore_nulls(response: JSON, given: Any, status: str) -> None:
    """FastAPI leaves out of examples what is null; clients see it."""
    said = given.get(int(status), given.get(status, {})).get("content", {}).get("application/json", {})
    if "example" in said:
        response["content"]["application/json"]["example"] = said["example"]


def _schema(response: JSON) -> Any:
    return response.get("content", {}).get("application/json", {}).get("schema")


def _malformed(operation: JSON) -> JSON:
    """What this operation says to a request that is not as documented."""
    asked = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
    if "requestBody" in operation:
        what, field, issue = "body", "colour", "is not a known field"
    elif asked:
        what, field, issue = "query", "colour", "is not a known field"
    elif _takes_key(operation):
        what, field, issue = "", "Idempotency-Key", "is empty"
    else:
        what, field, issue = "", "", ""
    message = f"The {what} does not have the documented shape." if what else "This is not a valid HTTP request."
    return {
        "status": 400,
        "code": "VALIDATION_FAILED",
        "message": "The Idempotency-Key cannot be used." if field == "Idempotency-Key" else message,
        "correlationId": examples.COMMAND_ID,
        "details": [{"field": field, "issue": issue}] if field else [],
    }


def _late(path: str) -> JSON:
    kind = path.split("/")[2]
    if path == "/v1/bookings":
        return {"id": examples.BOOKING_ID, "status": "PENDING"}
    ids = {"venues": examples.VENUE_ID, "spaces": examples.SPACE_ID, "products": examples.PRODUCT_ID}
    return {"id": ids.get(kind, examples.BOOKING_ID)}
