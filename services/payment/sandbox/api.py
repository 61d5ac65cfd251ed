"""The API over HTTP: who calls, what is asked, what the faults make of it, and the answer in Stripe's envelope."""

import asyncio
import logging
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.payment.sandbox import errors, forms, idempotency, objects, operations, parameters
from services.payment.sandbox.account import Account
from services.payment.sandbox.connection import HungUp
from services.payment.sandbox.errors import Refused
from services.payment.sandbox.idempotency import Answer, Asked, Keys
from services.payment.sandbox.operations import Operation

log = logging.getLogger(__name__)

BODY_BYTES = 256 * 1024


class Api:
    """The calls of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._keys = Keys(account.store, account.settings.keys_kept)

    def routes(self) -> list[Route]:
        """A route for each operation, and one that knows no URL."""
        mine = [Route(each.path, self._endpoint(each), methods=[each.method]) for each in operations.TABLE]
        every = ["GET", "POST", "DELETE", "PUT", "PATCH"]
        return [*mine, Route("/v1/{rest:path}", self._unknown, methods=every)]

    def _endpoint(self, operation: Operation) -> Any:
        async def endpoint(request: Request) -> Response:
            id_, key = objects.new_id("req_"), request.headers.get("idempotency-key")
            try:
                answer = await self._answer(operation, request, id_, key)
            except Refused as refused:
                answer = Answer(refused.status, refused.body)
            headers = {"Request-Id": id_, "Stripe-Version": request.headers.get("stripe-version", objects.API_VERSION)}
            if key is not None and operation.method == "POST":
                headers |= {"Idempotency-Key": key.encode("ascii", "replace").decode()}
            if answer.first is not None:
                headers |= {"Idempotent-Replayed": "true", "Original-Request": answer.first}
            if answer.status == 500:
                headers |= {"Stripe-Should-Retry": "false"}  # the key would only give it again
            log.info("answered", extra={"operation": operation.name, "status": answer.status, "request": id_})
            return JSONResponse(answer.body, answer.status, headers)

        return endpoint

    async def _unknown(self, request: Request) -> Response:
        try:
            self._authenticate(request)
            raise Refused(f"Unrecognized request URL ({request.method}: {request.url.path}).", status=404)
        except Refused as refused:
            return JSONResponse(refused.body, refused.status, {"Request-Id": objects.new_id("req_")})

    async def _answer(self, operation: Operation, request: Request, id_: str, key: str | None) -> Answer:
        self._authenticate(request)
        given = await _given(request)
        take = self._account.faults.take
        if fault := take(operation.name, "lost", "rate_limited", "conflict"):
            match fault.fault:
                case "lost":
                    raise HungUp
                case "rate_limited":
                    raise errors.rate_limited()
                case _:
                    raise errors.key_in_use(key or "")
        asked = parameters.read(operation.takes, given)
        mine = idempotency.asked(
            id_, key if operation.method == "POST" else None, f"{operation.method} {request.url.path}", given
        )
        answer = self._keys.begin(mine)
        if answer is None:
            try:
                if fault := take(operation.name, "slow"):
                    await asyncio.sleep(fault.lasts)
                answer = self._execute(operation, request.path_params.get("id", ""), asked, mine)
            finally:
                self._keys.end(mine)
        if fault := take(operation.name, "timeout_after_effect"):
            await asyncio.sleep(fault.lasts)
            raise HungUp
        return answer

    def _execute(self, operation: Operation, object_: str, asked: parameters.Parameters, mine: Asked) -> Answer:
        """The effect and its stored answer in one transaction, or the refusal's."""
        store, who = self._account.store, {"id": mine.id, "idempotency_key": mine.key}
        try:
            if self._account.faults.take(operation.name, "balance_insufficient"):
                raise errors.short_of_money()
            with store.transaction():
                fault = self._account.faults.take(operation.name, "stored_500")
                if fault is None or fault.effect:
                    answer = Answer(200, operations.answer(self._account, operation, object_, asked, who))
                if fault is not None:
                    answer = Answer(500, errors.broken().body)
                self._keys.keep(mine, answer)
        except Refused as refused:
            answer = Answer(refused.status, refused.body)
            with store.transaction():
                self._keys.keep(mine, answer)
        return answer

    def _authenticate(self, request: Request) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise errors.unauthorized(None)
        if key not in self._account.settings.secret_keys:
            raise errors.unauthorized(key)


async def _given(request: Request) -> dict[str, Any]:
    if request.method != "POST":
        return forms.decode(request.url.query.encode())
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise Refused("The request body is too large.", status=413)
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if body and kind != "application/x-www-form-urlencoded":
        raise Refused("Invalid request: parameters are sent as application/x-www-form-urlencoded.")
    return forms.decode(body)
