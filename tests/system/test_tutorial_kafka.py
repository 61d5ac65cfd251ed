"""docs/tutorial-kafka.md: each block is run, in its order, and prints what the page shows."""

import ast
import inspect
import re
from typing import Any

import pytest
from pages import masked, sections, solid

from contracts import catalogue, claims, topics
from contracts.booking import AbandonQuestion
from embedded.platform import Platform

PAGE = "tutorial-kafka.md"


async def run(code: str, variables: dict[str, Any]) -> None:
    """As `python -m asyncio` does."""
    ran = eval(compile(code, PAGE, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), variables)
    if inspect.isawaitable(ran):
        await ran


async def test_the_page_shows_what_its_blocks_print(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFKA", platform.kafka)
    variables: dict[str, Any] = {}
    printed, shown = "", ""
    for section in sections(PAGE):
        await run(section.said("python"), variables)
        printed += f"## {section.title}\n{capsys.readouterr().out}"
        shown += f"## {section.title}\n{section.said('text')}\n"
    assert masked(solid(printed)).splitlines() == masked(solid(shown)).splitlines()


def test_every_command_is_in_the_page() -> None:
    commands = {
        message.__name__
        for topic in (topics.BOOKING_COMMANDS, topics.AVAILABILITY_COMMANDS)
        for message in topic.messages
        if topic is topics.BOOKING_COMMANDS or message.__module__ == catalogue.__name__
    } - {claims.ClaimKey.__name__, AbandonQuestion.__name__}  # the client's own, and booking's
    code = "\n".join(section.said("python") for section in sections(PAGE))
    called = set(re.findall(r"holdfast\.(\w+)\(", code))
    assert {re.sub(r"(?<=.)([A-Z])", r"_\1", name).lower() for name in commands} == called
