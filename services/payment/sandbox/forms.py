"""Stripe's form encoding: `line_items[0][price_data][currency]=eur`, in bodies and in query strings."""

import re
from typing import Any
from urllib.parse import parse_qsl

from services.payment.sandbox.errors import Refused

MOST_FIELDS = 1000
MOST_DEPTH = 8


def decode(encoded: bytes) -> dict[str, Any]:
    """Nested dictionaries and lists of strings; raises Refused for what is no form."""
    try:
        pairs = parse_qsl(encoded.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Refused(f"The parameters are no valid form: {error}") from error
    nested: dict[str, Any] = {}
    for name, value in pairs:
        _put(nested, path(name), value)
    return {name: _listed(value) for name, value in nested.items()}


def path(name: str) -> list[str]:
    """`a[b][0]` is a, b, 0."""
    found = re.fullmatch(r"([^\[\]]+)((?:\[[^\[\]]*\])*)", name)
    steps = [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])] if found else []
    if not 0 < len(steps) <= MOST_DEPTH:
        raise Refused(f"Invalid parameter name: {name[:100]}", param=name[:100])
    return steps


def name(steps: tuple[int | str, ...]) -> str:
    """The other way round: a, b, 0 is `a[b][0]`."""
    return "".join(str(step) if place == 0 else f"[{step}]" for place, step in enumerate(steps))


def _put(nested: dict[str, Any], steps: list[str], value: str) -> None:
    for place, step in enumerate(steps[:-1]):
        nested = nested.setdefault(step or str(len(nested)), {})
        if not isinstance(nested, dict):
            raise Refused(f"Invalid object: {name(tuple(steps[: place + 1]))}", param=name(tuple(steps[: place + 1])))
    nested[steps[-1] or str(len(nested))] = value


def _listed(value: Any) -> Any:
    """A dictionary whose keys are 0, 1, 2 … is a list."""
    if not isinstance(value, dict):
        return value
    inner = {key: _listed(each) for key, each in value.items()}
    return list(inner.values()) if list(inner) == [str(place) for place in range(len(inner))] else inner
