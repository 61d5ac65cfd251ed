"""A few of Stripe's calls on a real port, with idempotency keys that remember their answers, errors included."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

Answer = tuple[int, dict[str, Any]]


class StripeStandIn:
    """Sessions and refunds by id. `faults` are taken one a POST: `stored_500`, `done_500` (with the effect), `busy` (429), `lost` (effect, no answer)."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.refunds: dict[str, dict[str, Any]] = {}
        self.keys: list[str] = []
        self.faults: list[str] = []
        self._answers: dict[str, Answer] = {}
        self.url = ""

    def of(self, booking_id: str) -> list[dict[str, Any]]:
        """The sessions of this booking."""
        return [each for each in self.sessions.values() if each["metadata"]["booking_id"] == booking_id]

    def pay(self, session: dict[str, Any]) -> None:
        session.update(status="complete", payment_status="paid", payment_intent=f"pi_{session['id']}", url=None)

    async def post(self, request: web.Request) -> web.StreamResponse:
        key, given = request.headers["Idempotency-Key"], await request.post()
        form = {name: str(value) for name, value in given.items()}
        self.keys.append(key)
        fault = self.faults.pop(0) if self.faults and key not in self._answers else ""
        if fault == "busy":
            return web.json_response({"error": {"type": "invalid_request_error", "message": "busy"}}, status=429)
        if fault == "done_500":
            self._effect(request.path, form)
        if fault in ("stored_500", "done_500"):
            self._answers[key] = 500, {"error": {"type": "api_error", "message": "broken"}}
        elif key not in self._answers:
            self._answers[key] = self._effect(request.path, form)
        if fault == "lost" and request.transport is not None:
            request.transport.close()
        status, body = self._answers[key]
        return web.json_response(body, status=status)

    def _effect(self, path: str, form: dict[str, str]) -> Answer:
        metadata = {name[9:-1]: value for name, value in form.items() if name.startswith("metadata[")}
        if path == "/v1/checkout/sessions":
            price = "line_items[0][price_data]"
            session = {
                "id": f"cs_test_{len(self.sessions)}",
                "object": "checkout.session",
                "created": int(time.time()),
                "status": "open",
                "payment_status": "unpaid",
                "mode": form["mode"],
                "amount_total": int(form[f"{price}[unit_amount]"]),
                "currency": form[f"{price}[currency]"],
                "livemode": False,
                "payment_intent": None,
                "url": f"https://checkout.example/{len(self.sessions)}",
                "expires_at": int(form["expires_at"]),
                "metadata": metadata,
            }
            self.sessions[str(session["id"])] = session
            return 200, session
        if path == "/v1/refunds":
            refund = {
                "id": f"re_{len(self.refunds)}",
                "object": "refund",
                "status": "succeeded",
                "amount": int(form["amount"]),
                "currency": "eur",
                "payment_intent": form["payment_intent"],
                "metadata": metadata,
            }
            self.refunds[str(refund["id"])] = refund
            return 200, refund
        session = self.sessions[path.split("/")[-2]]
        if session["status"] != "open":
            return 400, {"error": {"type": "invalid_request_error", "message": "Only open sessions can be expired."}}
        session.update(status="expired", url=None)
        return 200, session

    async def get(self, request: web.Request) -> web.Response:
        *_, kind, last = request.path.split("/")
        if kind == "sessions":
            return web.json_response(self.sessions[last])
        found = self.sessions if last == "sessions" else self.refunds
        page = {"object": "list", "data": list(found.values())[::-1], "has_more": False, "url": request.path}
        return web.json_response(page)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["StripeStandIn"]:
        app = web.Application()
        app.router.add_post("/{path:.*}", self.post)
        app.router.add_get("/{path:.*}", self.get)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server = site._server
        assert isinstance(server, asyncio.Server)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield self
        await runner.cleanup()
