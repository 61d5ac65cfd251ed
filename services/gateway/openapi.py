"""The OpenAPI document: what FastAPI knows of the routes, and what every route has without saying so.

Headers, scopes, the errors that any operation may answer and the strictness of bodies are written here once, so that a
new route is documented by being there; its own answers and examples it brings along (`documentation`).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from fastapi import FastAPI
from starlette.routing import BaseRoute

from services.gateway import examples, inputs

JSON = dict[str, Any]
SCHEME = "oauth2"
ENVELOPE = {"$ref": "#/components/schemas/ErrorEnvelope"}

TAGS = {
    "bookings": "A booking holds a slot for some minutes; confirmed it stays, cancelled or left alone it goes back on sale.",
    "slots": "What can be booked now.",
    "catalogue": "Venues, their spaces, and the products that are sold there.",
    "customers": "Who books.",
    "identity": "Tokens, and the keys they are signed with.",
}
SCOPES = {
    "booking:read": "Read bookings, customers and free slots.",
    "booking:write": "Make, change and delete bookings.",
    "org_read": "Read the catalogue.",
    "org_write": "Change the catalogue.",
}

# name -> its schema, what it says, an example. Where it is documented it is there, but for those in `_sometimes`.
_headers: dict[str, tuple[JSON, str, Any]] = {
    "X-Correlation-Id": (
        {"type": "string", "format": "uuid"},
        "What to tell us when you ask about this answer: the id of the command, or a fresh one for a read.",
        examples.COMMAND_ID,
    ),
    "Idempotency-Key": (
        {"type": "string", "minLength": 1},
        "The request's key as it came, or the one that was made for it.",
        "order-2027-0117",
    ),
    "Idempotency-Replayed": (
        {"type": "string", "enum": ["true"]},
        "There when the effect is that of an earlier request with this key.",
        "true",
    ),
    "ETag": ({"type": "string", "pattern": '^"[0-9]+"$'}, "The booking's version.", '"2"'),
    "Location": ({"type": "string", "minLength": 1}, "Where it is.", f"/v1/bookings/{examples.BOOKING_ID}"),
    "Retry-After": ({"type": "integer", "minimum": 0}, "Seconds to wait before the request is repeated.", 1),
    "X-RateLimit-Limit": ({"type": "integer", "minimum": 1}, "Requests of this kind a minute, for this client.", 300),
    "X-RateLimit-Remaining": ({"type": "integer", "minimum": 0}, "How many of them are left now.", 299),
    "WWW-Authenticate": ({"type": "string", "minLength": 1}, "How to say who calls, and what was wrong.", "Bearer"),
}

_meanings = {
    "200": "Done",
    "201": "Made; `Location` says where",
    "204": "Done; there is nothing to say",
    "304": "There is no newer version",
    "400": "Not the documented shape",
    "404": "There is nothing with this id, or it belongs to another organisation",
    "409": "What is there does not allow it",
    "412": "The booking has another version",
    "413": "The body is too long",
    "415": "The body is no plain JSON",
    "422": "Well-formed, but against a rule",
    "500": "Our fault",
    "503": "Not now: nothing was taken, repeat the request",
    "504": "The read took too long",
}
# By the answer that such a request may get: nothing new, or another version.
_condition_of = {
    "304": (
        "If-None-Match",
        "The version that is known, as an `ETag` said it: the answer is 304 if there is no newer one.",
    ),
    "412": ("If-Match", "The version that is to be changed, as an `ETag` said it; without it any version is."),
}
_with_status = {
    "304": ["ETag"],
    "202": ["Retry-After"],
    "401": ["WWW-Authenticate"],
    "403": ["WWW-Authenticate"],
    "429": ["Retry-After"],
    "503": ["Retry-After"],
}
_sometimes = {"Idempotency-Replayed"}
# An error may be about the key itself, or be found before anybody knows who calls.
_rates = ("X-RateLimit-Limit", "X-RateLimit-Remaining")
_not_with_every_error = ("Idempotency-Key", *_rates)
IF_KNOWN = "-If-Known"


class _Shared(NamedTuple):
    """An error that operations answer before they are themselves asked."""

    status: int
    meaning: str
    code: str
    message: str
    headers: tuple[str, ...] = ()


_anywhere = {
    "TooSlow": _Shared(408, "The request took too long to arrive", "TIMEOUT", "The request took too long to arrive."),
    "HeadersTooLong": _Shared(
        431, "Request line and headers are too long", "PAYLOAD_TOO_LARGE", "The request line and headers are too long."
    ),
}
_with_token = {
    "Unauthorized": _Shared(
        401, "There is no token, or none that counts", "UNAUTHORIZED", "The token has expired.", ("WWW-Authenticate",)
    ),
    "Forbidden": _Shared(
        *(403, "The token lacks the scope", "FORBIDDEN", "The token lacks the scope org_write."),
        ("WWW-Authenticate", *_rates),
    ),
    "RateLimited": _Shared(
        *(429, "Too many requests of this client", "RATE_LIMITED", "More than 300 requests in a minute."),
        ("Retry-After", *_rates),
    ),
}


def document(app: FastAPI) -> JSON:
    """The whole document; what FastAPI made of the routes is its start."""
    described: JSON = inputs.plain(app.openapi())
    components = described["components"]
    described["servers"] = [{"url": "/", "description": "The gateway that answered this."}]
    components["headers"] = {name: _header(name, required=name not in _sometimes) for name in _headers}
    components["headers"] |= {name + IF_KNOWN: _header(name, required=False) for name in _not_with_every_error}
    components["responses"] = {name: _response(said) for name, said in (_anywhere | _with_token).items()}
    components["securitySchemes"] = {SCHEME: _oauth()}
    used: set[str] = set()
    for path, operation, route in _operations(app, described):
        used.update(operation["tags"])
        _secure(operation, route)
        _conditions(operation)
        _answers(path, operation, route)
    described["tags"] = [{"name": name, "description": TAGS.get(name, "")} for name in sorted(used, key=_rank)]
    inputs.strict(described, app.state.settings.slots_most_days)
    return described


def _rank(tag: str) -> int:
    return list(TAGS).index(tag) if tag in TAGS else len(TAGS)


def _operations(app: FastAPI, described: JSON) -> Iterator[tuple[str, JSON, BaseRoute | None]]:
    by_id = {getattr(route, "operation_id", None): route for route in app.router.routes}
    for path, methods in described["paths"].items():
        for operation in methods.values():
            yield path, operation, by_id.get(operation["operationId"])


def _header(name: str, *, required: bool) -> JSON:
    schema, description, example = _headers[name]
    return {"description": description, "required": required, "schema": schema, "example": example}


def _response(shared: _Shared) -> JSON:
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
    shared = _anywhere | (_with_token if operation.get("security") else {})
    for name, said in shared.items():
        operation["responses"].setdefault(str(said.status), {"$ref": f"#/components/responses/{name}"})


def _conditions(operation: JSON) -> None:
    """Where an answer says that a condition decided, the request may set one."""
    for status, (name, description) in _condition_of.items():
        if status in operation["responses"]:
            version: JSON = {"schema": {"type": "string", "pattern": '^"[1-9][0-9]{0,8}"$'}, "example": '"2"'}
            parameter = {"name": name, "in": "header", "required": False, "description": description, **version}
            operation.setdefault("parameters", []).append(parameter)


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
            names += _rates
        if _schema(response) == {"$ref": "#/components/schemas/Booking"}:
            names.append("ETag")
        if status == "201" or (status == "202" and "201" in responses):
            names.append("Location")
        if _takes_key(operation):
            names += ["Idempotency-Key", "Idempotency-Replayed"]
        names += _with_status.get(status, [])
        response["headers"] = _named(*names, is_error=status >= "400")
        if status in _meanings:
            response["description"] = _meanings[status]
        _restore_nulls(response, getattr(route, "responses", {}), status)
    if path.startswith("/v1/"):
        responses["400"]["content"]["application/json"]["examples"] = {
            "VALIDATION_FAILED": {"value": _malformed(operation)}
        }
    if "202" in responses:
        responses["202"]["content"]["application/json"]["example"] = _late(path)
    operation["responses"] = dict(sorted(responses.items()))


def _named(*names: str, is_error: bool = False) -> JSON:
    known = {name: name + (IF_KNOWN if is_error and name in _not_with_every_error else "") for name in names}
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
