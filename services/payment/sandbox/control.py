"""The control routes, in development only: faults on and off, the ledger, an event once more."""

import time

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from services.payment.sandbox.account import Account, ledger
from services.payment.sandbox.faults import Fault


class Control:
    """What tests and developers turn."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[Route]:
        """None of them where this is no development."""
        if not self._account.settings.development:
            return []
        return [
            Route("/_sandbox/faults", self._add, methods=["POST"]),
            Route("/_sandbox/faults", self._list, methods=["GET"]),
            Route("/_sandbox/faults", self._clear, methods=["DELETE"]),
            Route("/_sandbox/ledger", self._ledger, methods=["GET"]),
            Route("/_sandbox/events/{id}/resend", self._resend, methods=["POST"]),
        ]

    async def _add(self, request: Request) -> Response:
        # A page of another origin cannot send this type without being allowed to, and nobody allows it.
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return JSONResponse({"error": "send application/json"}, 415)
        try:
            fault = Fault.model_validate_json(await request.body())
        except ValidationError as error:
            return JSONResponse(
                {"error": error.errors(include_url=False, include_context=False, include_input=False)}, 422
            )
        with self._account.store.transaction():
            added = self._account.faults.add(fault)
        return JSONResponse(added.model_dump(), 201)

    async def _list(self, _request: Request) -> Response:
        return JSONResponse({"faults": self._account.faults.all()})

    async def _clear(self, _request: Request) -> Response:
        with self._account.store.transaction():
            self._account.faults.clear(time.time())
        return Response(status_code=204)

    async def _ledger(self, _request: Request) -> Response:
        return JSONResponse(ledger(self._account.store))

    async def _resend(self, request: Request) -> Response:
        event = request.path_params["id"]
        if self._account.store.get(event, "event") is None:
            return JSONResponse({"error": f"there is no event {event}"}, 404)
        with self._account.store.transaction():
            self._account.news.again(event)
        return Response(status_code=202)
