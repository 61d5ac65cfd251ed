"""What OpenAPI says beside the models of the bodies: the answers of each operation, errors included, each with an example."""

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import Field

from contracts.model import Value
from services.gateway import examples
from services.gateway.errors import STATUS, ErrorEnvelope

Item = TypeVar("Item")

# Bare, or a quoted string in which the quote and the backslash are escaped.
_KEY = r'^([!#-~]([ -~]*[!-~])?|"([ !#-\[\]-~]|\\["\\])+")$'
IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeat a request with the same key and it takes effect once: the first answer comes again, with "
    "`Idempotency-Replayed: true`. Quoted or bare, such as `order-2027-0117`, at most 255 characters, kept for 8 days. Another "
    "request needs another key; without one it gets one of its own. `X-Idempotency-Key` is the same.",
    # No `example`: /docs would fill it in everywhere, and a second request would have the key of the first.
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": _KEY},
}

# code -> what is said, the field it is about, and what is wrong with it
_problems: dict[str, tuple[str, str, str]] = {
    "NOT_FOUND": ("There is nothing with this id.", "", ""),
    "SLOT_UNAVAILABLE": ("The slot is held until 12:15:00Z.", "slot", "held"),
    "HOLD_EXPIRED": ("The hold ran out at 12:15:00Z.", "", ""),
    "CONFLICT": ("The booking is not in a status that allows this.", "status", "CANCEL"),
    "PAYLOAD_TOO_LARGE": ("The body is longer than 65536 bytes.", "", ""),
    "UNSUPPORTED_MEDIA_TYPE": ("The body must be application/json.", "", ""),
    "VALIDATION_FAILED": ("The body breaks a rule.", "slot", "closed"),
    "PRECONDITION_FAILED": ("This has version 3 by now. Read it again.", "If-Match", "the version is 3"),
    "RATE_LIMITED": ("50 slots are held for this client already.", "slot", "too_many_held"),
    "IDEMPOTENCY_KEY_REUSED": ("This key belongs to another request.", "Idempotency-Key", "is used already"),
    "SERVER_ERROR": ("Something went wrong on our side.", "", ""),
    "SERVICE_UNAVAILABLE": ("The command was not accepted. Repeat it with the same Idempotency-Key.", "", ""),
    "PAYMENT_PROVIDER_UNAVAILABLE": ("The payment provider gave no page. The booking is confirmed.", "", ""),
    "TIMEOUT": ("The read took too long.", "", ""),
}
_malformed = ("The body does not have the documented shape.", "slot.from", "is not written as 2027-01-11T09:00:00Z")


class SlotOnSale(Value):
    """A slot that can be booked now, by `remaining` of the space's `units`."""

    from_: datetime = Field(alias="from")
    to: datetime
    remaining: int
    units: int


class Unavailable(Value):
    """A span that cannot be booked now: a slot of the grid, or a time when the house is closed (`closed`).

    `held` (until `until`, unless it becomes a booking before), `booked` or kept clear as a `buffer` for somebody else; of too
    short notice (`lead_time`), or too far ahead (`horizon`); `not_offered`: the product is not sold in this space.
    """

    from_: datetime = Field(alias="from")
    to: datetime
    reason: Literal["held", "booked", "buffer", "closed", "lead_time", "horizon", "not_offered"]
    until: datetime | None = None


class Explained(Value):
    """What can be booked, and why the rest of the range cannot: each slot of the grid is in one of the two."""

    slots: list[SlotOnSale]
    unavailable: list[Unavailable]


class Meta(Value):
    page: int
    limit: int
    total_items: int
    total_pages: int
    has_next_page: bool
    has_previous_page: bool


class Listed(Value, Generic[Item]):
    """One page of a list."""

    data: list[Item]
    total: int
    meta: Meta


class Late(Value):
    """The command is taken, its answer is late. Nothing is lost: repeat the request with the same key to get it."""

    id: str
    status: str | None = None


def listed(example: Any) -> dict[str, Any]:
    """The example of a page."""
    meta = {"page": 1, "limit": 20, "totalItems": 1, "totalPages": 1, "hasNextPage": False, "hasPreviousPage": False}
    return {"data": [example], "total": 1, "meta": meta}


def read(example: Any, *codes: str) -> dict[int | str, dict[str, Any]]:
    """The answers of an operation that changes nothing; `codes` are the refusals beyond those all have."""
    refusals = _refusals(*codes, "SERVER_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT")
    # Without a default FastAPI would add a 422 of its own.
    return {200: _json(example), **refusals, "default": refusals[500]}


def read_if_new(example: Any) -> dict[int | str, dict[str, Any]]:
    """The answers of an operation that shows one thing with its version."""
    return {**read(example, "NOT_FOUND"), 304: {}}


def either(**examples: Any) -> dict[str, Any]:
    """An answer that has several forms, an example of each by its name."""
    named = {name: {"value": example} for name, example in examples.items()}
    return {"content": {"application/json": {"examples": named}}}


def command(status: int, example: Any, *codes: str) -> dict[int | str, dict[str, Any]]:
    """The answers of an operation that changes something."""
    everywhere = ("PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE", "IDEMPOTENCY_KEY_REUSED", "SERVER_ERROR")
    pending = {"id": examples.BOOKING_ID, "status": "PENDING"}
    return {
        status: {} if status == 204 else _json(example),
        202: {"model": Late, "description": (Late.__doc__ or ""), **_json(pending)},
        **_refusals(*codes, *everywhere, "SERVICE_UNAVAILABLE"),
    }


def with_page(answers: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """These answers, the good one with the headers of a booking that is to be paid."""
    page = {"type": "string", "pattern": "^https?://"}
    where = "Where the booking is paid, as `paymentUrl`: after a confirm with payment."
    later = "Seconds after which the booking may say where it is paid; the provider has not answered yet."
    headers = {
        "Location": {"required": False, "description": where, "schema": page},
        "Retry-After": {"required": False, "description": later, "schema": {"type": "integer", "minimum": 0}},
    }
    return {**answers, 200: {**answers[200], "headers": headers}}


def _json(example: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"example": example}}}


def _refusals(*codes: str) -> dict[int | str, dict[str, Any]]:
    refusals: dict[int | str, dict[str, Any]] = {400: _refusal({"VALIDATION_FAILED": _envelope(400, *_malformed)})}
    for status in sorted({STATUS[code] for code in codes}):
        alike = [code for code in codes if STATUS[code] == status]
        refusals[status] = _refusal({code: _envelope(status, *_problems[code], code) for code in alike})
    return refusals


def _refusal(envelopes: dict[str, Any]) -> dict[str, Any]:
    named = {code: {"value": envelope} for code, envelope in envelopes.items()}
    return {"model": ErrorEnvelope, "content": {"application/json": {"examples": named}}}


def _envelope(status: int, message: str, field: str, issue: str, code: str = "VALIDATION_FAILED") -> dict[str, Any]:
    details = [{"field": field, "issue": issue}] if field else []
    return {
        "status": status,
        "code": code,
        "message": message,
        "correlationId": examples.COMMAND_ID,
        "details": details,
    }
