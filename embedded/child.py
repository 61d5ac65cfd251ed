"""One child process: started in a session of its own, bound to our life, its words kept in a log file."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from embedded.problem import Problem

LAUNCHER = Path(__file__).with_name("launch.py")
LOG_LIMIT = 16 * 1024 * 1024  # a log beyond this is put aside when the program starts
TAIL_LINES = 15

# One pipe for all children where the kernel does not watch parents: its only writing end closes when we die.
_pipe = None if sys.platform == "linux" else os.pipe()


Ready = Callable[[], Awaitable[object]]


async def never() -> None:
    """The readiness of a program that is to end, not to serve."""
    await asyncio.Event().wait()


@dataclass(frozen=True)
class Program:
    """What to run and how to know it is ready."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]  # the whole environment
    folder: Path  # its working directory
    ready: Ready  # returns when it is ready; cancelled when the child ends first
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM
    identity: str = "same"  # see launch.py
    ready_timeout: float = 60.0
    stop_timeout: float = 20.0
    descriptors: Sequence[int] = ()  # inherited: the lock of the data folder
    before: Callable[[], None] = lambda: None  # called before each start


class Child:
    """A running program."""

    def __init__(self, program: Program, process: asyncio.subprocess.Process) -> None:
        self.program, self.process, self.pid = program, process, process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.returncode is None

    async def wait(self) -> int:
        """Its exit code, when it has ended."""
        return await self.process.wait()

    async def until_ready(self) -> None:
        """Return once the program is ready; Problem, with its last words, if it ends or dawdles."""
        name = self.program.name
        ready = asyncio.ensure_future(self.program.ready())
        ended = asyncio.ensure_future(self.wait())
        try:
            await asyncio.wait({ready, ended}, timeout=self.program.ready_timeout, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                raise Problem(f"{name} ended with {ended.result()} before it was ready{self.last_words()}")
            if not ready.done():
                raise Problem(f"{name} was not ready after {self.program.ready_timeout:.0f} s{self.last_words()}")
            ready.result()
        finally:
            for task in ready, ended:
                task.cancel()
            await asyncio.gather(ready, ended, return_exceptions=True)

    def send(self, number: int) -> None:
        """Send a signal; a child that has ended already is no error."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    async def stop(self) -> int:
        """Ask it to end, insist after its time, and return its exit code; nothing of its session is left."""
        self.send(self.program.stop_signal)
        try:
            return await asyncio.wait_for(self.wait(), self.program.stop_timeout)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            return await self.wait()

    def last_words(self) -> str:
        """The end of its log, as an appendix to an error."""
        try:
            lines = self.program.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        except FileNotFoundError:
            return ""
        return f"\nThe end of {self.program.log}:\n" + "\n".join(f"  {line}" for line in lines)


async def start(program: Program) -> Child:
    """Start the program; its output goes to the end of its log file."""
    program.before()
    program.log.parent.mkdir(parents=True, exist_ok=True)
    if program.log.exists() and program.log.stat().st_size > LOG_LIMIT:
        program.log.replace(program.log.with_suffix(".log.1"))
    with program.log.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *launcher(program.identity, program.stop_signal),
            *program.argv,
            env=program.env,
            cwd=program.folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # else Ctrl-C reaches Kafka, Postgres and us at the same moment
            pass_fds=[*program.descriptors, *bonds()],
        )
    return Child(program, process)


def launcher(identity: str = "same", end: signal.Signals = signal.SIGTERM) -> list[str]:
    """The words before a program's own: it becomes this user, and gets this signal when we die."""
    pipe = "-" if _pipe is None else str(_pipe[0])
    return [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(end)), identity, pipe, "--"]


def bonds() -> list[int]:
    """The descriptors a launched program has to inherit."""
    return [] if _pipe is None else [_pipe[0]]


async def run(program: Program) -> None:
    """Run a program to its end; Problem, with its last words, if it fails."""
    running = await start(program)
    try:
        code = await running.wait()
    except asyncio.CancelledError:
        await running.stop()
        raise
    if code != 0:
        raise Problem(f"{program.name} failed with {code}{running.last_words()}")


def environment(**settings: str) -> dict[str, str]:
    """Our environment for a child: without what would bend Java, Kafka or Postgres, and with these settings."""
    bending = (
        "KAFKA_",
        "PG",
        "CLASSPATH",
        "JAVA_TOOL_OPTIONS",
        "JDK_JAVA_OPTIONS",
        "_JAVA_OPTIONS",
        "NOTIFY_SOCKET",
        "HOLDFAST_FAILPOINT",
    )
    kept = {key: value for key, value in os.environ.items() if not key.startswith(bending)}
    return {**kept, **settings}
