"""What OpenAPI says of the embedded issuer, whose bodies are those of RFC 6749, RFC 7517 and OpenID Connect, and not ours."""

from typing import Any

SCOPES = {
    "booking:read": "read bookings, customers and free slots",
    "booking:write": "hold, change, confirm and cancel bookings",
    "org_read": "read the catalogue",
    "org_write": "change the catalogue",
}
_text = {"type": "string"}
_SCOPE = f"({'|'.join(SCOPES)})"
_SCOPES = f"^{_SCOPE}( {_SCOPE})*$"
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
        "scope": {"type": "string", "pattern": _SCOPES},
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
                "server_error",
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
    return _answer(words, _error, {"error": error, "error_description": words, **envelope, "details": []})


def _answer(words: str, schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": schema, "example": example}}}


FORM: dict[str, Any] = {
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
    }
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: _answer(
        "The token",
        _token,
        {
            "access_token": "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl",
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": "booking:read booking:write",
        },
    ),
    400: _refusal(400, "VALIDATION_FAILED", "invalid_scope", "The client may not have the scope org_write."),
    401: _refusal(401, "UNAUTHORIZED", "invalid_client", "The client id or the secret is wrong."),
    413: _refusal(413, "PAYLOAD_TOO_LARGE", "invalid_request", "The body is longer than 8192 bytes."),
    429: _refusal(429, "RATE_LIMITED", "temporarily_unavailable", "Too many wrong secrets. Wait a little."),
    500: _refusal(500, "SERVER_ERROR", "server_error", "Something went wrong on our side."),
}
KEYS: dict[int | str, dict[str, Any]] = {
    200: _answer(
        "The keys, a JWK set (RFC 7517)",
        {
            "type": "object",
            "required": ["keys"],
            "properties": {"keys": {"type": "array", "items": {"type": "object", "required": ["kty", "kid", "alg"]}}},
        },
        {"keys": [{"kty": "EC", "crv": "P-256", "x": "…", "y": "…", "kid": "PsTGjD2q", "alg": "ES256", "use": "sig"}]},
    )
}
ABOUT: dict[int | str, dict[str, Any]] = {
    200: _answer(
        "Where what is",
        {
            "type": "object",
            "required": ["issuer", "token_endpoint", "jwks_uri"],
            "properties": {"issuer": _text, "token_endpoint": _text, "jwks_uri": _text},
        },
        {
            "issuer": "https://holdfast.example",
            "token_endpoint": "https://holdfast.example/oauth/token",
            "jwks_uri": "https://holdfast.example/.well-known/jwks.json",
        },
    )
}
