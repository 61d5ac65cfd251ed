"""Standard output whose reader may leave: `holdfast log check | head`. The command goes on to its end, and its exit code is true."""

import io
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Patient(io.FileIO):
    """A pipe without a reader takes everything."""

    left = False

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            self.left = True
            return memoryview(data).nbytes


def outlast() -> None:
    """From now on nobody is told that the reader of standard output is gone."""
    said = sys.stdout
    if said is None:  # closed by whoever started us
        return
    said.flush()
    pipe = io.BufferedWriter(_Patient(said.fileno(), "wb", closefd=False))
    sys.stdout = io.TextIOWrapper(pipe, said.encoding, said.errors, line_buffering=bool(said.line_buffering))


def left() -> bool:
    """Whether the reader is gone, as far as anybody has noticed: whatever only tells may end then."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, _Patient) and raw.left
