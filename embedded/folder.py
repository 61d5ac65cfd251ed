"""The data folder: one process tree at a time, of one user and one version, and what is known about its run."""

import base64
import contextlib
import fcntl
import hashlib
import json
import os
import pwd
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from embedded.problem import Problem

# What is in the folder; a change that an older or newer checkout cannot read gets a new number.
VERSION = {"format": 1, "postgres": 18, "kafka": "4.3"}
SOCKET_PATH_LIMIT = 103  # bytes of a Unix socket's path, on the narrower of the two systems
TEMPORARY = "holdfast-temporary-"  # how the names of data folders begin that nobody asked to keep
ORPHANS_GRACE = 10.0  # seconds in which the children of a killed supervisor end by themselves


class DataFolder:
    """A data folder that is ours alone for as long as this object, or any child with its lock, lives."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path, self.lock = path, lock
        self.runtime = _runtime(path)
        self.logs = path / "logs"
        self.temporary = path.name.startswith(TEMPORARY)

    def record(self, run: dict[str, Any]) -> None:
        """Write run.json: addresses and pids, for people and for `holdfast status`."""
        _write(self.path / "run.json", json.dumps(run, indent=2) + "\n")

    def tell_prometheus(self, targets: dict[str, str]) -> None:
        """Write targets.json, where each process tells its metrics, as Prometheus reads it (file_sd): name -> host:port."""
        told = [
            {"targets": [address], "labels": {"service": name.rpartition("-")[0], "instance": name}}
            for name, address in targets.items()
        ]
        _write(self.path / "targets.json", json.dumps(told, indent=2) + "\n")

    def token(self) -> str:
        """The secret the services show each other, made once; readable by its owner only."""
        return self.secret("token")

    def secret(self, name: str, prefix: str = "") -> str:
        """A secret of this folder, made once; readable by its owner only."""
        path = self.path / name
        if not path.exists():
            _write(path, prefix + secrets.token_urlsafe(32))
        return path.read_text()

    def sealing_key(self) -> str:
        """The key under which secrets of webhooks are sealed, made once; whoever loses it has to rotate them all."""
        path = self.path / "sealing-key"
        if not path.exists():
            _write(path, base64.b64encode(secrets.token_bytes(64)).decode())
        return path.read_text()

    def close(self) -> None:
        """Nothing runs any more: forget the run, give the folder free."""
        (self.path / "run.json").unlink(missing_ok=True)
        shutil.rmtree(self.runtime, ignore_errors=True)
        os.close(self.lock)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[DataFolder]:
    """Make or open the data folder for us alone; Problem, with the way out, where that cannot be."""
    path = path.absolute()
    _refuse_foreign(path)
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = _lock(path)
    except PermissionError as error:
        raise Problem(f"{path} cannot be written by {_name(os.geteuid())}: choose another with --data") from error
    try:
        _refuse_other_version(path)
        folder = DataFolder(path, lock)
    except BaseException:
        os.close(lock)
        raise
    try:
        yield folder
    finally:
        folder.close()


def forget(path: Path) -> bool:
    """Remove the data folder, and say whether there was one; Problem while a platform runs in it, or if it is not a data folder at all."""
    path = path.absolute()
    if not path.exists():
        return False
    _refuse_foreign(path)
    lock = _lock(path)
    try:
        shutil.rmtree(path)
        shutil.rmtree(_runtime_path(path), ignore_errors=True)
    finally:
        os.close(lock)
    return True


def sweep() -> None:
    """Remove the temporary data folders of runs that were killed; those in use, and all others, stay."""
    for path in Path(tempfile.gettempdir()).glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError, Problem):  # somebody else sweeps at the same moment
            if path.stat().st_uid == os.geteuid() and (path / "holdfast.json").exists() and running(path) is None:
                forget(path)


def running(path: Path) -> dict[str, Any] | None:
    """What run.json says if a platform runs in this folder at this moment, else None."""
    try:
        with (path / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise Problem(
            f"{path} belongs to another user: ask them, or choose a folder of your own with --data"
        ) from error
    except BlockingIOError:
        return _last_run(path)
    return None


def state(run: dict[str, Any] | None) -> str:
    """What `running` told, in a word: starting, running, stopping, or ended (its supervisor, which keeps all of it, is gone)."""
    if run is None or ("supervisor" in run and not alive(run["supervisor"])):
        return "ended"
    return str(run.get("state", "starting"))  # before the first word of run.json nothing runs yet


def _lock(path: Path) -> int:
    """The folder's lock, taken; children inherit it, so it is free exactly when nobody of a former run lives."""
    began = time.monotonic()
    while True:
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), os.stat(path / "lock")):  # noqa: PTH116 - else a reset came between
                return lock
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(lock)
        run = _last_run(path)
        # A dead supervisor's children are about to end; a look by `holdfast status` lasts a moment.
        grace = 0.5 if alive(run.get("supervisor")) else ORPHANS_GRACE
        if time.monotonic() - began > grace:
            raise Problem(_occupied(path, run))
        time.sleep(0.1)


def _occupied(path: Path, run: dict[str, Any]) -> str:
    supervisor = run.get("supervisor")
    if alive(supervisor):
        return (
            f"{path} is in use: a platform runs there since {run.get('started')} (pid {supervisor}, "
            f"{run.get('gateway') or 'no gateway'}). Stop it with Ctrl-C in its terminal or `kill {supervisor}`, "
            f"or start another one with other --data and --port."
        )
    left = [pid for pid in run.get("processes", {}).values() if alive(pid)]
    return f"{path} is in use by what an earlier run left behind" + (
        f": end it with `kill -9 {' '.join(map(str, left))}`." if left else ": see who holds its file `lock`."
    )


def _refuse_foreign(path: Path) -> None:
    if not path.exists():
        return
    if not path.is_dir():
        raise Problem(f"{path} is not a folder: choose another with --data")
    owner = path.stat().st_uid
    if owner != os.geteuid():
        raise Problem(
            f"{path} belongs to {_name(owner)}, you are {_name(os.geteuid())}: start as {_name(owner)}, "
            f"or choose a folder of your own with --data"
        )
    strangers = {entry.name for entry in path.iterdir()} - {"lock"}
    if strangers and not (path / "holdfast.json").exists():
        raise Problem(f"{path} holds other files ({min(strangers)}): choose a new folder with --data")


def _refuse_other_version(path: Path) -> None:
    note = path / "holdfast.json"
    if not note.exists():
        _write(note, json.dumps(VERSION) + "\n")
    made = json.loads(note.read_text())
    if made != VERSION:
        raise Problem(
            f"{path} was made by another version of holdfast ({made}, this is {VERSION}): use the checkout that "
            f"made it, choose a new folder with --data, or forget its data with `holdfast reset --data '{path}'`"
        )


def _runtime_path(path: Path) -> Path:
    mark = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]
    name = f"holdfast-{os.geteuid()}-{mark}"
    longest = len(os.fsencode(tempfile.gettempdir())) + len(name) + len("//availability-99.notify")
    return Path(tempfile.gettempdir() if longest <= SOCKET_PATH_LIMIT else "/tmp") / name  # noqa: S108 - checked below


def _runtime(path: Path) -> Path:
    """A short private folder for sockets: a Unix socket's path may be too long inside the data folder."""
    runtime = _runtime_path(path)
    runtime.mkdir(mode=0o700, exist_ok=True)
    seen = runtime.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid() or seen.st_mode & 0o022:
        raise Problem(f"{runtime} is not a private folder of {_name(os.geteuid())}: remove it")
    return runtime


def _last_run(path: Path) -> dict[str, Any]:
    try:
        run: dict[str, Any] = json.loads((path / "run.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return run


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and for its owner only."""
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    fresh.replace(path)


def alive(pid: object) -> bool:
    """Whether a process has this pid."""
    if not isinstance(pid, int):
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
