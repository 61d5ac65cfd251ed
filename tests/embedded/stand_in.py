"""A service that does nothing: ready at once, listening where the gateway would. Run as a module, by the supervisor."""

import os
import socket
import time


def main() -> None:
    """Listen if we are the gateway, say so, and stay."""
    listener = socket.socket()
    if os.environ["HOLDFAST_INSTANCE"].startswith("gateway"):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", int(os.environ["HOLDFAST_GATEWAY_PORT"])))
        listener.listen()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
    time.sleep(600)


if __name__ == "__main__":
    main()
