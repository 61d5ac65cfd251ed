"""What any command may be answered with when it is not done."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.model import Message, Text, Value

Code = Literal[
    "VALIDATION_FAILED",
    "NOT_FOUND",
    "SLOT_UNAVAILABLE",
    "HOLD_EXPIRED",
    "CONFLICT",
    "PRECONDITION_FAILED",
    "IDEMPOTENCY_KEY_REUSED",
    "RATE_LIMITED",
    "PAYMENT_PROVIDER_UNAVAILABLE",
    "SERVER_ERROR",
]


class Detail(Value):
    """Which field, and what is wrong with it in one word or sentence."""

    field: Text
    issue: Text


class Refused(Message):
    """The command had no effect, and why. The gateway turns `code` into an HTTP status."""

    code: Code
    message: Text
    details: Annotated[tuple[Detail, ...], Field(max_length=100)] = ()
