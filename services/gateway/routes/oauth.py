"""The embedded issuer over HTTP: a token for a client's secret (RFC 6749, 4.4), and the keys that prove tokens (RFC 7517).

Errors are those that OAuth2 clients know, `error` and `error_description`, beside the fields of our own envelope.
"""

import asyncio
import binascii
import logging
import re
import time
import uuid
from base64 import b64decode
from collections.abc import Mapping
from typing import NamedTuple, get_args
from urllib.parse import parse_qsl, unquote_plus

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.gateway import bodies, measures, oauth_documentation
from services.gateway.clients import Clients, RegisteredClient, Scope
from services.gateway.errors import Problem
from services.gateway.issuer import ALGORITHM, Issuer
from services.gateway.limits import Guesses
from services.gateway.route import Readable

log = logging.getLogger(__name__)

BODY_BYTES = 8192
AT_ONCE = 2  # secrets checked side by side: guessing never takes more of the machine than this
MOST_FIELDS = 20

_scope_token = re.compile(r"[!#-\[\]-~]{1,100}").fullmatch  # of RFC 6749, 3.3: what may stand in an error_description
_basic = {"WWW-Authenticate": 'Basic realm="holdfast", charset="UTF-8"'}


class _Refusal(Exception):
    """What an OAuth2 client is told; the arguments are its error code and the envelope's content."""

    def __init__(self, error: str, problem: Problem) -> None:
        super().__init__(error)
        self.error, self.problem = error, problem


class _Shown(NamedTuple):
    """What a client shows of itself."""

    id: str
    secret: str


def _may_not(scope: str) -> str:
    if scope in get_args(Scope):
        return f"The client may not have the scope {scope}."
    return f"There is no scope {scope}." if _scope_token(scope) else "There is no such scope."


class _Tokens:
    """POST /oauth/token."""

    def __init__(self, issuer: Issuer, clients: Clients, failures_a_minute: int) -> None:
        self._issuer, self._clients = issuer, clients
        self._guesses = Guesses(failures_a_minute)
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def answer(self, request: Request) -> Response:
        correlation = str(uuid.uuid4())
        try:
            response = await self._issued(request)
        except (_Refusal, Problem) as no:
            error, problem = ("invalid_request", no) if isinstance(no, Problem) else (no.error, no.problem)
            response = _refused(error, problem, correlation)
        except OSError:
            log.exception("the folder of keys cannot be used")
            told = Problem("SERVER_ERROR", "Something went wrong on our side.")
            response = _refused("server_error", told, correlation)
        response.headers["X-Correlation-Id"] = correlation
        response.headers["Pragma"] = "no-cache"  # RFC 6749, 5.1; `Cache-Control: no-store` is on every answer
        return response

    async def _issued(self, request: Request) -> Response:
        fields = await _form(request)
        grant = fields.get("grant_type")
        if grant is None:
            raise _wrong("invalid_request", "grant_type is missing.")
        shown = _shown(request, fields)
        client = await self._proven(shown, request.client.host if request.client else "")
        if grant != "client_credentials":
            raise _wrong("unsupported_grant_type", "The only grant_type is client_credentials.")
        allowed: frozenset[str] = client.scopes
        asked = frozenset(fields.get("scope", "").split()) or allowed
        if asked - allowed:
            unknown = min(asked - allowed)
            raise _wrong("invalid_scope", _may_not(unknown))
        token = {
            "access_token": self._issuer.token(client.organisation, client.id, asked),
            "token_type": "Bearer",
            "expires_in": self._issuer.token_seconds,
            "scope": " ".join(sorted(asked)),
        }
        return Response(orjson.dumps(token), media_type="application/json")

    async def _proven(self, shown: _Shown, address: str) -> RegisteredClient:
        who = (shown.id, address)
        async with self._turns:
            if wait := self._guesses.wait(who, time.monotonic()):
                measures.LIMITED.labels("secrets").inc()
                why = "Too many wrong secrets. Wait a little."
                told = Problem("RATE_LIMITED", why, headers={"Retry-After": str(wait)})
                raise _Refusal("temporarily_unavailable", told)
            # It counts until it has proven right: guesses side by side are counted too.
            self._guesses.failed(who, time.monotonic())
            client = await self._clients.proven(shown.id, shown.secret)
            if client is None:
                raise _unproven()
            self._guesses.forgive(who)
        return client


def router(issuer: Issuer, clients: Clients, failures_a_minute: int) -> APIRouter:
    """The token endpoint, the keys, and where they are. None of them needs a token."""
    described = {
        "issuer": issuer.name,
        "token_endpoint": f"{issuer.name}/oauth/token",
        "jwks_uri": f"{issuer.name}/.well-known/jwks.json",
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "scopes_supported": sorted(get_args(Scope)),
    }
    tokens = _Tokens(issuer, clients, failures_a_minute)
    made = APIRouter(tags=["identity"], route_class=Readable)

    @made.post(
        "/oauth/token",
        response_model=None,
        operation_id="issue_token",
        responses=oauth_documentation.ANSWERS,
        openapi_extra=oauth_documentation.FORM,
    )
    async def issue_token(request: Request) -> Response:
        """A token for a client (RFC 6749, 4.4), which shows its id and secret in the form or as HTTP Basic."""
        return await tokens.answer(request)

    @made.get(
        "/.well-known/jwks.json",
        response_model=None,
        operation_id="get_keys",
        responses=oauth_documentation.KEYS,
    )
    async def get_keys() -> Response:
        """The keys that prove the tokens of this issuer."""
        return _told(issuer.published())

    @made.get(
        "/.well-known/openid-configuration",
        response_model=None,
        operation_id="get_issuer",
        responses=oauth_documentation.ABOUT,
    )
    async def get_issuer() -> Response:
        """Where this issuer has what."""
        return _told(described)

    return made


def _told(value: Mapping[str, object]) -> Response:
    headers = {"X-Correlation-Id": str(uuid.uuid4())}
    return Response(orjson.dumps(value), headers=headers, media_type="application/json")


async def _form(request: Request) -> dict[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    raw = await bodies.read(request, BODY_BYTES)
    if kind != "application/x-www-form-urlencoded":
        raise _wrong("invalid_request", "The body must be application/x-www-form-urlencoded.")
    try:
        pairs = parse_qsl(
            raw.decode(), keep_blank_values=True, strict_parsing=bool(raw), errors="strict", max_num_fields=MOST_FIELDS
        )
    except ValueError:  # a UnicodeDecodeError is one
        raise _wrong("invalid_request", "The body is not a form.") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise _wrong("invalid_request", "A field is given twice.")
    return {name: value for name, value in fields.items() if value}  # RFC 6749, 3.2: without a value is as if left out


def _shown(request: Request, fields: Mapping[str, str]) -> _Shown:
    given = request.headers.get("authorization")
    if given is None:
        if "client_id" not in fields or "client_secret" not in fields:
            raise _unproven("The client shows no id and secret.")
        return _Shown(fields["client_id"], fields["client_secret"])
    if "client_secret" in fields:
        raise _wrong("invalid_request", "The client shows its secret twice.")
    scheme, _, encoded = given.partition(" ")
    try:
        pair = b64decode(encoded.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
        name, colon, secret = pair.partition(":")
        shown = _Shown(unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict"))
    except (binascii.Error, ValueError):
        raise _unproven() from None
    if not colon or fields.get("client_id", shown.id) != shown.id:
        raise _unproven()
    return shown


def _refused(error: str, problem: Problem, correlation: str) -> Response:
    words = {"error": error, "error_description": problem.message}
    body = orjson.dumps({**words, **orjson.loads(problem.envelope(correlation))})
    return Response(body, problem.status, problem.headers, "application/json")


def _unproven(words: str = "The client id or the secret is wrong.") -> _Refusal:
    return _Refusal("invalid_client", Problem("UNAUTHORIZED", words, headers=_basic))


def _wrong(error: str, words: str) -> _Refusal:
    return _Refusal(error, Problem("VALIDATION_FAILED", words, status=400))
