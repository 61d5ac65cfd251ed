"""Pages of docs/ that are run: their fenced blocks by section, and what is equal in two runs."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from embedded.jars import PROJECT


@dataclass
class Section:
    """A heading and the blocks below it, each with its language."""

    title: str
    blocks: list[tuple[str, str]] = field(default_factory=list)

    def said(self, language: str) -> str:
        """All blocks in this language, one after the other, without empty lines."""
        return solid("\n".join(text for spoken, text in self.blocks if spoken == language))


def sections(*names: str) -> list[Section]:
    """Those of these pages that have blocks, in their order."""
    found: list[Section] = []
    for name in names:
        page = (PROJECT / "docs" / name).read_text(encoding="utf-8")
        found += [_section(part) for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]]
    return [section for section in found if section.blocks]


def _section(part: str) -> Section:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", part, re.DOTALL | re.MULTILINE)
    return Section(part.partition("\n")[0], blocks)


def solid(text: str) -> str:
    """The text without its empty lines."""
    return "\n".join(line for line in text.splitlines() if line.strip())


def masked(text: str) -> str:
    """The text with a number for each id, by the place where it comes first; and no time, token or what an ETag says of ids."""
    numbers: Iterator[int] = itertools.count(1)
    known: dict[str, str] = {}

    def numbered(id_: re.Match[str]) -> str:
        if id_[0] not in known:
            known[id_[0]] = f"<id {next(numbers)}>"
        return known[id_[0]]

    text = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", numbered, text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>", text)
    text = re.sub(r"\b\d\d:\d\d:\d\dZ", "<time of day>", text)
    text = re.sub(r'(etag: "\d+)\.[0-9a-f]{8}"', r'\1.<ids>"', text)
    text = re.sub(r"http://127\.0\.0\.1:\d+", "<here>", text)
    text = re.sub(r"cs_test_\w+", "<page>", text)
    return re.sub(r"eyJ[\w.-]+", "<token>", text)
