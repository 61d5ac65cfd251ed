"""The hosted checkout: a customer's browser opens the session's URL and posts a form."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from services.payment.sandbox import cards, page
from services.payment.sandbox.account import Account
from services.payment.sandbox.errors import Refused
from services.payment.sandbox.forms import decode
from services.payment.sandbox.objects import Object

FORM_BYTES = 4096
ACTIONS = ("pay", "pay_slowly", "decline")


class Checkout:
    """The pages of one account's sessions."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[Route]:
        """The page, and its form."""
        return [
            Route("/c/pay/{id}", self._show, methods=["GET"]),
            Route("/c/pay/{id}", self._submit, methods=["POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        session = self._session(request)
        if session is None:
            return HTMLResponse(page.nothing(), 404, page.headers(None))
        if session["status"] != "open":
            return HTMLResponse(page.closed(session), 200, page.headers(session))
        return HTMLResponse(page.checkout(session, self._last_error(session)), 200, page.headers(session))

    async def _submit(self, request: Request) -> Response:
        session = self._session(request)
        if session is None:
            return HTMLResponse(page.nothing(), 404, page.headers(None))
        action, number = await _form(request)
        try:
            card = cards.card(cards.DECLINED if action == "decline" else number)
        except cards.NoCardNumber as error:
            if session["status"] == "open":
                return HTMLResponse(page.checkout(session, error.__doc__, number), 422, page.headers(session))
            card = cards.TABLE[cards.GOOD]  # it no longer matters: a closed session takes none
        with self._account.store.transaction():
            session = self._account.pay(session["id"], card, slowly=action == "pay_slowly")
        if session["status"] == "complete":
            return RedirectResponse(page.back(session["success_url"], session), 303, page.headers(session))
        # Declined, or expired meanwhile: the page says so, and reloading it does not pay.
        return RedirectResponse(request.url.path, 303, page.headers(session))

    def _session(self, request: Request) -> Object | None:
        return self._account.store.get(request.path_params["id"], "checkout.session")

    def _last_error(self, session: Object) -> str | None:
        intent = self._account.store.get(session["payment_intent"] or "", "payment_intent")
        error = intent and intent["last_payment_error"]
        return error["message"] if error else None


async def _form(request: Request) -> tuple[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_BYTES:
            raise HTTPException(413)
    try:
        given = decode(body)
    except Refused as refused:
        raise HTTPException(400) from refused
    action, number = given.get("action"), given.get("card", "")
    if action not in ACTIONS or not isinstance(number, str):
        raise HTTPException(400, f"action is one of {', '.join(ACTIONS)}")
    return action, number
