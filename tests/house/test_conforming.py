"""The judge of answers finds what is not documented: else it would prove nothing."""

import json
from typing import Any

import pytest
from conforming import Undocumented, document

from services.gateway import examples

CORRELATION = {"X-Correlation-Id": examples.COMMAND_ID, "Content-Type": "application/json"}
CHANGED = {**CORRELATION, "Idempotency-Key": "17", "ETag": '"3"'}
LIMITS = {"X-RateLimit-Limit": "300", "X-RateLimit-Remaining": "299"}
BOOKING = f"/v1/bookings/{examples.BOOKING_ID}"


def _judge(method: str, path: str, status: int, headers: dict[str, str], body: Any) -> None:
    document().judge(method, path, status, {**LIMITS, **headers}, json.dumps(body).encode() if body else b"")


def test_what_is_documented_passes() -> None:
    _judge("PATCH", BOOKING, 200, CHANGED, examples.CONFIRMED)
    _judge("GET", BOOKING, 200, CHANGED, {**examples.BOOKING, "later": "a field of a newer version"})
    _judge("DELETE", BOOKING, 204, CHANGED, None)
    _judge("PUT", BOOKING, 405, CORRELATION, _error(405, "METHOD_NOT_ALLOWED"))


def _error(status: int, code: str) -> dict[str, Any]:
    return {"status": status, "code": code, "message": "-", "correlationId": examples.COMMAND_ID, "details": []}


def _without(headers: dict[str, str], name: str) -> dict[str, str]:
    return {each: value for each, value in headers.items() if each != name}


@pytest.mark.parametrize(
    ("method", "path", "status", "headers", "body"),
    [
        ("GET", BOOKING, 418, CHANGED, examples.BOOKING),
        ("GET", BOOKING, 200, _without(CHANGED, "X-Correlation-Id"), examples.BOOKING),
        ("GET", BOOKING, 200, _without(CHANGED, "ETag"), examples.BOOKING),
        ("GET", BOOKING, 200, {**CHANGED, "ETag": "3"}, examples.BOOKING),
        ("GET", BOOKING, 200, {**CHANGED, "Content-Type": "text/html"}, examples.BOOKING),
        ("GET", BOOKING, 200, CHANGED, {**examples.BOOKING, "status": "HELD"}),
        ("GET", BOOKING, 200, CHANGED, {**examples.BOOKING, "id": "17"}),
        ("GET", BOOKING, 404, CORRELATION, {"detail": "Not Found"}),
        ("PATCH", BOOKING, 200, _without(CHANGED, "Idempotency-Key"), examples.BOOKING),
        ("DELETE", BOOKING, 204, CHANGED, {"deleted": True}),
        ("PUT", BOOKING, 405, CORRELATION, {"detail": "Method Not Allowed"}),
        ("GET", "/v1/nothing", 200, CORRELATION, {}),
    ],
)
def test_what_is_not_documented_is_found(
    method: str, path: str, status: int, headers: dict[str, str], body: Any
) -> None:
    with pytest.raises(Undocumented):
        _judge(method, path, status, headers, body)
