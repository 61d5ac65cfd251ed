"""Make `.venv` from the hashed locks. Run by `make`, by any Python 3.11+, with nothing installed.

The stamp `.venv/.ready` is written last: an interrupted installation starts over. Any Python from 3.6 can read this file, so
that an older one gets a sentence: no annotation here is evaluated that such a Python does not know.
"""

import os
import subprocess
import sys
from pathlib import Path

from embedded import supported

HOME = Path(".venv")
STAMP = HOME / ".ready"
PYTHON = HOME / "bin" / "python"
LOCKS = [Path("requirements/run.txt"), Path("requirements/dev.txt")]
STEP = 20  # packages between two words of progress


def main() -> None:
    """Leave a complete `.venv`, or exit with what is in the way and the way out."""
    obstacle = supported.obstacle()
    if obstacle is not None:
        sys.exit(obstacle)
    import fcntl  # after the word for Windows, which has none

    for folder in HOME, Path(".cache"):
        if folder.exists() and folder.stat().st_uid != os.geteuid():
            sys.exit(
                f"{folder} belongs to another user (uid {folder.stat().st_uid}): remove it as that user, or work as them"
            )
    Path(".cache").mkdir(exist_ok=True)
    with Path(".cache/environment.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two terminals, one fresh clone
        if not complete():
            _make()


def complete() -> bool:
    """Whether the environment is there, newer than its locks, and was made in this very folder."""
    try:
        stamp = STAMP.stat().st_mtime
    except FileNotFoundError:
        return False
    moved = STAMP.read_text() not in ("", str(Path.cwd()))
    return not moved and all(stamp > lock.stat().st_mtime for lock in LOCKS)


def _make() -> None:
    packages = sum(line[:1].isalnum() for lock in LOCKS for line in lock.read_text().splitlines())
    if STAMP.exists() and STAMP.read_text() not in ("", str(Path.cwd())):
        print("this checkout was made in another folder, and its .venv with it: it is made again", flush=True)
    print(f"making .venv: up to {packages} packages by their hashes, 400 MB, half a minute to two", flush=True)
    STAMP.unlink(missing_ok=True)
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(HOME)], check=False, stdout=subprocess.PIPE)
    if made.returncode != 0:
        sys.exit(f"{sys.executable} cannot make virtual environments: on Debian and Ubuntu install `python3-venv`")
    locks = [word for lock in LOCKS for word in ("-r", str(lock))]
    # Wheels only: no compiler is ever needed. Few retries: without a network it is better to hear so soon.
    _pip(["--require-hashes", "--only-binary", ":all:", "--retries", "2", "--timeout", "15", *locks], packages)
    # A second step, because hash mode refuses editables; the build backend came with the locks.
    _pip(["--no-deps", "--no-build-isolation", "-e", "."], 1)
    STAMP.write_text(str(Path.cwd()))
    print("  .venv is complete", flush=True)


def _pip(arguments: "list[str]", packages: int) -> None:
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", *arguments]
    said: list[str] = []
    collected = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout is not None
        for line in pip.stdout:
            said.append(line)
            if line.startswith(("Collecting ", "Requirement already")):
                collected += 1
                if collected % STEP == 0:
                    print(f"  {collected} of {packages} packages", flush=True)
            elif line.startswith("Installing collected") and packages > 1:
                print("  installing them", flush=True)
    if pip.returncode != 0:
        print("".join(line for line in said if not line.startswith(("Collecting ", "  "))), file=sys.stderr)
        sys.exit(
            "pip could not install the locked packages. If it says `No matching distribution found`, it usually "
            "could not reach the package index: check the network (HTTPS_PROXY, PIP_INDEX_URL and PIP_CERT are "
            "honoured), or give a folder of wheels by PIP_FIND_LINKS. A wheel whose hash differs is refused."
        )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("interrupted: the next `make` starts over")
