"""The first half of a worker: whose the partitions are, what it takes from them, and what it notices."""

from collections.abc import Iterator
from itertools import product

from moves import Steps, assigned, mark, resume_from, rewind, settled, unmarked, worker_is
from world import NOWHERE, Batch, Place, State, Worker, World, spans_of
from writing import begins


def join(world: World, state: State, i: int) -> Steps:
    """The partitions are given to somebody, if nobody has them."""
    if not any(worker.owner for worker in state.workers):
        yield assigned(world, state, i, resume_from(world, state.database))


def take(world: World, state: State, i: int) -> Steps:
    worker = state.workers[i]
    if worker.batch or not worker.expected:
        return
    backlog = worker.backlog if world.keeps("a backlog goes first") else ()
    for records in _owed(worker) if backlog else _fetched(world, state, worker.position):
        position, expected = list(worker.position), worker.expected
        dropped = set()
        for partition, span in enumerate(spans_of(world, records)):
            if span:
                position[partition] = span[1]
                if span[0] > expected[partition] and world.keeps("what comes is what was expected"):
                    dropped.add(partition)
        kept = tuple(place for place in records if place[0] not in dropped)
        after = worker_is(state, i, worker._replace(position=tuple(position)))
        for partition in dropped:
            after = rewind(world, after, i, partition)
        batch = Batch("read", kept, after.workers[i].expected) if kept else ()
        after = worker_is(after, i, after.workers[i]._replace(batch=batch))
        yield from read(world, after, i) if kept else (after,)


def _owed(worker: Worker) -> Iterator[tuple[Place, ...]]:
    """The whole backlog, as soon as it is there; a position that is ahead brings something else, or nothing."""
    owed = [(p, upto) for p, upto in enumerate(worker.backlog) if upto > worker.expected[p]]
    if all(worker.position[p] < upto for p, upto in owed):
        yield tuple((p, offset) for p, upto in owed for offset in range(worker.position[p], upto))


def _fetched(world: World, state: State, position: tuple[int, ...]) -> Iterator[tuple[Place, ...]]:
    there = {event for event, _ in state.events}
    runs: list[list[tuple[Place, ...]]] = []
    for partition, start in enumerate(position):
        places: list[Place] = []
        for offset in range(start, min(start + world.most, world.ends[partition])):
            if (after := world.at((partition, offset)).after) is not None and after not in there:
                break
            places.append((partition, offset))
        runs.append([tuple(places[:n]) for n in range(len(places) + 1)])
    for chosen in product(*runs):
        if 0 < sum(map(len, chosen)) <= world.most:
            orders = {chosen, chosen[::-1]}  # which partition comes first is Kafka's affair
            yield from {tuple(place for run in order for place in run) for order in orders}


def read(world: World, state: State, i: int) -> Steps:
    """Round trip 1, and what a gap leads to."""
    worker, database = state.workers[i], state.database
    batch = worker.batch
    if not batch or batch.stage != "read":
        return
    spans = spans_of(world, batch.records)
    ends = [max(reached, *span[1:]) if span else reached for reached, span in zip(batch.reached, spans, strict=True)]
    behind = any(upto > end for upto, end in zip(database.processed, ends, strict=True))
    if behind and world.keeps("a backlog goes first"):
        yield worker_is(state, i, _given_back(worker, database.processed))
        return
    for partition, span in enumerate(spans):
        if not span:
            continue
        ahead = span[0] > database.processed[partition] and world.keeps("what comes is what was processed")
        forgotten = unmarked(worker, partition, span[0]) > database.published[partition]
        if ahead or (forgotten and world.keeps("what was sent is marked")):
            yield _gap(world, state, i, partition)
            return
    ids = {world.at(place).id for place in batch.records}
    known = tuple(row for row in database.inbox if row.id in ids)
    if world.keeps("known is sent in the order of the decisions"):
        order = {row.place: n for n, row in enumerate(known)}
        records = tuple(sorted(batch.records, key=lambda place: order.get(place, len(order))))
        batch = batch._replace(records=records)
    yield worker_is(
        state,
        i,
        worker._replace(
            batch=batch._replace(
                stage="load" if len(known) < len(ids) else begins(world),
                was=database.processed,
                published=database.published if known else (),
                known=known,
                marks=tuple(span if there else () for span, there in zip(worker.sent, spans, strict=True))
                if worker.sent
                else NOWHERE,
            )
        ),
    )


def _given_back(worker: Worker, processed: tuple[int, ...]) -> Worker:
    """The batch is taken again behind what somebody has decided."""
    assert worker.batch
    position = list(worker.position)
    for partition, offset in worker.batch.records:
        if worker.expected:
            position[partition] = min(position[partition], offset)
    given = worker._replace(batch=(), position=tuple(position), backlog=processed)
    return settled(given) if worker.expected else given._replace(backlog=())


def _gap(world: World, state: State, i: int, partition: int) -> State:
    worker = state.workers[i]
    if worker.sent:
        return mark(world, state, i)
    assert worker.batch
    others = tuple(place for place in worker.batch.records if place[0] != partition)
    if not world.keeps("the others go on after a gap"):
        others = ()
    after = rewind(world, state, i, partition)
    worker = after.workers[i]
    batch = Batch("read", others, worker.expected) if others and worker.expected else ()
    return worker_is(after, i, worker._replace(batch=batch))


def revoked(world: World, state: State, i: int) -> Steps:
    """The worker learns that it is no longer the owner. A batch goes on, unless it has to begin again."""
    worker = state.workers[i]
    if worker.expected and not worker.owner and (not worker.batch or worker.batch.stage == "read"):
        yield worker_is(state, i, worker._replace(expected=(), position=(), backlog=(), batch=()))


def watch_the_position(world: World, state: State, i: int) -> Steps:
    worker = state.workers[i]
    if worker.expected and not worker.batch and world.keeps("the position is watched"):
        for partition, expected in enumerate(worker.expected):
            if worker.position[partition] > expected:
                yield rewind(world, state, i, partition)


def watch_the_database(world: World, state: State, i: int) -> Steps:
    """A failover is noticed even if no record follows."""
    worker, database = state.workers[i], state.database
    if not worker.expected or worker.batch or not world.keeps("the database is watched"):
        return
    for partition, expected in enumerate(worker.expected):
        ahead = expected > database.processed[partition]
        if ahead or unmarked(worker, partition, expected) > database.published[partition]:
            yield mark(world, state, i) if worker.sent else rewind(world, state, i, partition)
