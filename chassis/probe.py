"""Ask a process on this machine one of its probes: `python -I -S probe.py PORT [PATH]` ends with 0 if it says 2xx.

Run as a file by a bare interpreter: a container's health check is made every few seconds and should cost next to nothing.
"""

import socket
import sys

SECONDS = 3.0


def ask(port: int, path: str) -> bool:
    """Whether the answer is 2xx."""
    try:
        with socket.create_connection(("127.0.0.1", port), SECONDS) as line:
            line.settimeout(SECONDS)
            line.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            return line.recv(64).split(b" ")[1:2] in ([b"200"], [b"204"])
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if ask(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "/readyz") else 1)
