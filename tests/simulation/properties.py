"""What must hold always, and what must hold when nothing is left to do."""

from world import ANSWER, COMMAND, FAILOVER, REFUSAL, TOTAL, State, World


def broken(world: World, state: State) -> str | None:
    """The rule that this state breaks, in whatever state it is."""
    database = state.database
    decided = {row.id for row in database.inbox}
    out = {event for event, _ in state.events}
    for partition, run in enumerate(world.inputs):
        processed, published = database.processed[partition], database.published[partition]
        if published > processed:
            return "published has passed processed"
        if any(message.id not in decided for message in run[:processed]):
            return "processed has passed a record that is not decided"
        if any(message.id not in out for message in run[:published]):
            return "published has passed an output that is not in the log"
        first = [message.id for offset, message in enumerate(run) if world.first[message.id] == (partition, offset)]
        if not _ordered(first, [event for event, _ in state.events]):
            return "first occurrences of outputs are not in input order"
    lossless = state.left[FAILOVER] == world.faults.failovers
    for entity in database.entities:
        if len(set(entity.effects)) < len(entity.effects):
            return "an effect happened twice"
        if lossless and not _ordered(list(entity.effects), [event for event, _ in state.events]):
            return "first occurrences of outputs are not in the order of the versions"
    if lossless and not out <= decided:
        return "an output without a stored parent"
    asks = {message.reply: message for run in world.inputs for message in run if message.reply is not None}
    first = world.at(world.first[COMMAND]) if asks else None
    for kind, to, hashed in state.answers:
        right = first is not None and (asks[to].hash == first.hash) == (kind == ANSWER)
        if not right or asks[to].hash != hashed:
            return "an answer of another request"
    return None


def _ordered(expected: list[int], seen: list[int]) -> bool:
    """Whether what is seen is seen in this order; what is missing between may only be missing at the end."""
    places = [seen.index(each) if each in seen else len(seen) for each in expected]
    return places == sorted(places)


def unfinished(world: World, state: State) -> str | None:
    """What is missing at quiescence."""
    database = state.database
    effects = sorted(each for entity in database.entities for each in entity.effects)
    if effects != sorted({message.id for run in world.inputs for message in run}):
        return "an effect is missing"
    if database.processed != world.ends or database.published != world.ends:
        return f"marks are not at the end: processed {database.processed}, published {database.published}"
    if set(state.events) != {(row.id, row.stamp) for row in database.inbox}:
        return "the log has not just what is stored"
    answered = any(message.answers for run in world.inputs for message in run)
    for run in world.inputs:
        for message in run:
            if message.reply is None:
                continue
            same = message.hash == world.at(world.first[COMMAND]).hash
            wanted = (ANSWER if same else REFUSAL, message.reply, message.hash)
            if (answered or not same) and wanted not in state.answers:
                return f"the delivery that asks at {message.reply} has no answer"
    return None


def most_records(world: World) -> int:
    """What may be sent at most if nothing ripples: all of it once, and all of it again for each fault."""
    asks = sum(message.reply is not None for run in world.inputs for message in run)
    once = len(world.first) + asks
    return once * (1 + min(world.faults.total, sum(world.faults.left()[:TOTAL])))
