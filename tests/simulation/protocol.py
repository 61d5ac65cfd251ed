"""The protocol: one function for each thing that a worker does and others can see, and the table of them at the end.

A step touches what is shared once: the database by one statement, the log by one record. What lies between is the worker's
own, so it belongs to the step before. `i` is the worker; each way a step can go is yielded as a state.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import NamedTuple

from folding import fold, sends, written
from world import EVENT, LOST_REPLY, NOWHERE, TOTAL, Batch, Database, Flight, Place, Span, State, Worker, World, spans_of

Steps = Iterator[State]


def worker_is(state: State, i: int, worker: Worker, **changes: object) -> State:
    """The state with this worker changed."""
    pair = (worker, state.workers[1]) if i == 0 else (state.workers[0], worker)
    return state._replace(workers=pair, **changes)  # type: ignore[arg-type]


def commit(state: State, database: Database) -> State:
    """The state after a transaction."""
    if database == state.database:
        return state
    before = (*state.before, state.database)[-2:] if state.left[2] and state.left[TOTAL] else ()
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
    return worker_is(state, i, worker._replace(expected=tuple(expected), position=tuple(position)))


# ---- the steps


def join(world: World, state: State, i: int) -> Steps:
    """The partitions are given to somebody, if nobody has them."""
    if not any(worker.owner for worker in state.workers):
        yield assigned(world, state, i, resume_from(world, state.database))


def assigned(world: World, state: State, i: int, position: tuple[int, ...]) -> State:
    """Whatever is still in hand from an earlier time stays in hand: `_let_go` waits for it 20 seconds only."""
    pair = [worker._replace(owner=False) for worker in state.workers]
    pair[i] = pair[i]._replace(owner=True, expected=resume_from(world, state.database), position=position)
    return state._replace(workers=(pair[0], pair[1]))


def take(world: World, state: State, i: int) -> Steps:
    worker = state.workers[i]
    if worker.batch or not worker.expected:
        return
    for records in _fetched(world, state, worker.position):
        position, expected = list(worker.position), list(worker.expected)
        dropped = set()
        for partition, span in enumerate(spans_of(world, records)):
            if span:
                position[partition] = span[1]
                if span[0] > expected[partition] and world.keeps("what comes is what was expected"):
                    position[partition] = expected[partition] = resume_from(world, state.database)[partition]
                    dropped.add(partition)
        kept = tuple(place for place in records if place[0] not in dropped)
        batch = Batch("read", kept) if kept else ()
        taken = worker._replace(position=tuple(position), expected=tuple(expected), batch=batch)
        after = worker_is(state, i, taken)
        yield from read(world, after, i) if kept else (after,)


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
    for partition, span in enumerate(spans_of(world, batch.records)):
        if not span:
            continue
        ahead = span[0] > database.processed[partition] and world.keeps("what comes is what was processed")
        forgotten = unmarked(worker, partition, span[0]) > database.published[partition]
        if ahead or (forgotten and world.keeps("what was sent is marked")):
            yield _gap(world, state, i, partition)
            return
    ids = {world.at(place).id for place in batch.records}
    known = tuple(row for row in database.inbox if row.id in ids)
    yield worker_is(
        state,
        i,
        worker._replace(
            batch=batch._replace(
                stage="load" if len(known) < len(ids) else "write",
                was=database.processed,
                published=database.published,
                known=known,
                marks=tuple(
                    span if there else () for span, there in zip(worker.sent, spans_of(world, batch.records), strict=False)
                ),
            )
        ),
    )


def _gap(world: World, state: State, i: int, partition: int) -> State:
    worker = state.workers[i]
    if worker.sent:
        return mark(world, state, i)
    assert worker.batch
    others = tuple(place for place in worker.batch.records if place[0] != partition)
    if not world.keeps("the others go on after a gap"):
        others = ()
    batch = worker.batch._replace(records=others) if others else ()
    return rewind(world, worker_is(state, i, worker._replace(batch=batch)), i, partition)


def load(world: World, state: State, i: int) -> Steps:
    """Round trip 2."""
    worker = state.workers[i]
    if not worker.batch or worker.batch.stage != "load":
        return
    batch = worker.batch._replace(stage="write", loaded=state.database.entities)
    if not world.keeps("sent when written"):
        folded = fold(world, batch, state.drawn)
        if worker.flights:
            return
        out = sends(world, folded, written(folded, state.database, batch.loaded))
        spans = tuple(spans_of(world, batch.records))
        worker = worker._replace(flights=(Flight(spans, out),), sending=spans)
    yield worker_is(state, i, worker._replace(batch=batch))


def write(world: World, state: State, i: int) -> Steps:
    """Round trip 3: all or nothing. On any error the batch begins again, if the partitions are still its."""
    worker, database = state.workers[i], state.database
    batch = worker.batch
    if not batch or batch.stage != "write":
        return
    again = Batch("read", batch.records) if worker.expected else ()
    folded, spans = fold(world, batch, state.drawn), tuple(spans_of(world, batch.records))
    there = {row.id for row in database.inbox}
    moved = any(s and batch.was[p] != database.processed[p] for p, s in enumerate(spans))
    changed = any(database.entities[e].revision != batch.loaded[e].revision for e in folded.effects)
    if (
        (moved and world.keeps("processed is what was read"))
        or (changed and world.keeps("revisions are what was loaded"))
        or any(row.id in there for row in folded.rows)
    ):
        yield worker_is(state, i, worker._replace(batch=again))
        return
    after = written(folded, database, batch.loaded)
    upto = tuple(max(was, s[1]) if s else was for was, s in zip(database.processed, spans, strict=True))
    after = marked(world, after, batch.marks)._replace(processed=upto)
    state = commit(state, after)._replace(drawn=max([state.drawn, *(row.stamp for row in folded.rows)]))
    if state.left[LOST_REPLY] and state.left[TOTAL]:
        yield worker_is(state, i, worker._replace(batch=again), left=spend(state.left, LOST_REPLY))
    kept = tuple(() if s == m else s for s, m in zip(worker.sent, batch.marks, strict=False))
    expected = tuple(max(e, s[1]) if s else e for e, s in zip(worker.expected, spans, strict=False))
    out = sends(world, folded, after) if world.keeps("sent when written") else ()
    worker = worker._replace(
        batch=Batch("send", batch.records, sends=out), sent=kept if any(kept) else NOWHERE, expected=expected
    )
    yield worker_is(state, i, _send(world, worker))


def _send(world: World, worker: Worker) -> Worker:
    """Hand the batch over to the producer, once all of the last one is acknowledged: R7."""
    batch = worker.batch
    if not batch or batch.stage != "send" or (worker.flights and world.keeps("acks before the next sends")):
        return worker
    spans = tuple(spans_of(world, batch.records))
    return worker._replace(batch=(), flights=(*worker.flights, Flight(spans, batch.sends)), sending=spans)


def append(world: World, state: State, i: int) -> Steps:
    """The broker gets the next record for one of the topics."""
    worker = state.workers[i]
    for events in (True, False):
        for n, flight in enumerate(worker.flights):
            head = next((each for each in flight.pending if (each[0] == EVENT) == events), None)
            if head is None:
                continue
            pending = list(flight.pending)
            pending.remove(head)
            flights = (*worker.flights[:n], flight._replace(pending=tuple(pending)), *worker.flights[n + 1 :])
            after = worker_is(state, i, worker._replace(flights=flights))
            if world.counted:
                after = after._replace(records=state.records + 1)
            if events and head[1:] not in state.events:
                after = after._replace(events=(*state.events, head[1:]))
            elif not events and head not in state.answers:
                after = after._replace(answers=tuple(sorted((*state.answers, head))))
            yield after
            break


def acknowledged(world: World, state: State, i: int) -> Steps:
    worker = state.workers[i]
    for n, flight in enumerate(worker.flights):
        if flight.pending:
            continue
        sent = [
            (unmarked(worker, p, span[0]), span[1]) if span else (worker.sent[p] if worker.sent else ())
            for p, span in enumerate(flight.spans)
        ]
        flights = (*worker.flights[:n], *worker.flights[n + 1 :])
        after = worker._replace(flights=flights, sending=NOWHERE, sent=tuple(sent))
        yield worker_is(state, i, _send(world, after))


def mark_when_idle(world: World, state: State, i: int) -> Steps:
    worker = state.workers[i]
    if worker.sent and not worker.batch and not worker.flights:
        yield mark(world, state, i)


def revoked(world: World, state: State, i: int) -> Steps:
    """The worker learns that it is no longer the owner. The batch in hand goes on."""
    worker = state.workers[i]
    if worker.expected and not worker.owner:
        batch = () if worker.batch and not worker.batch.records else worker.batch
        yield worker_is(state, i, worker._replace(expected=(), position=(), batch=batch))


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


class Step(NamedTuple):
    does: Callable[[World, State, int], Steps]
    words: str
    file: str  # what of the code it models,
    line: str  # and the very text, so that whoever changes it comes here


STEPS = (
    Step(join, "is assigned, begins at `published`", "stream.py", "async def on_partitions_assigned("),
    Step(take, "takes records, reads progress and what is known", "batch.py", "self.database.fetch(inbox.KNOWN, topics"),
    Step(read, "reads progress and what is known again", "batch.py", "if start > processed:"),
    Step(load, "loads the states", "batch.py", "await self.database.fetch(statement.sql"),
    Step(write, "writes", "batch.py", "inbox.write_statement(saves),"),
    Step(append, "has a record in the log", "publisher.py", "async def publish("),
    Step(acknowledged, "hears the last ack", "decider.py", "async def _acknowledged("),
    Step(mark_when_idle, "marks", "decider.py", "async def _mark("),
    Step(revoked, "learns that the partitions are gone", "stream.py", "self.expected.clear()"),
    Step(watch_the_position, "sees its position ahead", "stream.py", "at == self.expected.get(tp)"),
    Step(watch_the_database, "sees that the database has forgotten", "decider.py", "FIXME"),
)
