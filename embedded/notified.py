"""The listening end of systemd's notification protocol: a service says `READY=1` when it is ready."""

import asyncio
import os
import socket
from pathlib import Path


class Notified:
    """The socket on which the lives of one program, one after the other, report."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket: socket.socket | None = None

    def listen(self) -> None:
        """Begin with a new life: what an earlier one still says is not heard any more."""
        self.close()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self.path.unlink(missing_ok=True)
        self._socket.bind(os.fspath(self.path))

    async def ready(self) -> None:
        """Return when the program has said `READY=1`."""
        assert self._socket is not None
        while b"READY=1" not in (await asyncio.get_running_loop().sock_recv(self._socket, 4096)).split(b"\n"):
            pass
        self.close()  # a full queue would block the program's later words

    def close(self) -> None:
        """Stop listening."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
