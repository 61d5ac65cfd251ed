"""Breadth first through all states of a world. The first broken rule is found by a shortest way."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from faults import faults
from properties import broken, most_records, unfinished
from protocol import STEPS
from world import State, World, beginning


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


def following(world: World, state: State) -> tuple[list[tuple[str, int, State]], bool]:
    """All that can come next, and whether any of it comes by itself."""
    after = [
        (step.words, i, each)
        for i in (0, 1)
        for step in STEPS
        for each in step.does(world, state, i)
        if each != state
    ]
    alive = bool(after)
    after += faults(world, state)
    return after, alive


def search(world: World, most: int = 2_000_000) -> Found:
    """Raises MemoryError after `most` states: then the world is too large."""
    start = same(beginning(world))
    came_from: dict[State, State | None] = {start: None}
    waiting, quiet, bound = deque([start]), 0, most_records(world)
    while waiting:
        state = waiting.popleft()
        rule = broken(world, state)
        if rule is None and state.records > bound:
            rule = f"more than {bound} records are sent"
        after, alive = following(world, state) if rule is None else ([], True)
        if not alive:
            quiet += 1
            rule = unfinished(world, state)
        if rule:
            return Found(len(came_from), quiet, rule, tuple(_way(world, state, came_from)))
        for _, _, each in after:
            each = same(each)
            if each not in came_from:
                if len(came_from) >= most:
                    raise MemoryError(f"more than {most} states")
                came_from[each] = state
                waiting.append(each)
    return Found(len(came_from), quiet)


def _way(world: World, state: State, came_from: dict[State, State | None]) -> Iterator[str]:
    path = [state]
    while (before := came_from[path[-1]]) is not None:
        path.append(before)
    path.reverse()
    names = ("A", "B")
    for one, two in zip(path, path[1:], strict=False):
        words, i, raw = next(each for each in following(world, one)[0] if same(each[2]) == two)
        yield f"{names[i] if i >= 0 else ' '} {words}{_seen(world, one, raw, i)}"
        if same(raw) != raw:
            names = (names[1], names[0])


def _seen(world: World, one: State, two: State, i: int) -> str:
    """What a reader wants to know of a step."""
    said = []
    for name in ("processed", "published"):
        was, now = getattr(one.database, name), getattr(two.database, name)
        if was != now:
            said.append(f"{name} {'/'.join(map(str, now))}")
    if len(two.events) > len(one.events):
        said.append(f"event of m{two.events[-1][0]}")
    said += [f"{('event', 'answer', 'refusal')[kind]} at {to}" for kind, to, _ in two.answers if (kind, to, _) not in one.answers]
    if i >= 0 and (batch := two.workers[i].batch) and batch != one.workers[i].batch:
        records = ", ".join(f"{'xyz'[p]}{o}" for p, o in batch.records)
        said.append(f"batch {records}: {batch.stage} next")
    return f" [{'; '.join(said)}]" if said else ""
