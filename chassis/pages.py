"""A list, a page at a time: which page is asked for, and how it is answered."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from chassis.reads import BadQuery
from contracts.model import Value

ROWS, MOST_ROWS = 20, 100
LAST_PAGE = 100_000


class Page(NamedTuple):
    """`number` counts from 1."""

    number: int
    limit: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.limit


class _Meta(Value):
    page: int
    limit: int
    total_items: int
    total_pages: int
    has_next_page: bool
    has_previous_page: bool


def asked(parameters: Mapping[str, str]) -> Page:
    """`page` and `limit` of a query, with their defaults. Raises BadQuery."""
    return Page(_number(parameters, "page", 1, LAST_PAGE), _number(parameters, "limit", ROWS, MOST_ROWS))


def _number(parameters: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or not 1 <= int(text) <= most:
        raise BadQuery(name, f"must be a number from 1 to {most}")
    return int(text)


def answer(page: Page, rows: Sequence[bytes], total: int) -> bytes:
    """`{data, total, meta}`, with these JSON rows of a list of `total`."""
    pages = -(-total // page.limit)
    meta = _Meta(
        page=page.number,
        limit=page.limit,
        total_items=total,
        total_pages=pages,
        has_next_page=page.number < pages,
        has_previous_page=page.number > 1,
    )
    return b'{"data":[%b],"total":%d,"meta":%b}' % (b",".join(rows), total, meta.model_dump_json().encode())
