"""Whose story it would be: an id that messages carry need not be a booking's."""

from collections.abc import Iterator
from typing import Any

OF_A_BOOKING = frozenset({"bookingId", "booking.id"})

Node = dict[str, Any]


def names(roots: list[Node], wanted: str) -> set[str]:
    """Under which names the bodies and answers of this tree have the id."""
    found: set[str] = set()
    for node in roots:
        for body in (node.get("body"), (node.get("answer") or {}).get("body")):
            found |= set(_places(body, wanted, ""))
        found |= names(node["follows"], wanted)
    return found


def stranger(roots: list[Node], wanted: str) -> str | None:
    """What the id is instead, in words, if no message takes it for a booking's."""
    found = names(roots, wanted)
    return None if found & OF_A_BOOKING or not found else f"messages have it as {', '.join(sorted(found))}"


def _places(value: Any, wanted: str, inside: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if each == wanted:
                yield f"{inside}.{name}" if name == "id" and inside else name
            else:
                yield from _places(each, wanted, name)
    elif isinstance(value, list):
        for each in value:
            if each == wanted:
                yield inside
            else:
                yield from _places(each, wanted, inside)
