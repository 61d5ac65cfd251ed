"""A worker that runs more than one part, as a decider and the caller of its calls."""

import asyncio

from chassis.service import Part


class Parts:
    """These parts as one: started in order, stopped in the opposite one."""

    def __init__(self, *parts: Part) -> None:
        self.parts = parts
        self._begun: list[Part] = []
        self.joined = asyncio.Event()
        self._joining: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start all. Raises what the first one raises that cannot; then `stop` all."""
        for part in self.parts:
            self._begun.append(part)
            await part.start()
        self._joining = asyncio.create_task(self._join())

    async def _join(self) -> None:
        for part in self.parts:
            await part.joined.wait()
        self.joined.set()

    async def stop(self) -> None:
        """Stop those that were started."""
        if self._joining:
            self._joining.cancel()
        for part in reversed(self._begun):
            await part.stop()

    def missing(self) -> list[str]:
        """What any of them waits for."""
        return [each for part in self.parts for each in part.missing()]
