"""What OpenAPI says of the endpoint for the provider's events. The bodies are the provider's, so little is said of them."""

from typing import Any

from services.gateway import examples

_event = {
    "type": "object",
    "required": ["id", "type", "livemode", "data"],
    "properties": {
        "id": {"type": "string"},
        "type": {"type": "string"},
        "livemode": {"type": "boolean"},
        "data": {"type": "object"},
    },
}
_outcome = {
    "type": "object",
    "required": ["outcome"],
    "properties": {"outcome": {"enum": ["recorded", "ignored"]}},
}
_example = {
    "id": "evt_3Harbour",
    "object": "event",
    "type": "checkout.session.completed",
    "livemode": False,
    "created": 1_799_582_700,
    "data": {"object": {"id": "cs_test_3Harbour", "object": "checkout.session", "status": "complete"}},
}


def _error(status: int, code: str, message: str, meaning: str) -> dict[str, Any]:
    envelope = {
        "status": status,
        "code": code,
        "message": message,
        "correlationId": examples.COMMAND_ID,
        "details": [],
    }
    schema = {"$ref": "#/components/schemas/ErrorEnvelope"}
    content = {"application/json": {"schema": schema, "examples": {code: {"value": envelope}}}}
    return {"description": meaning, "content": content}


BODY: dict[str, Any] = {
    "parameters": [
        {
            "name": "Stripe-Signature",
            "in": "header",
            "required": True,
            "description": "`t=<seconds>,v1=<HMAC-SHA256 of time, a dot and the body>`, as Stripe's webhooks carry it.",
            "schema": {"type": "string"},
        }
    ],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": _event, "example": _example}},
    },
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "It is recorded; or ignored, because it changes nothing here",
        "content": {"application/json": {"schema": _outcome, "example": {"outcome": "recorded"}}},
    },
    400: _error(
        400,
        "VALIDATION_FAILED",
        "This is no event of our payment provider.",
        "Not signed by the provider just now, or of the other of its modes, live and test",
    ),
    413: _error(413, "PAYLOAD_TOO_LARGE", "The body is longer than 262144 bytes.", "The body is too long"),
    503: _error(
        503,
        "SERVICE_UNAVAILABLE",
        "Events cannot be taken at the moment.",
        "Not now: nothing was taken, the provider sends it again",
    ),
}
