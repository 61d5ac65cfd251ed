"""What OpenAPI says of the token endpoint, whose bodies are those of RFC 6749 and not ours."""

from typing import Any

SCOPES = {
    "booking:read": "read bookings, customers and free slots",
    "booking:write": "hold, change, confirm and cancel bookings",
    "org_read": "read the catalogue",
    "org_write": "change the catalogue",
}
SCHEME: dict[str, Any] = {
    "type": "oauth2",
    "description": "Client credentials; the token goes into `Authorization: Bearer`.",
    "flows": {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": SCOPES}},
}

_text = {"type": "string"}
_token = {
    "type": "object",
    "required": ["access_token", "token_type", "expires_in", "scope"],
    "properties": {
        "access_token": _text,
        "token_type": {"const": "Bearer"},
        "expires_in": {"type": "integer"},
        "scope": _text,
    },
}
_form = {
    "type": "object",
    "required": ["grant_type"],
    "properties": {
        "grant_type": {"const": "client_credentials"},
        "client_id": _text,
        "client_secret": _text,
        "scope": _text,
    },
}
_error = {
    "type": "object",
    "required": ["error", "error_description", "status", "code", "message", "correlationId", "details"],
    "properties": {
        "error": {
            "enum": [
                "invalid_request",
                "invalid_client",
                "invalid_scope",
                "unsupported_grant_type",
                "temporarily_unavailable",
            ]
        },
        "error_description": _text,
        "status": {"type": "integer"},
        "code": _text,
        "message": _text,
        "correlationId": _text,
        "details": {"type": "array"},
    },
}


def _refusal(status: int, code: str, error: str, words: str) -> dict[str, Any]:
    envelope = {
        "status": status,
        "code": code,
        "message": words,
        "correlationId": "5ea00000-0000-4000-8000-000000000099",
    }
    example = {"error": error, "error_description": words, **envelope, "details": []}
    return {"description": words, "content": {"application/json": {"schema": _error, "example": example}}}


TOKEN: dict[str, Any] = {
    "operationId": "issue_token",
    "summary": "Issue Token",
    "tags": ["identity"],
    "security": [],
    "description": "A token for a client (RFC 6749, 4.4). The client shows its id and secret in the form or as HTTP Basic.",
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": _form,
                "example": {
                    "grant_type": "client_credentials",
                    "client_id": "demo",
                    "client_secret": "demo-secret",
                    "scope": "booking:read booking:write",
                },
            }
        },
    },
    "responses": {
        "200": {
            "description": "The token.",
            "content": {
                "application/json": {
                    "schema": _token,
                    "example": {
                        "access_token": "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl",
                        "token_type": "Bearer",
                        "expires_in": 3600,
                        "scope": "booking:read booking:write",
                    },
                }
            },
        },
        "400": _refusal(400, "VALIDATION_FAILED", "invalid_scope", "The client may not have the scope org_write."),
        "401": _refusal(401, "UNAUTHORIZED", "invalid_client", "The client id or the secret is wrong."),
        "413": _refusal(413, "PAYLOAD_TOO_LARGE", "invalid_request", "The body is longer than 8192 bytes."),
        "429": _refusal(429, "RATE_LIMITED", "temporarily_unavailable", "Too many wrong secrets. Wait a little."),
    },
}
