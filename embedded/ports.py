"""Loopback ports: chosen, then held for as long as the platform runs."""

import random
import socket
import sys

from embedded.problem import Problem

HOST = "127.0.0.1"
# Below the ranges from which Linux and macOS take ports for outgoing connections: nobody gets ours by accident
# while the program that listens on it is being restarted.
RANGE = range(20_000, 32_000)


class Port:
    """A port of ours: a bound socket that never listens keeps strangers off it until `release`.

    The program that listens there needs SO_REUSEADDR (on Linux) or SO_REUSEPORT (which lets several share it).
    """

    def __init__(self, number: int, shared: bool) -> None:
        self.number = number
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._held.bind((HOST, number))
        if not shared and sys.platform != "linux":
            self._held.close()  # BSD sockets let nobody in beside it

    def release(self) -> None:
        """Let the port go."""
        self._held.close()


def hold(number: int = 0, *, shared: bool = False) -> Port:
    """This port, or a free one for 0; Problem when somebody listens on it.

    `shared`: the programs on it use SO_REUSEPORT.
    """
    for candidate in [number] if number else random.sample(RANGE, 100):
        if _free(candidate):
            try:
                return Port(candidate, shared)
            except OSError:
                continue
    if number:
        raise Problem(f"port {number} is in use: stop what listens there, or choose another with --port")
    raise Problem(f"found no free port between {RANGE.start} and {RANGE.stop} on {HOST}")


def _free(number: int) -> bool:
    """Whether nobody listens there: asked without SO_REUSEPORT, so that sharing with a stranger is refused."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, number))
        except OSError:
            return False
    return True
