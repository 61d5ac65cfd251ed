"""`python -m releases`: freeze this checkout as the release that pyproject.toml names. `--check` only says what is broken.

What is frozen is what the next release is tested against (docs/upgrading.md). A release that is tagged is never frozen again.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from releases import frozen


def main(arguments: Sequence[str] | None = None, folder: Path = frozen.HERE) -> int:
    """Freeze or check; 0 if all is well."""
    parser = argparse.ArgumentParser(prog="python -m releases", description="Freeze what this release promises.")
    parser.add_argument("--check", action="store_true", help="write nothing, say what breaks the release before")
    parser.add_argument("--again", action="store_true", help="freeze anew what was frozen and has never been tagged")
    options = parser.parse_args(arguments)
    release = frozen.now()
    before = [each for each in frozen.all_of_them(folder) if each.name != release.name or options.check]
    reasons = frozen.broken(before[-1], release) if before else []
    for reason in reasons:
        _say(f"breaks {before[-1].name}: {reason}")
    if reasons or options.check:
        return 1 if reasons else 0
    path = folder / f"{release.name}.json"
    if path.exists() and not options.again:
        _say(f"{release.name} is frozen: raise the version in pyproject.toml, or say --again if it was never tagged")
        return 1
    frozen.write(release, folder)
    _say(f"wrote {path.name}: {len(release.messages)} messages, {len(release.migrations)} migrations")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
