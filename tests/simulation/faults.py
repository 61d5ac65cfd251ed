"""What goes wrong, as often as a world allows. A zombie is no fault of its own: any worker may stand still at any step."""

from collections.abc import Iterator
from itertools import product

from moves import assigned, resume_from, spend
from world import CRASH, FAILOVER, REBALANCE, TOTAL, WRONG_OFFSET, State, Worker, World


def faults(world: World, state: State) -> Iterator[tuple[str, int, State]]:
    left = state.left
    if not left[TOTAL]:
        return
    resume = resume_from(world, state.database)
    for i, worker in enumerate(state.workers):
        if left[REBALANCE] and any(each.owner for each in state.workers):
            after = state._replace(left=spend(left, REBALANCE))
            yield "REBALANCE: is assigned", i, assigned(world, after, i, resume)
        if left[WRONG_OFFSET] and not any(each.owner for each in state.workers):
            after = state._replace(left=spend(left, WRONG_OFFSET))
            for position in product(*(range(end + 1) for end in world.ends)):
                if position != resume:
                    yield f"WRONG OFFSET: is assigned at {position}", i, assigned(world, after, i, position)
        if left[CRASH] and worker != Worker():
            pair = (Worker(), state.workers[1]) if i == 0 else (state.workers[0], Worker())
            yield "CRASH", i, state._replace(workers=pair, left=spend(left, CRASH))
    if left[FAILOVER]:
        for lost, database in enumerate(reversed(state.before), start=1):
            after = state._replace(database=database, left=spend(left, FAILOVER))
            yield f"FAILOVER loses {lost}", -1, after if after.left[FAILOVER] else after._replace(before=())
