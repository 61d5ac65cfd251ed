"""`python -m bench.receiver SECRET`: a receiver of webhooks that costs next to nothing. Prints its port.

A path that begins with `/hang` is never answered, one with `/later` not any more after `GET /stop`. `GET /told` says of each path what came, judged by the independent
`standardwebhooks` library, and forgets it.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict
from datetime import datetime
from typing import Any

import standardwebhooks
import uvloop

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
Came = tuple[float, dict[str, str], bytes]
came: dict[str, list[Came]] = defaultdict(list)
silent = ["/hang"]


class Conversation(asyncio.Protocol):
    """One connection: requests with a Content-Length, one after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.heard = b""

    def data_received(self, data: bytes) -> None:
        self.heard += data
        while (end := self.heard.find(b"\r\n\r\n")) >= 0:
            first, *lines = self.heard[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            whole = end + 4 + int(headers.get("content-length", 0))
            if len(self.heard) < whole:
                return
            body, self.heard = self.heard[end + 4 : whole], self.heard[whole:]
            self._answer(first.split(" ")[1], headers, body)

    def _answer(self, path: str, headers: dict[str, str], body: bytes) -> None:
        if path == "/told":
            told = json.dumps({each: _judged(requests) for each, requests in came.items()}).encode()
            came.clear()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(told), told))
            return
        if path == "/count":
            told = json.dumps({each: len(requests) for each, requests in came.items()}).encode()
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(told), told))
            return
        if path == "/stop":
            silent.append("/later")
            self.transport.write(OK)
            return
        came[path].append((time.time(), headers, body))
        if not path.startswith(tuple(silent)):
            self.transport.write(OK)


def _judged(requests: list[Came]) -> dict[str, Any]:
    judge, bad, waits = standardwebhooks.Webhook(sys.argv[1]), 0, []
    for at, headers, body in requests:
        try:
            event = judge.verify(body, headers)
            waits.append((at - datetime.fromisoformat(event["createdAt"]).timestamp()) * 1000)
        except standardwebhooks.WebhookVerificationError:
            bad += 1
    times = [at for at, _, _ in requests]
    ids = {headers.get("webhook-id") for _, headers, _ in requests}
    return {
        "count": len(times),
        "different": len(ids),
        "bad": bad,
        "first": min(times),
        "last": max(times),
        "ms": waits,
    }


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Conversation, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
