"""Where the platform of `make up` is: its data folder says so."""

import json
from pathlib import Path
from typing import Any

from examples.telling import Unexpected

DATA = Path(".data/up")


def of(name: str, data: Path = DATA) -> str:
    """The address `kafka` or `gateway` of the platform that runs with this data folder. Raises Unexpected."""
    try:
        run: dict[str, Any] = json.loads((data / "run.json").read_text())
        address: str = run[name]
    except (OSError, ValueError, KeyError):
        raise Unexpected(
            f"Nothing runs in {data}. Start the platform with `make up` in another terminal, "
            f"or say where it is: --data FOLDER, --{name} ADDRESS."
        ) from None
    return address
