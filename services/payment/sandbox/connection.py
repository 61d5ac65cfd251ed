"""A connection that can be dropped in the middle of a request, as networks do."""

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HungUp(Exception):
    """The caller gets no answer: its connection ends."""


class Connection(HttpToolsProtocol):
    """uvicorn's, with its line in the hands of the application."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"holdfast.hang_up": {"abort": self.transport.abort}}


class Hanging:
    """Turns HungUp into a connection that ends without a word."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except HungUp:
            scope["extensions"]["holdfast.hang_up"]["abort"]()
            while (await receive())["type"] != "http.disconnect":
                pass
