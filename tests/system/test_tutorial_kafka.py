"""docs/tutorial-kafka.md: each block is run, in its order, and prints what the page shows."""

import ast
import code
import inspect
import re
from typing import Any

import pytest
from pages import Section, masked, sections, solid

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


class Prompt(code.InteractiveConsole):
    """`python -m asyncio` up to the compiler: what is typed is compiled as it would be there, and nothing is run."""

    def __init__(self) -> None:
        super().__init__()
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self.refused: list[str] = []

    def runcode(self, code: object) -> None:
        pass

    def showsyntaxerror(self, filename: str | None = None, **_: object) -> None:
        self.refused.append("\n".join(self.buffer))


@pytest.mark.parametrize("section", sections(PAGE), ids=lambda section: section.title)
def test_a_block_can_be_pasted_at_the_prompt(section: Section) -> None:
    prompt = Prompt()
    for language, block in section.blocks:
        if language == "python":
            for typed in [*block.splitlines(), ""]:  # and Enter
                prompt.push(typed)
            assert not prompt.refused
            assert not prompt.buffer, "the prompt waits for more"


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
