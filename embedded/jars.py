"""The jars of Apache Kafka: exactly those of requirements/kafka.lock.toml, or none."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from embedded.problem import Problem

PROJECT = Path(__file__).resolve().parent.parent
LOCK = PROJECT / "requirements" / "kafka.lock.toml"
THREADS = 8


@dataclass(frozen=True)
class Jar:
    """One locked file: a Maven coordinate and the hash its bytes must have."""

    coordinate: str
    sha256: str

    @property
    def filename(self) -> str:
        """Its name in the library folder: artifact, version and classifier, as Maven names it."""
        return "-".join(self.coordinate.split(":")[1:]) + ".jar"

    def intact(self, folder: Path) -> bool:
        """Whether the folder holds this jar with exactly the locked bytes."""
        try:
            return hashlib.sha256((folder / self.filename).read_bytes()).hexdigest() == self.sha256
        except FileNotFoundError:
            return False


def cache() -> Path:
    """The project's own ignored folder for downloads; HOLDFAST_CACHE names another."""
    return Path(os.environ.get("HOLDFAST_CACHE") or PROJECT / ".cache").absolute() / "kafka"


def locked() -> tuple[str, list[Jar]]:
    """Kafka's version and its jars, as the lock names them."""
    document = tomllib.loads(LOCK.read_text())
    return document["kafka"], [Jar(*row) for row in document["jars"].items()]


def library() -> Path | None:
    """The folder with every locked jar and nothing else, each checked against its hash; None if any is missing."""
    version, jars = locked()
    folder = cache() / version
    strangers = {path.name for path in folder.glob("*.jar")} - {jar.filename for jar in jars}
    return folder if not strangers and all(jar.intact(folder) for jar in jars) else None


def fetch(say: Callable[[str], None]) -> None:
    """Make the library complete: damaged and missing files are fetched, strangers removed.

    Raises Problem where fetching fails, or a file is not the locked one.
    """
    version, jars = locked()
    folder = cache() / version
    with _alone(folder):
        _tidy(folder, {jar.filename for jar in jars})
        missing = [jar for jar in jars if not jar.intact(folder)]
        if missing:
            say(f"fetching Apache Kafka {version}: {len(missing)} jars, once")
            _fetch(missing, folder, say)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One process at a time looks after the cache: two platforms may start at the same moment."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("a")
    except PermissionError as error:
        raise Problem(
            f"{folder} belongs to another user. Remove it, or name a folder of yours in HOLDFAST_CACHE."
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tidy(folder: Path, expected: set[str]) -> None:
    """Remove what a killed fetch or an older lock left: every jar in the folder is on the class path."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name not in expected and path.name != ".lock":
            path.unlink()


def _fetch(missing: list[Jar], folder: Path, say: Callable[[str], None]) -> None:
    from jgo.maven import MavenContext

    # A private folder: the client writes to the final name, so a killed download would later count as complete.
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as private:
        context = MavenContext(repo_cache=Path(private), timeout=30)

        def fetch_one(jar: Jar) -> None:
            group, name, version, *classifier = jar.coordinate.split(":")
            artifact = context.project(group, name).at_version(version).artifact("".join(classifier), "jar")
            path = Path(artifact.resolve())
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if digest != jar.sha256:
                raise Problem(
                    f"{jar.coordinate} came with sha256 {digest}, the lock says {jar.sha256}: a mirror "
                    f"or proxy changed it, or the lock is stale (`make lock`). It is not used."
                )
            path.replace(folder / jar.filename)

        with ThreadPoolExecutor(THREADS) as pool:
            futures = {pool.submit(fetch_one, jar): jar for jar in missing}
            for done, future in enumerate(as_completed(futures), 1):
                try:
                    future.result()
                except Exception as error:
                    pool.shutdown(cancel_futures=True)
                    raise error if isinstance(error, Problem) else _unreachable(futures[future], error) from error
                if done % 10 == 0 or done == len(missing):
                    say(f"  {done} of {len(missing)} jars")


def _unreachable(jar: Jar, error: Exception) -> Problem:
    first_line = str(error).partition("\n")[0][:200] or type(error).__name__
    return Problem(
        f"could not fetch {jar.coordinate}: {first_line}\n"
        f"This first start needs Maven Central once (HTTPS_PROXY and REQUESTS_CA_BUNDLE are honoured). "
        f"Without a network: copy .cache/kafka from a checkout that has it."
    )


if __name__ == "__main__":
    try:
        fetch(lambda line: print(line, flush=True))
    except Problem as problem:
        sys.exit(str(problem))
