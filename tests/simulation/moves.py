"""What the steps are made of."""

from collections.abc import Iterator

from world import FAILOVER, NOWHERE, TOTAL, Database, Span, State, Worker, World

Steps = Iterator[State]


def worker_is(state: State, i: int, worker: Worker, **changes: object) -> State:
    """The state with this worker changed."""
    pair = (worker, state.workers[1]) if i == 0 else (state.workers[0], worker)
    return state._replace(workers=pair, **changes)  # type: ignore[arg-type]


def commit(state: State, database: Database) -> State:
    """The state after a transaction."""
    if database == state.database:
        return state
    before = (*state.before, state.database)[-2:] if state.left[FAILOVER] and state.left[TOTAL] else ()
    return state._replace(database=database, before=before)


def spend(left: tuple[int, ...], fault: int) -> tuple[int, ...]:
    """What is left of the faults after this one; () would be none."""
    return tuple(n - 1 if kind in (fault, TOTAL) else n for kind, n in enumerate(left))


def resume_from(world: World, database: Database) -> tuple[int, ...]:
    return database.published if world.keeps("resume from published") else database.processed


def unmarked(worker: Worker, partition: int, start: int) -> int:
    known = [spans[partition][0] for spans in (worker.sent, worker.sending) if spans and spans[partition]]
    return min([start, *known[:1]])


def marked(world: World, database: Database, spans: tuple[Span, ...]) -> Database:
    """R5, in both statements that mark."""
    published = list(database.published)
    for partition, span in enumerate(spans):
        if not span:
            continue
        above = not world.keeps("marks stay below processed") or database.processed[partition] >= span[1]
        below = not world.keeps("marks begin at published") or database.published[partition] >= span[0]
        if above and below:
            published[partition] = max(published[partition], span[1])
    return database._replace(published=tuple(published))


def mark(world: World, state: State, i: int) -> State:
    """A mark by its own statement; what it marked is forgotten."""
    worker = state.workers[i]
    after = commit(state, marked(world, state.database, worker.sent))
    return worker_is(after, i, worker._replace(sent=NOWHERE))


def rewind(world: World, state: State, i: int, partition: int) -> State:
    worker, at = state.workers[i], resume_from(world, state.database)[partition]
    if not worker.expected:
        return state
    expected, position = list(worker.expected), list(worker.position)
    expected[partition] = position[partition] = at
    upto = list(worker.backlog or worker.expected)
    upto[partition] = state.database.processed[partition]
    worker = worker._replace(expected=tuple(expected), position=tuple(position), backlog=tuple(upto))
    return worker_is(state, i, settled(worker))


def settled(worker: Worker) -> Worker:
    """Without a backlog that is taken."""
    upto = tuple(max(pair) for pair in zip(worker.backlog, worker.expected, strict=False))
    return worker._replace(backlog=upto if upto != worker.expected else ())


def assigned(world: World, state: State, i: int, position: tuple[int, ...]) -> State:
    """Whatever is still in hand from an earlier time stays in hand: `_let_go` waits for it 20 seconds only."""
    pair = [worker._replace(owner=False) for worker in state.workers]
    resume, processed = resume_from(world, state.database), state.database.processed
    pair[i] = settled(pair[i]._replace(owner=True, expected=resume, position=position, backlog=processed))
    return state._replace(workers=(pair[0], pair[1]))
