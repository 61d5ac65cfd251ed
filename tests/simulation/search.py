"""Breadth first through all states of a world. The first broken rule is found by a shortest way."""

import contextlib
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from faults import faults
from properties import broken, most_records, unfinished
from protocol import STEPS
from world import FAILOVER, State, World, beginning


@dataclass
class Found:
    """The result: how many states there are, and the shortest way to a broken rule, if there is one."""

    states: int
    quiet: int
    rule: str | None = None
    way: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{n:3} {line}" for n, line in enumerate(self.way, start=1)]
        return "\n".join([f"{self.states} states, {self.quiet} quiet: {self.rule or 'nothing broken'}", *lines])


def same(state: State) -> State:
    """The two workers are alike, so their order means nothing."""
    one, two = state.workers
    return state._replace(workers=(two, one)) if two < one else state


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Nothing here is cyclic, and looking through all of it for cycles costs a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def following(world: World, state: State) -> tuple[list[tuple[str, int, State]], list[tuple[str, int, State]]]:
    """What can come next: by itself, and through a fault."""
    by_itself = [
        (step.words, i, each) for i in (0, 1) for step in STEPS for each in step.does(world, state, i) if each != state
    ]
    return by_itself, list(faults(world, state))


@cache
@uncollected()
def search(world: World, most: int = 1_000_000) -> Found:
    """Raises MemoryError after `most` states: then the world is too large."""
    states = [same(beginning(world))]
    number = {states[0]: 0}
    came_from, leads_here = [-1], [list[int]()]  # the first way to each; all ways that need no fault
    quiet, right, bound = list[int](), set[tuple[object, ...]](), most_records(world)
    for at, state in enumerate(states):  # grows meanwhile
        seen = state.database, state.events, state.answers, state.left[FAILOVER]
        rule = None if seen in right else broken(world, state)
        right.add(seen)
        if state.records > bound:
            rule = f"more than {bound} records are sent"
        by_itself, faulty = following(world, state) if rule is None else ([], [])
        if rule is None and not by_itself:
            quiet.append(at)
            rule = unfinished(world, state)
        if rule:
            return Found(len(states), len(quiet), rule, tuple(_way(world, states, came_from, at)))
        for n, (_, _, raw) in enumerate(by_itself + faulty):
            each = same(raw)
            there = number.setdefault(each, len(states))
            if there == len(states):
                if there >= most:
                    raise MemoryError(f"more than {most} states")
                states.append(each)
                came_from.append(at)
                leads_here.append([])
            if n < len(by_itself):
                leads_here[there].append(at)
    restless = _never_quiet(leads_here, quiet)
    if restless is not None:
        way = tuple(_way(world, states, came_from, restless))
        return Found(len(states), len(quiet), "it never comes to rest", way)
    return Found(len(states), len(quiet))


def _never_quiet(leads_here: list[list[int]], quiet: list[int]) -> int | None:
    """The first state from which no quiet one can be reached without another fault."""
    reached, waiting = set(quiet), list(quiet)
    while waiting:
        for before in leads_here[waiting.pop()]:
            if before not in reached:
                reached.add(before)
                waiting.append(before)
    return next((at for at in range(len(leads_here)) if at not in reached), None)


def _way(world: World, states: list[State], came_from: list[int], at: int) -> Iterator[str]:
    path = [at]
    while came_from[path[-1]] >= 0:
        path.append(came_from[path[-1]])
    names = ("A", "B")
    for one, two in pairwise(states[n] for n in reversed(path)):
        by_itself, faulty = following(world, one)
        words, i, raw = next(each for each in by_itself + faulty if same(each[2]) == two)
        yield f"{names[i] if i >= 0 else '-'} {words}{_seen(one, raw, i)}"
        if same(raw) != raw:
            names = (names[1], names[0])


def _seen(one: State, two: State, i: int) -> str:
    """What a reader wants to know of a step."""
    said = []
    for name in ("processed", "published"):
        was, now = getattr(one.database, name), getattr(two.database, name)
        if was != now:
            said.append(f"{name} {'/'.join(map(str, now))}")
    if len(two.events) > len(one.events):
        said.append(f"event of m{two.events[-1][0]}")
    said += [
        f"{('event', 'answer', 'refusal')[kind]} at {to}"
        for kind, to, _ in two.answers
        if (kind, to, _) not in one.answers
    ]
    if i >= 0 and (batch := two.workers[i].batch) and batch != one.workers[i].batch:
        records = ", ".join(f"{'xyz'[p]}{o}" for p, o in batch.records)
        said.append(f"batch {records}: {batch.stage} next")
    return f" [{'; '.join(said)}]" if said else ""
