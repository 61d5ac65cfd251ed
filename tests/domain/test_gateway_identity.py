"""What a request without a good token is told, and what a token without the scope (security checklist, items 1, 5 and 6)."""

import importlib
import pkgutil
import re
import uuid
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from fastapi import APIRouter

from examples import tokens
from services.gateway import routes

ID = "9d1f7b52-2f0e-5a8b-8d6c-4b5a6c7d8e44"
WRITES = {"POST", "PATCH", "DELETE"}

OPEN = {"oauth", "provider_events"}  # whoever has no token yet, and the provider, who signs


def _operations() -> Iterator[tuple[str, str, str]]:
    """Every operation there is, and the scope that http.md wants for it."""
    for found in pkgutil.iter_modules(routes.__path__):
        module = importlib.import_module(f"{routes.__name__}.{found.name}")
        for route in getattr(module, "router", APIRouter()).routes if found.name not in OPEN else ():
            [method] = route.methods
            of_organisation = route.path.startswith(("/v1/venues", "/v1/spaces", "/v1/products", "/v1/webhooks"))
            if of_organisation and not route.path.endswith("/availability"):
                scope = "org_write" if method in WRITES else "org_read"
            else:
                scope = "booking:write" if method in WRITES else "booking:read"
            yield method, re.sub(r"{id(:uuid)?}", ID, route.path), scope


OPERATIONS = list(_operations())
SCOPES = {"booking:read", "booking:write", "org_read", "org_write"}
each = pytest.mark.parametrize(
    ("method", "path", "scope"), OPERATIONS, ids=lambda value: value.replace(f"/{ID}", "/id")
)


async def ask(lonely: Any, method: str, path: str, **headers: str) -> tuple[int, Any, dict[str, Any]]:
    async with (
        aiohttp.ClientSession(lonely.url, headers=headers) as session,
        session.request(method, path) as answer,
    ):
        return answer.status, answer.headers, await answer.json()


async def limited(lonely: Any, scope: str) -> str:
    form = {"grant_type": "client_credentials", "client_id": "demo", "client_secret": "demo-secret", "scope": scope}
    async with aiohttp.ClientSession(lonely.url) as session, session.post("/oauth/token", data=form) as answer:
        return f"Bearer {(await answer.json())['access_token']}"


async def test_no_operation_is_left_out(lonely: Any) -> None:
    async with aiohttp.ClientSession(lonely.url) as session, session.get("/openapi.json") as answer:
        document = await answer.json()
    there = {
        (method.upper(), path.replace("{id}", ID))
        for path, methods in document["paths"].items()
        for method in methods
        if path.startswith("/v1/")
    }
    assert there == {(method, path) for method, path, _ in OPERATIONS}
    assert len(OPERATIONS) >= 23


# Item 1.
@each
async def test_without_a_token_every_operation_is_401_and_names_no_error(
    lonely: Any, method: str, path: str, scope: str
) -> None:
    status, headers, told = await ask(lonely, method, path)
    assert (status, told["code"]) == (401, "UNAUTHORIZED")
    assert headers["WWW-Authenticate"] == 'Bearer realm="holdfast"'
    assert "X-RateLimit-Limit" not in headers
    assert uuid.UUID(headers["X-Correlation-Id"]).hex == uuid.UUID(told["correlationId"]).hex


@pytest.mark.parametrize("authorization", ["Basic ZGVtbzpkZW1vLXNlY3JldA==", "Digest x", "demo-secret"])
async def test_another_scheme_is_no_token(lonely: Any, authorization: str) -> None:
    status, headers, _ = await ask(lonely, "GET", "/v1/bookings", Authorization=authorization)
    assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="holdfast"')


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "e30.e30.e30", "é", "a b"])
async def test_a_bad_token_is_401_invalid_token(lonely: Any, token: str) -> None:
    status, headers, _ = await ask(lonely, "GET", "/v1/bookings", Authorization=f"Bearer {token}")
    assert status == 401
    assert headers["WWW-Authenticate"].startswith('Bearer realm="holdfast", error="invalid_token"')


async def test_two_tokens_are_401(lonely: Any) -> None:
    both = [("Authorization", lonely.session.headers["Authorization"]), ("Authorization", "Bearer other")]
    for order in (both, both[::-1]):
        async with (
            aiohttp.ClientSession(lonely.url) as session,
            session.get("/v1/bookings", headers=order) as answer,
        ):
            assert answer.status == 401


# Item 5.
async def test_a_token_in_the_query_or_a_form_is_none(lonely: Any) -> None:
    token = lonely.session.headers["Authorization"].removeprefix("Bearer ")
    status, headers, _ = await ask(lonely, "GET", f"/v1/bookings?access_token={token}")
    assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="holdfast"')
    async with (
        aiohttp.ClientSession(lonely.url) as session,
        session.post("/v1/bookings", data={"access_token": token}) as answer,
    ):
        assert answer.status == 401
    async with lonely.session.get("/v1/bookings", params={"access_token": token}) as answer:
        assert answer.status == 400  # with a good one in the header it is an unknown parameter


# Item 6.
@each
async def test_a_token_without_the_scope_is_403_and_names_it(lonely: Any, method: str, path: str, scope: str) -> None:
    others = await limited(lonely, " ".join(sorted(SCOPES - {scope})))
    status, headers, told = await ask(lonely, method, path, Authorization=others)
    assert (status, told["code"]) == (403, "FORBIDDEN")
    assert headers["WWW-Authenticate"] == f'Bearer realm="holdfast", error="insufficient_scope", scope="{scope}"'
    assert scope in told["message"]
    assert headers["X-RateLimit-Limit"] == "100000"


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/openapi.json", "/.well-known/jwks.json"])
async def test_what_is_open_to_all_asks_for_no_token(lonely: Any, path: str) -> None:
    status, headers, _ = await ask(lonely, "GET", path)
    assert status in (200, 503)
    assert "WWW-Authenticate" not in headers
    assert headers["X-Correlation-Id"]


async def test_a_token_of_another_gateway_counts_for_nothing_here(lonely: Any, strict: Any) -> None:
    status, _, told = await ask(lonely, "GET", "/v1/bookings", **await tokens.authorization(strict.url))
    assert (status, told["message"]) == (401, "The token is not of an issuer that is trusted here.")
