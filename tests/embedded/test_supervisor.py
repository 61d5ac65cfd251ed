"""The supervisor with tiny programs: order, readiness, restarts, and that nothing outlives it."""

import asyncio
import contextlib
import os
import signal
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedded import child
from embedded.child import Program
from embedded.notified import Notified
from embedded.problem import Problem
from embedded.supervisor import Supervisor
from tests.embedded.processes import gone, lives, until

READY = """
import os, socket, sys, time
def say(state):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.sendto(state, os.environ["NOTIFY_SOCKET"])
"""


class Room:
    """A supervisor, what it said, and programs made of a few lines of Python."""

    def __init__(self, path: Path) -> None:
        self.path, self.said = path, list[str]()
        self.supervisor = Supervisor(lambda: None, self.said.append)

    def program(self, name: str, code: str, **rest: object) -> Program:
        notified = Notified(self.path / f"{name}.notify")
        return Program(
            name=name,
            argv=[sys.executable, "-u", "-c", READY + textwrap.dedent(code)],
            env=child.environment(NOTIFY_SOCKET=str(notified.path)),
            folder=self.path,
            ready=notified.ready,
            before=notified.listen,
            log=self.path / f"{name}.log",
            **rest,  # type: ignore[arg-type]
        )


SERVE = "say(b'READY=1'); time.sleep(600)"


@pytest.fixture
async def room(tmp_path_factory):
    path = tmp_path_factory.mktemp("r")  # short: a Unix socket's path has a limit
    room = Room(path)
    yield room
    await room.supervisor.stop_all()


async def test_start_returns_when_the_program_has_said_ready(room):
    await room.supervisor.start(
        [room.program("a", "say(b'STATUS=soon'); print('late'); say(b'READY=1\\nSTATUS=go'); time.sleep(600)")]
    )
    assert (room.path / "a.log").read_text() == "late\n"
    assert lives(room.supervisor.pids["a"])
    assert any("a ready" in line for line in room.said)


async def test_a_program_that_ends_before_it_is_ready_is_a_problem_with_its_last_words(room):
    with pytest.raises(Problem, match=r"(?s)b ended with 3 before it was ready.*no such table: slots"):
        await room.supervisor.start([room.program("b", "print('no such table: slots'); sys.exit(3)")])
    assert room.supervisor.pids == {}


async def test_a_program_that_dawdles_is_a_problem_and_is_stopped(room):
    with pytest.raises(Problem, match="c was not ready after 0 s"):
        await room.supervisor.start([room.program("c", "time.sleep(600)", ready_timeout=0.3)])
    assert room.supervisor.pids == {}


async def test_what_stands_beside_a_failing_program_is_stopped_with_it(room):
    good = room.program("good", "open('good.pid', 'w').write(str(os.getpid())); time.sleep(600)")
    bad = room.program("bad", "while not os.path.exists('good.pid'): time.sleep(0.01)\nsys.exit(1)")
    with pytest.raises(Problem, match="bad ended with 1"):
        await room.supervisor.start([good, bad])
    assert not lives(int((room.path / "good.pid").read_text()))


async def test_a_killed_program_is_ready_again_with_another_pid(room):
    await room.supervisor.start([room.program("d", SERVE)])
    first = room.supervisor.kill("d", signal.SIGKILL)
    second = await asyncio.wait_for(room.supervisor.restarted("d", first), 10)
    third_of = room.supervisor.kill("d", signal.SIGKILL)
    third = await asyncio.wait_for(room.supervisor.restarted("d", third_of), 10)
    assert third_of == second
    assert len({first, second, third}) == 3
    assert any("d ended with SIGKILL" in line for line in room.said)


async def test_a_program_that_fails_while_it_restarts_is_started_until_it_works(room):
    code = """
        tries = sum(1 for _ in open('tries')) if os.path.exists('tries') else 0
        open('tries', 'a').write('x\\n')
        if tries in (1, 2): sys.exit(5)
    """
    await room.supervisor.start([room.program("e", textwrap.dedent(code) + SERVE)])
    first = room.supervisor.kill("e", signal.SIGKILL)
    await asyncio.wait_for(room.supervisor.restarted("e", first), 10)
    assert (room.path / "tries").read_text() == "x\n" * 4


async def test_a_setting_of_one_start_is_gone_after_the_crash(room):
    code = "print(os.environ.get('HOLDFAST_FAILPOINT')); " + SERVE
    await room.supervisor.start([room.program("f", code)])
    assert await room.supervisor.stop("f") == -signal.SIGTERM
    pid = await room.supervisor.start_again("f", {"HOLDFAST_FAILPOINT": "committed:1"})
    room.supervisor.kill("f", signal.SIGKILL)
    await asyncio.wait_for(room.supervisor.restarted("f", pid), 10)
    assert (room.path / "f.log").read_text().split() == ["None", "committed:1", "None"]


async def test_stop_goes_the_other_way_round_and_insists(room):
    note = "import signal\ndef bye(*_):\n  open('ends','a').write(NAME + '\\n'); os._exit(0)\nsignal.signal(15, bye)\n"
    await room.supervisor.start([room.program("first", note.replace("NAME", "'first'") + SERVE)])
    await room.supervisor.start([room.program("second", note.replace("NAME", "'second'") + SERVE)])
    deaf = (
        "import signal, subprocess\nsignal.signal(15, signal.SIG_IGN)\nprint(subprocess.Popen(['sleep', '600']).pid)\n"
    )
    await room.supervisor.start([room.program("deaf", deaf + SERVE, stop_timeout=0.3)])
    pids = list(room.supervisor.pids.values())
    await room.supervisor.stop_all()
    assert (room.path / "ends").read_text().split() == ["second", "first"]
    await gone([*pids, int((room.path / "deaf.log").read_text())])


SUPERVISES = """
import asyncio, os, sys
from embedded import child
from embedded.child import Program
from pathlib import Path
if sys.argv[2] == "pipe":
    child._pipe = os.pipe()
async def main():
    here = Path(sys.argv[1])
    code = "import time, pathlib; pathlib.Path('up').touch(); time.sleep(600)"
    program = Program("p", [sys.executable, "-c", code], child.environment(), here, child.never, here / "p.log")
    print((await child.start(program)).pid, flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


@contextlib.contextmanager
def _ended(pid: int) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("way", ["kernel", "pipe"])
async def test_a_child_ends_when_its_supervisor_is_killed(tmp_path, way):
    if way == "kernel" and sys.platform != "linux":
        pytest.skip("the kernel watches parents on Linux only")
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SUPERVISES, str(tmp_path), way), stdout=asyncio.subprocess.PIPE
    )
    assert supervisor.stdout is not None
    pid = int(await supervisor.stdout.readline())
    with _ended(pid):
        await until((tmp_path / "up").exists)
        supervisor.kill()
        await supervisor.wait()
        await gone([pid], 5)
