"""What each rule is for: without it the search finds what breaks, and says how (`pytest -s` shows the shortest way)."""

from typing import NamedTuple

import pytest
from search import search
from world import Faults, Message, World
from worlds import ANSWERED_FIRST, ANSWERED_TWICE, MIXED, TWO, TWO_TOPICS


class Relaxed(NamedTuple):
    rules: tuple[str, ...]
    inputs: tuple[tuple[Message, ...], ...]
    faults: Faults
    breaks: str
    most: int = 2


NO_GAP_CHECK = "what comes is what was expected", "what comes is what was processed", "what was sent is marked"
FOUND = [
    # the write
    Relaxed(("processed is what was read",), TWO, Faults(rebalances=1, failovers=1), "processed has passed", 1),
    Relaxed(("revisions are what was loaded",), TWO_TOPICS, Faults(rebalances=1), "an effect is missing"),
    Relaxed(
        ("processed is what was read", "an id is in the inbox once"), TWO, Faults(rebalances=1), "happened twice", 1
    ),
    # where to go on
    Relaxed(("resume from published",), TWO, Faults(crashes=1), "is missing"),
    Relaxed(NO_GAP_CHECK, TWO, Faults(wrong_offsets=1), "processed has passed"),
    Relaxed(("what comes is what was processed",), TWO, Faults(rebalances=1, failovers=1), "processed has passed", 1),
    Relaxed(("the position is watched",), TWO, Faults(wrong_offsets=1), "an effect is missing"),
    Relaxed(("the database is watched",), TWO, Faults(failovers=1), "marks are not at the end"),
    Relaxed(
        ("the others go on after a gap", "the position is watched"), MIXED, Faults(failovers=1), "an effect is missing"
    ),
    # what is sent
    Relaxed(("sent when written",), TWO, Faults(), "an output without a stored parent"),
    Relaxed(("known is sent again",), TWO, Faults(crashes=1), "an output that is not in the log"),
    Relaxed(("acks before the next sends",), ANSWERED_FIRST, Faults(crashes=1), "has no answer", 1),
    Relaxed(("ids are derived",), TWO, Faults(failovers=1), "not just what is stored"),
    Relaxed(("who is not on the row is answered at once",), ANSWERED_TWICE, Faults(), "has no answer"),
    Relaxed(("a backlog goes first",), TWO_TOPICS, Faults(crashes=1), "order of the versions"),
    Relaxed(("known is sent in the order of the decisions",), TWO_TOPICS, Faults(crashes=1), "order of the versions"),
    Relaxed(("nothing is decided beside it",), TWO_TOPICS, Faults(rebalances=1), "order of the versions"),
    # what is marked
    Relaxed(("marks stay below processed",), TWO, Faults(failovers=1), "published has passed processed"),
]
COVERED = [  # by other rules, as far as this search sees: a second lock on the same door
    Relaxed(("an id is in the inbox once",), TWO, Faults(rebalances=1, crashes=1), "", 1),
    Relaxed(("marks begin at published",), TWO, Faults(crashes=1, failovers=1), ""),
    Relaxed(("processed is what was read",), TWO, Faults(rebalances=1, crashes=1, lost_replies=1), "", 1),
    Relaxed(("what comes is what was expected",), TWO, Faults(wrong_offsets=1, crashes=1), ""),
    Relaxed(("what was sent is marked",), TWO, Faults(failovers=1, crashes=1), ""),
    Relaxed(("the others go on after a gap",), MIXED, Faults(failovers=1), ""),
    Relaxed(("the position is watched",), MIXED, Faults(failovers=1), ""),
]


def name(case: Relaxed) -> str:
    return " + ".join(case.rules)


@pytest.mark.parametrize("case", FOUND, ids=name)
def test_without_the_rule_something_breaks(case: Relaxed) -> None:
    found = search(World(case.inputs, case.faults, frozenset(case.rules), case.most))
    print(f"\nwithout: {name(case)}\n{found}")  # noqa: T201 - for whoever asks what the rule is for
    assert found.rule is not None
    assert case.breaks in found.rule, str(found)


@pytest.mark.parametrize("case", COVERED, ids=name)
def test_without_the_rule_another_one_holds(case: Relaxed) -> None:
    found = search(World(case.inputs, case.faults, frozenset(case.rules), case.most))
    assert found.rule is None, str(found)


@pytest.mark.parametrize("case", FOUND, ids=name)
def test_with_the_rule_nothing_breaks(case: Relaxed) -> None:
    found = search(World(case.inputs, case.faults, most=case.most))
    assert found.rule is None, str(found)
