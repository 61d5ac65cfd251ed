"""Whether Holdfast can run here at all. Any Python 3 can read this file, with nothing installed: `make` asks it first."""

import os
import sys

WAY_OUT = "Holdfast runs on Linux with glibc and on macOS (x86-64 and arm64)"


def obstacle() -> "str | None":
    """What is in the way, in a sentence, or None."""
    if sys.version_info < (3, 11):  # noqa: UP036 - read by whatever `python3` is here
        return "Python 3.11 or newer is needed, this is {}.{}: name one with `make PYTHON=python3.12 ...`".format(
            *sys.version_info[:2]
        )
    if sys.platform == "win32":
        return WAY_OUT + ": on Windows use WSL"
    if sys.platform not in ("linux", "darwin"):
        return WAY_OUT + f", not on {sys.platform}"
    if os.uname().machine not in ("x86_64", "aarch64", "arm64"):
        return WAY_OUT + f", not on {os.uname().machine}"
    if sys.platform == "linux" and not _glibc():
        return WAY_OUT + ": this Linux has another C library (musl, as in Alpine); use a Debian, Ubuntu or Fedora image"
    return None


def _glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(obstacle())
