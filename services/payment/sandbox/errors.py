"""What the API refuses, in Stripe's words and envelope."""

from typing import Any


class Refused(Exception):
    """The request is answered with an error."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str | None = None,
        param: str | None = None,
        type_: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.status = status
        said = {"code": code, "message": message, "param": param, "type": type_}
        self.body: dict[str, Any] = {"error": {name: value for name, value in said.items() if value is not None}}


def missing(kind: str, id_: str, param: str) -> Refused:
    """There is no such object. One named in the path is a 404, one named by a parameter a 400."""
    named = "session" if param == "id" and kind == "checkout.session" else param
    return Refused(
        f"No such {kind}: '{id_}'", status=404 if param == "id" else 400, code="resource_missing", param=named
    )


def unauthorized(key: str | None) -> Refused:
    """Nobody, or somebody with a key of another provider."""
    if key is None:
        said = "You did not provide an API key. Provide it in the Authorization header, using Bearer auth."
    else:
        said = f"Invalid API Key provided: {key[:8]}{'*' * 8}{key[-4:] if len(key) > 16 else ''}"
    return Refused(said, status=401)


def key_reused(key: str, same_route: bool) -> Refused:
    """The idempotency key stands for another request."""
    what = (
        "the same parameters they were first used with" if same_route else "the same endpoint they were first used for"
    )
    return Refused(
        f"Keys for idempotent requests can only be used with {what}. Try using a key other than '{key}' if you meant to "
        "execute a different request.",
        type_="idempotency_error",
    )


def key_in_use(key: str) -> Refused:
    """The first request of this idempotency key is not answered yet."""
    return Refused(
        f"There is currently another in-progress request using this Idempotent Key: {key}. Please try again later.",
        status=409,
        code="idempotency_key_in_use",
    )


def rate_limited() -> Refused:
    """Too many requests."""
    return Refused("Request rate limit exceeded.", status=429, code="rate_limit")


def short_of_money() -> Refused:
    """The account has given out what it had, to its bank or to others."""
    return Refused("Insufficient funds in your balance to make this refund.", code="balance_insufficient")


def broken() -> Refused:
    """The provider's own fault."""
    return Refused("An unknown error occurred.", status=500, type_="api_error")
