"""`holdfast listen` as a developer has it in a terminal."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from awaiting import until

ROOT = Path(__file__).parents[1]


@dataclass
class Terminal:
    """The running command and what it printed."""

    process: asyncio.subprocess.Process
    output: Path

    @property
    def text(self) -> str:
        return self.output.read_text()

    async def says(self, words: str) -> None:
        """Wait until it said this, or ended."""

        async def said() -> bool:
            return words in self.text or self.process.returncode is not None

        await until(said)
        assert words in self.text, self.text

    async def interrupted(self) -> int:
        """Ctrl-C; the exit code."""
        self.process.send_signal(signal.SIGINT)
        return await asyncio.wait_for(self.process.wait(), 20)


@contextlib.asynccontextmanager
async def listening(folder: Path, *words: str) -> AsyncIterator[Terminal]:
    """`holdfast listen` with these words, as a process of its own."""
    output = folder / "terminal"
    with output.open("w") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "embedded.command", "listen", *words), cwd=ROOT, stdout=file, stderr=file
        )
    try:
        yield Terminal(process, output)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
