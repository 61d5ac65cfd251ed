"""How the examples talk: exchanges as a reader of a tutorial wants to see them, within 100 columns."""

import asyncio
import contextlib
import json
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TextIO

WIDTH = 96
EDGE = 100  # no line goes beyond it
LONG_ID = re.compile(r"(cs_test_\w{8})\w{8,}")  # of a checkout page: cut where it does not fit
MOST_ITEMS = 4  # of a list; of a longer one the first three are shown
BOLD, DIM, RED, GREEN, CYAN = "1", "2", "31", "32", "36"


class Unexpected(Exception):
    """The platform did not do what the tutorial says it does; the argument says what."""


class Teller:
    """Writes to one stream; colours and a moving countdown only where a person looks at it."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout
        self.live = self.out.isatty() and os.environ.get("TERM") != "dumb"
        self.colours = self.live and not os.environ.get("NO_COLOR")
        self._chapters = 0

    def chapter(self, title: str, text: str = "") -> None:
        """A numbered heading with a few words on what happens now."""
        self._chapters += 1
        heading = f"{self._chapters}. {title}"
        self._line()
        self._line(f"── {heading} {'─' * (WIDTH - len(heading) - 2)}", BOLD)
        self.says(text)

    def says(self, text: str) -> None:
        """Prose, wrapped."""
        for line in textwrap.wrap(text, WIDTH):
            self._line(line)

    def aside(self, text: str) -> None:
        """Prose between two exchanges."""
        self._line()
        self.says(text)

    def done(self, text: str) -> None:
        """What the reader has just seen, checked."""
        lines = textwrap.wrap(text, WIDTH - 2)
        self._line()
        self._line("✓ " + "\n  ".join(lines), GREEN)

    def fails(self, text: str) -> None:
        """What was not as it should be."""
        self._line()
        self._line("✗ " + "\n  ".join(textwrap.wrap(text, WIDTH - 2)), RED)

    def asks(self, method: str, path: str, query: Mapping[str, str], key: str | None, body: Any) -> None:
        """An HTTP request."""
        whole = path + "".join(
            f"{'&' if place else '?'}{name}={said}" for place, (name, said) in enumerate(query.items())
        )
        self._line()
        if len(whole) <= WIDTH - 10:
            self._line(f"→ {method} {whole}", BOLD)
        else:
            self._line(f"→ {method} {path}", BOLD)
            for place, (name, said) in enumerate(query.items()):
                self._line(f"       {'&' if place else '?'}{name}={said}", BOLD)
        if key is not None:
            self._line(f"  Idempotency-Key: {key}", CYAN)
        if body is not None:
            self._block(body)

    def answers(self, status: int, milliseconds: float, headers: Iterable[tuple[str, str]], body: Any) -> None:
        """An HTTP answer; `body` is JSON, or None for an empty one."""
        self._line(f"← {status} {HTTPStatus(status).phrase}  ({milliseconds:.0f} ms)", GREEN if status < 400 else RED)
        for name, value in headers:
            self._line(f"  {name}: {value}", CYAN)
        if body is not None:
            self._block(body)

    def comes(self, url: str, headers: Iterable[tuple[str, str]], body: Any) -> None:
        """A request that the platform makes."""
        self._line()
        self._line(f"⇒ POST {url}", BOLD)
        for name, value in headers:
            self._line(f"  {name}: {value}", CYAN)
        self._block(body)

    def code(self, *lines: str) -> None:
        """What a program says."""
        self._line()
        for line in lines:
            self._line(f"    {line}".rstrip(), BOLD)

    def happens(self, *lines: str, colour: str = CYAN) -> None:
        """What comes of it."""
        for line in lines:
            self._line(f"  {line}".rstrip(), colour)

    async def countdown(self, until: datetime, words: str) -> None:
        """Return at `until`: one line that moves on a terminal, else a line every five seconds."""
        said = None
        self._line()
        while (left := (until - datetime.now(UTC)).total_seconds()) > 0:
            seconds = int(left) + 1
            if self.live and seconds != said:
                said = seconds
                self._write(f"\r\x1b[K  {words}: {seconds:3} s")
            elif not self.live and (said is None or (seconds % 5 == 0 and seconds < said)):
                said = seconds
                self._line(f"  {words}: {seconds} s")
            await asyncio.sleep(min(left, 0.1))
        if self.live:
            self._write("\r\x1b[K")
        self._line(f"  {words}: now")

    def _block(self, body: Any) -> None:
        for line in pretty(body, WIDTH - 2):
            self._line(f"  {line}")

    def _line(self, text: str = "", colour: str | None = None) -> None:
        if len(text) > EDGE:
            text = LONG_ID.sub(r"\1…", text)
        painted = f"\x1b[{colour}m{text}\x1b[0m" if colour and self.colours and text else text
        self._write(painted + "\n")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # a closed terminal is no reason to leave anything running
            self.out.write(text)
            self.out.flush()


def pretty(value: Any, room: int) -> list[str]:
    """JSON for reading: on one line where it fits, long lists cut, fields without a value counted instead of shown."""
    if isinstance(value, dict):
        shown = {name: each for name, each in value.items() if each not in (None, "", [], {})}
        hidden = len(value) - len(shown)
        flat = json.dumps(shown, ensure_ascii=False)
        if len(flat) <= room and not hidden:
            return [flat]
        parts = [_under(json.dumps(name) + ": ", pretty(each, room - len(name) - 7)) for name, each in shown.items()]
        more = f"… {hidden} fields without a value" if hidden > 1 else "… 1 field without a value" if hidden else ""
        return _lines("{", parts, more, "}")
    flat = json.dumps(value, ensure_ascii=False)
    if isinstance(value, list) and (len(flat) > room or len(value) > MOST_ITEMS):
        few = value if len(value) <= MOST_ITEMS else value[: MOST_ITEMS - 1]
        more = f"… {len(value) - len(few)} more" if len(value) > len(few) else ""
        return _lines("[", [pretty(each, room - 3) for each in few], more, "]")
    return [flat]


def _under(head: str, lines: list[str]) -> list[str]:
    return [head + lines[0], *lines[1:]]


def _lines(begin: str, parts: list[list[str]], more: str, end: str) -> list[str]:
    for part in parts[:-1]:
        part[-1] += ","
    inner = [line for part in parts for line in part] + ([more] if more else [])
    return [begin, *(f"  {line}" for line in inner), end]
