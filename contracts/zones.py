"""The time zones that a house may be in."""

from functools import cache
from importlib import resources
from typing import Annotated

from pydantic import AfterValidator, StringConstraints


@cache
def zones() -> frozenset[str]:
    """The names of the `tzdata` wheel: what the machine itself calls `localtime` would differ from process to process."""
    names = resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split()
    return frozenset(names) - {"Factory"}


def _known_zone(name: str) -> str:
    if name not in zones():
        raise ValueError("is not the name of an IANA time zone")
    return name


Timezone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_+/-]+$", max_length=64), AfterValidator(_known_zone)]
