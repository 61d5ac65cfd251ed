"""docs/tutorial-http.md: its lines are those of examples/tutorial.sh, and what it shows is what they print."""

import asyncio
import os
import re
import shutil

import pytest
from pages import masked, sections, solid

from embedded.jars import PROJECT
from embedded.platform import Platform

SCRIPT = PROJECT / "examples" / "tutorial.sh"
PAGES = ("tutorial-http.md", "tutorial-http-2.md", "tutorial-http-3.md")


def test_the_page_has_the_lines_of_the_script() -> None:
    script = SCRIPT.read_text(encoding="utf-8")
    steps = re.findall(r"^step '(.*?)'\n(.*?)(?=^step '|\Z)", script, re.DOTALL | re.MULTILINE)
    assert [(title, solid(lines)) for title, lines in steps] == [
        (section.title, section.said("sh")) for section in sections(*PAGES)
    ]


@pytest.mark.skipif(not shutil.which("curl"), reason="the tutorial needs curl")
@pytest.mark.skipif(
    not (PROJECT / ".venv/bin/python").exists(), reason="the tutorial's receiver needs the .venv that make makes"
)
async def test_the_page_shows_what_the_script_prints(platform: Platform) -> None:
    shown = "\n".join(f"## {section.title}\n{section.said('text')}" for section in sections(*PAGES))
    process = await asyncio.create_subprocess_exec(
        *("sh", str(SCRIPT)),
        cwd=PROJECT,
        env={**os.environ, "HOLDFAST": platform.url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = (stream.decode() for stream in await asyncio.wait_for(process.communicate(), 60))
    assert (process.returncode, err) == (0, ""), out
    assert masked(solid(out)).splitlines() == masked(solid(shown)).splitlines()


@pytest.mark.skipif(not shutil.which("curl"), reason="the tutorial needs curl")
async def test_without_a_platform_the_script_says_how_to_start_one() -> None:
    nowhere = "http://127.0.0.1:1"
    process = await asyncio.create_subprocess_exec(
        *("sh", str(SCRIPT)), cwd=PROJECT, env={**os.environ, "HOLDFAST": nowhere}, stderr=asyncio.subprocess.PIPE
    )
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert err.decode() == f"Nothing answers at {nowhere}: start the platform with 'make up'.\n"
    assert process.returncode == 7


def test_ids_are_told_apart_and_times_are_not() -> None:
    one, other = "b977f344-dd5d-5b59-abd6-dfd314b8deda", "cc229660-b327-5a8b-ba27-5249fca5f4d3"
    text = f'{one} {other} {one} 2026-11-22T22:39:58.051837Z until 22:39:58Z. "eyJ0.eyJpc3MiO.Zc-_U"'
    assert masked(text) == '<id 1> <id 2> <id 1> <time> until <time of day>. "<token>"'
