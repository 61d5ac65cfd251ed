"""Standard output that may not take what is said: a reader who leaves (`holdfast log check | head`), a disk that is full.

The command goes on to its end. That nobody reads is no fault, so its exit code is its own; what a full disk did not take is said.
"""

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

UNSAID = 2  # as when nobody could look: what was found is not there to be read


class _Patient(io.FileIO):
    """Takes everything, also what nobody reads, or no disk keeps."""

    left = False
    refused: OSError | None = None
    terminal = False  # one that is closed has lost its reader

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            self.left = True
        except BlockingIOError:
            raise
        except OSError as error:
            self.left, self.refused = True, None if self.terminal else error
        return memoryview(data).nbytes


def outlast() -> None:
    """From now on nobody is told that standard output does not take what is said."""
    said = sys.stdout
    if said is None:  # closed by whoever started us: nobody reads, and its number shall be no socket's
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if nowhere != 1:
            os.dup2(nowhere, 1)
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "wb", closefd=False)), "utf-8", "replace")
        return
    said.flush()
    raw = _Patient(said.fileno(), "wb", closefd=False)
    raw.terminal = said.isatty()
    pipe = io.BufferedWriter(raw)
    sys.stdout = io.TextIOWrapper(pipe, said.encoding, said.errors, line_buffering=bool(said.line_buffering))


def left() -> bool:
    """Whether nobody takes what is said any more, as far as anybody has noticed: whatever only tells may end then."""
    raw = _raw()
    return raw is not None and raw.left


def refused() -> OSError | None:
    """Why not all of what was said is there to be read, though somebody wants it; call it at the end."""
    raw = _raw()
    if raw is not None:
        sys.stdout.flush()
    return raw.refused if raw is not None else None


def _raw() -> _Patient | None:
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw if isinstance(raw, _Patient) else None
