"""What an operator reads is whole: in a narrow terminal, in a pipe whose reader leaves, and where a text is too long for a table."""

import asyncio
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from http_house import House
from terminal import answer, typed

from chassis.messages import MOST_REASON, shortened
from embedded.operate.story_told import _after
from embedded.operate.telling import cut

ID = "4b96f5ea-3d46-59a4-912d-eb2a1da8d934"


async def test_each_address_of_metrics_is_whole_in_a_terminal_of_80_columns(platform: Any) -> None:
    told = await typed("status", "--json", "--data", str(platform.data))
    wanted = set(told.json["metrics"].values())
    assert len(wanted) >= 7
    for terminal in ({}, {"FORCE_COLOR": "1", "COLUMNS": "80"}):
        shown = await typed("status", "--data", str(platform.data), **terminal)
        assert [address for address in wanted if address not in shown.said] == []
        assert all(topic in shown.said for topic in ("availability.commands", "availability.expiry.15m"))


@pytest.mark.parametrize(
    "terminal", [{}, {"FORCE_COLOR": "1"}, {"TERM": "dumb"}, {"FORCE_COLOR": "1", "COLUMNS": "100"}]
)
async def test_id_of_a_dead_letter_stays_in_one_line(terminal: dict[str, str]) -> None:
    made = f"""
from embedded.operate import letters, telling
place = ("booking.dead-letters", 0, 0)
telling.letters([letters.Letter("{ID}", "availability", {"a long reason " * 9!r}, "holdfast.FindOrCreateCustomer.v1", "{ID}",
  "an-organisation", "", "2027-01-10T12:00:00.000000Z", place, place)])
"""
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "FORCE_COLOR")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", made), stdout=asyncio.subprocess.PIPE, env={**kept, **terminal}
    )
    said, _ = await process.communicate()
    lines = said.decode().splitlines()
    assert len([line for line in lines if ID in line]) == 1


@pytest.mark.parametrize(
    ("end", "words"),
    [("12:00:00.005000Z", " (+5 ms)"), ("12:00:00.000000Z", " (+0 ms)"), ("11:59:59.922000Z", " (-78 ms)")],
)
def test_time_that_a_step_took_has_one_sign(end: str, words: str) -> None:
    assert _after("2027-01-10T12:00:00.000000Z", f"2027-01-10T{end}") == words
    assert _after(None, f"2027-01-10T{end}") == ""


def test_text_that_is_cut_says_so() -> None:
    assert (cut("short", 5), cut("too long", 5)) == ("short", "too…")
    assert len(cut("x" * 200, 120)) == 120
    whole, long = "x" * MOST_REASON, "x" * (MOST_REASON + 1)
    assert shortened(whole) == whole
    assert (len(shortened(long)), shortened(long)[-2:]) == (MOST_REASON, "x…")


async def unread(*words: str) -> tuple[int, str]:
    """The command's exit code and complaints, with nobody who reads what it says."""
    reads, writes = os.pipe()
    os.close(reads)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "embedded.command", *words),
        stdout=writes,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    )
    os.close(writes)
    ended = await answer(process)
    return ended.code, ended.complained


@pytest.mark.parametrize(
    "words", [("log", "check"), ("log", "check", "--json"), ("verify", "--since", "1s"), ("status",)]
)
async def test_command_whose_reader_has_left_ends_with_its_own_code(platform: Any, words: tuple[str, ...]) -> None:
    heard = await typed(*words, "--data", str(platform.data))
    assert await unread(*words, "--data", str(platform.data)) == (heard.code, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full is Linux's")
@pytest.mark.parametrize("words", [("status",), ("log", "check", "--json"), ("events", "tail", "--from-beginning")])
async def test_full_disk_is_said_in_a_sentence_with_exit_code_2(
    platform: Any, house: House, words: tuple[str, ...]
) -> None:
    await house.held()
    code, complained = await saying("/dev/full", *words, "--data", str(platform.data))
    assert code == 2
    assert complained.endswith("holdfast: standard output does not take all of it: No space left on device\n")
    assert "Traceback" not in complained


async def test_closed_standard_output_is_nobody_who_reads(platform: Any) -> None:
    heard = await typed("status", "--data", str(platform.data))
    assert await saying(None, "status", "--data", str(platform.data)) == (heard.code, "")


async def saying(where: str | None, *words: str) -> tuple[int, str]:
    """The command's exit code and complaints, with its standard output there, or closed."""
    command = shlex.join([sys.executable, "-m", "embedded.command", *words])
    process = await asyncio.create_subprocess_shell(
        f"{command} >{where or '&-'}", stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    ended = await answer(process)
    return ended.code, ended.complained


async def test_tail_ends_when_nobody_reads_it(platform: Any, house: House) -> None:
    await house.held()
    code, complained = await unread("events", "tail", "--from-beginning", "--data", str(platform.data))
    assert code == 0
    assert complained.startswith("following booking.events at ")
    assert complained.count("\n") == 1
