"""Standard output whose reader may leave: `holdfast log check | head`. The command goes on to its end, and its exit code is true."""

import io
import sys


class _Patient(io.FileIO):
    """A pipe without a reader takes everything."""

    left = False

    def write(self, data: bytes) -> int:  # type: ignore[override]  # what a BufferedWriter hands over
        try:
            return super().write(data)
        except BrokenPipeError:
            self.left = True
            return len(data)


def outlast() -> None:
    """From now on nobody is told that the reader of standard output is gone."""
    said = sys.stdout
    if said is None:  # closed by whoever started us
        return
    said.flush()
    pipe = io.BufferedWriter(_Patient(said.fileno(), "wb", closefd=False))
    sys.stdout = io.TextIOWrapper(pipe, said.encoding, said.errors, line_buffering=said.line_buffering)


def left() -> bool:
    """Whether the reader is gone, as far as anybody has noticed: whatever only tells may end then."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(raw, _Patient) and raw.left
