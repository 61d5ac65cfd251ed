"""Who is calling. For now everybody is the organisation `demo`; what comes after this file only ever sees an Identity."""

from dataclasses import dataclass

from starlette.requests import Request

SCOPES = frozenset({"booking:read", "booking:write", "org_read", "org_write"})


@dataclass(frozen=True)
class Identity:
    """The organisation everything belongs to, the client within it that keys belong to, and what it may do."""

    organisation: str
    client: str
    scopes: frozenset[str]


_demo = Identity("demo", "demo", SCOPES)


async def identify(request: Request) -> Identity:  # noqa: ARG001 - the seam: a token will be read from it
    """Say who sent the request."""
    return _demo
