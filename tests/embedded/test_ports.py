"""Ports are held: strangers stay out, our programs get in."""

import socket
import sys

import pytest

from embedded import ports
from embedded.problem import Problem


def _listen(number: int, option: int | None) -> socket.socket:
    listener = socket.socket()
    if option is not None:
        listener.setsockopt(socket.SOL_SOCKET, option, 1)
    listener.bind((ports.HOST, number))
    listener.listen()
    return listener


def test_a_port_in_use_is_refused_even_if_its_listener_would_share_it():
    held = ports.hold()
    with _listen(held.number, socket.SO_REUSEPORT), pytest.raises(Problem, match=f"port {held.number} is in use"):
        ports.hold(held.number)
    held.release()


@pytest.mark.skipif(sys.platform != "linux", reason="BSD sockets let nobody in beside a held port")
def test_a_held_port_admits_our_programs_only():
    held = ports.hold()
    with pytest.raises(OSError, match="in use"):
        _listen(held.number, None)
    _listen(held.number, socket.SO_REUSEADDR).close()
    held.release()


def test_replicas_share_a_held_port():
    held = ports.hold(shared=True)
    with _listen(held.number, socket.SO_REUSEPORT), _listen(held.number, socket.SO_REUSEPORT):
        pass
    held.release()
