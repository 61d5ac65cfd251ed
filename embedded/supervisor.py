"""Keeps programs running: ordered start with readiness, restart with growing pauses, stop in reverse order."""

import asyncio
import dataclasses
import signal
import time
from collections.abc import Callable, Iterable, Mapping

from embedded import child
from embedded.child import Child, Program
from embedded.problem import Problem, side_by_side

# Pauses before the first, second … restart in a row: none at first, a crash alone must not cost time.
PAUSES = [0.0, 0.2, 0.5, 1.0, 2.0, 5.0]
STABLE = 10.0  # seconds of life after which the next crash counts as a first one


class Kept:
    """A program that is started again whenever it ends, until it is stopped."""

    def __init__(self, program: Program, changed: Callable[[], None], say: Callable[[str], None]) -> None:
        self.program, self.changed, self.say = program, changed, say
        self.child: Child | None = None
        self.ready = False
        self._moved = asyncio.Condition()
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The pid of the running child, if there is one."""
        return self.child.pid if self.child is not None and self.child.alive else None

    async def start(self, env: Mapping[str, str]) -> None:
        """Start it and return when it is ready; `env` counts for this life only, not after a restart."""
        began = time.monotonic()
        await self._spawn(env)
        try:
            await self._until_ready()
        except BaseException:
            await self.stop()
            raise
        self.say(f"{self.program.name} ready ({time.monotonic() - began:.1f} s)")
        self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.program.name}")

    async def stop(self) -> int | None:
        """Stop it for good; its exit code."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            self._keeper = None
        if self.child is None:
            return None
        code = await self.child.stop()
        self.ready = False
        self.changed()
        return code

    async def until_successor(self, of: int) -> int:
        """The pid of a ready child other than this one, as soon as there is one."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.ready and self.pid not in (None, of))
        assert self.child is not None
        return self.child.pid

    async def _spawn(self, env: Mapping[str, str]) -> None:
        program = dataclasses.replace(self.program, env={**self.program.env, **env})
        self.child = await child.start(program)
        self.changed()

    async def _until_ready(self) -> None:
        assert self.child is not None
        await self.child.until_ready()
        self.ready = True
        async with self._moved:
            self._moved.notify_all()

    async def _keep(self) -> None:
        name, crashes = self.program.name, 0
        while True:
            assert self.child is not None
            began = time.monotonic()
            code = await self.child.wait()
            self.ready = False
            self.changed()
            crashes = 0 if time.monotonic() - began > STABLE else crashes
            pause = PAUSES[min(crashes, len(PAUSES) - 1)]
            crashes += 1
            self.say(f"{name} ended with {_meaning(code)}; starting it again in {pause:.1f} s, see {self.program.log}")
            await asyncio.sleep(pause)
            began = time.monotonic()
            try:
                await self._spawn({})
                await self._until_ready()
            except (Problem, OSError) as problem:
                self.say(str(problem).partition("\n")[0])
                await self.child.stop()
            else:
                self.say(f"{name} ready ({time.monotonic() - began:.1f} s)")


class Supervisor:
    """The programs of one platform, by name, in the order in which they were started."""

    def __init__(self, changed: Callable[[], None], say: Callable[[str], None]) -> None:
        self.changed, self.say = changed, say
        self.kept: dict[str, Kept] = {}
        self._waves: list[list[Kept]] = []

    @property
    def pids(self) -> dict[str, int]:
        """The pids of what runs at this moment."""
        return {name: kept.pid for name, kept in self.kept.items() if kept.pid is not None}

    async def start(self, programs: Iterable[Program]) -> None:
        """Start these side by side; return when all are ready, raise Problem when one does not get there."""
        fresh = [Kept(program, self.changed, self.say) for program in programs]
        self.kept |= {kept.program.name: kept for kept in fresh}
        self._waves.append(fresh)
        async with side_by_side() as group:
            for kept in fresh:
                group.create_task(kept.start({}))

    async def start_again(self, name: str, env: Mapping[str, str]) -> int:
        """Start a stopped program; `env` counts until it ends, a restart goes without. Its pid."""
        kept = self.kept[name]
        if kept.pid is not None:
            raise ValueError(f"{name} runs already")
        await kept.start(env)
        assert kept.pid is not None
        return kept.pid

    async def stop(self, name: str) -> int | None:
        """Stop one program, and do not start it again; its exit code."""
        return await self.kept[name].stop()

    def kill(self, name: str, number: signal.Signals) -> int:
        """Send a signal to a program; it is started again if it ends by it. The pid it had."""
        kept = self.kept[name]
        if kept.child is None or kept.pid is None:
            raise ValueError(f"{name} does not run")
        kept.child.send(number)
        return kept.child.pid

    async def restarted(self, name: str, after: int) -> int:
        """The pid of the ready successor of the child with that pid."""
        return await self.kept[name].until_successor(after)

    async def stop_all(self) -> None:
        """Stop everything, what was started last first; nothing is left running."""
        while self._waves:
            await asyncio.gather(*(kept.stop() for kept in self._waves.pop()), return_exceptions=True)
        self.kept.clear()


def _meaning(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"code {code}"
