"""Tell whoever started this process that it is ready: systemd's notification protocol (sd_notify), which our supervisor speaks too."""

import os
import socket


def notify(state: str) -> None:
    """Send `READY=1`, `STATUS=…` or `STOPPING=1` to `$NOTIFY_SOCKET`; does nothing where nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.connect("\0" + address[1:] if address.startswith("@") else address)
            sender.send(state.encode())
        except OSError:
            return  # the listener is gone: then nobody needs to know
