"""The second half of a worker: what it writes, sends and marks."""

from folding import fold, sends, written
from moves import Steps, commit, mark, marked, settled, spend, unmarked, worker_is
from world import EVENT, LOST_REPLY, NOWHERE, TOTAL, Batch, Flight, State, Worker, World, spans_of


def begins(world: World) -> str:
    """The stage at which the write begins; with one partition there is nothing beside it."""
    return "begin" if len(world.inputs) > 1 and world.keeps("nothing is decided beside it") else "write"


def load(world: World, state: State, i: int) -> Steps:
    """The states; the program reads them in the same moment as what is known, so it does less than this allows."""
    worker = state.workers[i]
    if not worker.batch or worker.batch.stage != "load":
        return
    batch = worker.batch._replace(stage=begins(world), loaded=state.database.entities)
    if not world.keeps("sent when written"):
        folded = fold(world, batch, state.drawn)
        if worker.flights:
            return
        out = sends(world, folded, written(folded, state.database, batch.loaded))
        spans = tuple(spans_of(world, batch.records))
        worker = worker._replace(flights=(Flight(spans, out),), sending=spans)
    yield worker_is(state, i, worker._replace(batch=batch))


def begin(world: World, state: State, i: int) -> Steps:
    """The write's snapshot: what is only read there may be older than what it changes."""
    worker, now = state.workers[i], state.database.processed
    batch = worker.batch
    if batch and batch.stage == "begin":
        spans = spans_of(world, batch.records)
        beside = any(not s and batch.was[p] != now[p] for p, s in enumerate(spans))
        yield worker_is(state, i, _again(worker) if beside else worker._replace(batch=batch._replace(stage="write")))


def _again(worker: Worker) -> Worker:
    assert worker.batch
    batch = Batch("read", worker.batch.records, worker.batch.reached)
    return worker._replace(batch=batch if worker.expected else ())


def write(world: World, state: State, i: int) -> Steps:
    """Round trip 2: all or nothing. On any error the batch begins again, if the partitions are still its."""
    worker, database = state.workers[i], state.database
    batch = worker.batch
    if not batch or batch.stage != "write":
        return
    folded, spans = fold(world, batch, state.drawn), tuple(spans_of(world, batch.records))
    there = {row.id for row in database.inbox}
    known = any(row.id in there for row in folded.rows)
    moved = any(s and batch.was[p] != database.processed[p] for p, s in enumerate(spans))
    changed = any(database.entities[e].revision != batch.loaded[e].revision for e in folded.effects)
    if (
        (moved and world.keeps("processed is what was read"))
        or (changed and world.keeps("revisions are what was loaded"))
        or (known and world.keeps("an id is in the inbox once"))
    ):
        yield worker_is(state, i, _again(worker))
        return
    after = written(folded, database, batch.loaded)
    upto = tuple(max(was, s[1]) if s else was for was, s in zip(database.processed, spans, strict=True))
    after = marked(world, after, batch.marks)._replace(processed=upto)
    state = commit(state, after)._replace(drawn=max([state.drawn, *(row.stamp for row in folded.rows)]))
    if state.left[LOST_REPLY] and state.left[TOTAL]:
        yield worker_is(state, i, _again(worker), left=spend(state.left, LOST_REPLY))
    sent = worker.sent  # what was acknowledged meanwhile stays
    if batch.marks:
        sent = tuple(() if now == then else now for now, then in zip(sent, batch.marks, strict=True))
    expected = tuple(max(e, s[1]) if s else e for e, s in zip(worker.expected, spans, strict=False))
    out = sends(world, folded, after) if world.keeps("sent when written") else ()
    worker = worker._replace(
        batch=Batch("send", batch.records, batch.reached, sends=out),
        sent=sent if any(sent) else NOWHERE,
        expected=expected,
    )
    yield worker_is(state, i, _send(world, settled(worker)))


def _send(world: World, worker: Worker) -> Worker:
    """Hand the batch over to the producer, once all of the last one is acknowledged: R7."""
    batch, most = worker.batch, 1 if world.keeps("acks before the next sends") else 3
    if not batch or batch.stage != "send" or len(worker.flights) >= most:
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
