"""What a client is told when it does not get what it asked for: one envelope, whoever found the fault."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from contracts.answers import Detail, Refused
from services.gateway.wording import issue

MOST_DETAILS = 20  # a body may hold thousands of unknown fields; naming a few is help enough
LONGEST_FIELD = 200

# The code decides the status; 400 alone shares its code with 422.
STATUS = {
    "VALIDATION_FAILED": 422,
    "UNAUTHORIZED": 401,
    "FORBIDDEN": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "SLOT_UNAVAILABLE": 409,
    "HOLD_EXPIRED": 409,
    "CONFLICT": 409,
    "PRECONDITION_FAILED": 412,
    "PAYLOAD_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "RATE_LIMITED": 429,
    "SERVER_ERROR": 500,
    "PAYMENT_PROVIDER_UNAVAILABLE": 502,  # not 503, which is no final answer: this one is
    "SERVICE_UNAVAILABLE": 503,
    "TIMEOUT": 504,
}
_come_again = {"RATE_LIMITED": {"Retry-After": "1"}, "SERVICE_UNAVAILABLE": {"Retry-After": "1"}}

_unprintable = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]").sub


class ErrorEnvelope(BaseModel):
    """Every answer from 400 up. `correlationId` is what to tell us when you ask about it."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True)

    status: int
    code: Annotated[str, Field(json_schema_extra={"enum": sorted(STATUS)})]
    message: str
    correlation_id: str
    details: list[Detail]


class Problem(Exception):
    """The request is not done; the arguments are what its client is told."""

    def __init__(
        self,
        code: str,
        message: str,
        details: Iterable[tuple[str, str]] = (),
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        most: int = MOST_DETAILS,
    ) -> None:
        super().__init__(code, message)
        self.status, self.code, self.message = status or STATUS[code], code, message
        self.headers = headers or _come_again.get(code)
        self.details = [{"field": _printable(field), "issue": issue} for field, issue in details][:most]

    def envelope(self, correlation: str) -> bytes:
        """The body of the answer."""
        return orjson.dumps(
            {
                "status": self.status,
                "code": self.code,
                "message": self.message,
                "correlationId": correlation,
                "details": self.details,
            }
        )

    def answer(self, correlation: str) -> Response:
        """The whole answer, but for the headers that every answer has."""
        return Response(self.envelope(correlation), self.status, self.headers, "application/json")


def malformed(message: str, *details: tuple[str, str]) -> Problem:
    """400: not the documented shape."""
    return Problem("VALIDATION_FAILED", message, details, 400)


def against_rules(message: str, *details: tuple[str, str]) -> Problem:
    """422: well-formed, but it breaks a rule."""
    return Problem("VALIDATION_FAILED", message, details)


def refused(answer: Refused) -> Problem:
    """What the service that owns the matter said, all of it: it has bounds of its own."""
    details = [(detail.field, detail.issue) for detail in answer.details]
    return Problem(answer.code, answer.message, details, most=len(details))


def invalid(error: ValidationError, where: str) -> Problem:
    """The reader's complaints. A rule relates the fields of an object; a complaint about a single value is about its shape."""
    complaints = error.errors(include_url=False)
    # Entries that are refused are not counted: where one is, a list may be called empty that is not.
    wrong = {complaint["loc"][:-1] for complaint in complaints}
    complaints = [each for each in complaints if each["type"] != "too_short" or each["loc"] not in wrong]
    details = [(_path(complaint["loc"]) or where, issue(complaint)) for complaint in complaints[: MOST_DETAILS + 1]]
    if all(complaint["type"] == "value_error" and isinstance(complaint["input"], dict) for complaint in complaints):
        return against_rules(f"The {where} breaks a rule.", *details)
    return malformed(f"The {where} does not have the documented shape.", *details)


def _printable(field: str) -> str:
    """The name of a field may be the client's: whoever logs the answer gets one line of it, and a short one."""
    return _unprintable("\N{REPLACEMENT CHARACTER}", field[:LONGEST_FIELD])


def _path(location: Sequence[int | str]) -> str:
    return ".".join(map(str, location))
