"""The metrics of a running process, as Prometheus reads them."""

import re
from collections.abc import Iterable

import aiohttp
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families


async def read(url: str) -> list[Metric]:
    """All families that are told at this address, those without samples too."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 200
        return list(text_string_to_metric_families(await answer.text()))


def total(families: Iterable[Metric], name: str, **labels: str) -> float:
    """The sum of the samples of this name that have these labels; 0 if there is none."""
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


async def value(url: str, name: str, **labels: str) -> float:
    """The same of a process."""
    return total(await read(url), name, **labels)


def names(families: Iterable[Metric]) -> dict[str, set[str]]:
    """Every name that a query may use -> the labels that its samples have."""
    found: dict[str, set[str]] = {}
    for family in families:
        own = {label for sample in family.samples for label in sample.labels} - {"le"}
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(family.type, [""])
        for suffix in suffixes:
            found[family.name + suffix] = own | ({"le"} if suffix == "_bucket" else set())
    return found


_string = re.compile(r'"[^"]*"')
_grouping = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_matchers = re.compile(r"\{([^}]*)\}")
_word = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\()\b")
_called = re.compile(r"[a-zA-Z_]+\s*\(")
OPERATORS = {"and", "or", "unless", "offset", "bool", "inf"}


def used(query: str) -> dict[str, set[str]]:
    """The names that a query uses -> the labels that it matches on them."""
    found: dict[str, set[str]] = {}
    bare = _grouping.sub(" ", _string.sub('""', query))
    for name, braces in re.findall(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{([^}]*)\}", bare):
        labels = {part.partition("=")[0].rstrip("!~ ").strip() for part in braces.split(",") if part.strip()}
        found.setdefault(name, set()).update(labels)
    rest = re.sub(r"\[[^\]]*\]", " ", _called.sub("(", _matchers.sub(" ", bare)))
    rest = re.sub(r"\b[0-9.]+(?:[smhdwy]|ms)?\b", " ", rest)
    for name in _word.findall(rest):
        if name not in OPERATORS:
            found.setdefault(name, set())
    return found


def grouped(query: str) -> set[str]:
    """The labels that a query groups by."""
    return {label.strip() for _, labels in _grouping.findall(query) for label in labels.split(",") if label.strip()}
