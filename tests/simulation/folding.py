"""The decisions of one batch and what it sends, as `chassis/ledger.py` has it: R16-R18."""

from dataclasses import dataclass, field

from world import ANSWER, COMMAND, EVENT, REFUSAL, Batch, Database, Entity, Message, Place, Row, Sent, World


@dataclass(slots=True)
class Folded:
    """What the write adds, and the sends that follow from the rows that it changed."""

    rows: list[Row] = field(default_factory=list)
    effects: dict[int, list[int]] = field(default_factory=dict)
    asks: set[int] = field(default_factory=set)  # join `asked_by`, unless it is answered
    answers: bool = False
    order: list[tuple[str, Message, Row | None]] = field(default_factory=list)


def fold(world: World, batch: Batch, drawn: int) -> Folded:
    """Each record in order: decided if its id is new, else met again."""
    folded, known = Folded(), {row.id: row for row in batch.known}
    decided: dict[int, Row] = {}
    for place in batch.records:
        message = world.at(place)
        if message.id not in known and message.id not in decided:
            drawn += 0 if world.keeps("ids are derived") else 1
            row = decided[message.id] = Row(message.id, place, 0 if world.keeps("ids are derived") else drawn)
            folded.rows.append(row)
            folded.effects.setdefault(message.entity, []).append(message.id)
            _decided(folded, message, row)
        else:
            _met_again(world, folded, batch, place, known.get(message.id), decided.get(message.id))
    return folded


def _decided(folded: Folded, message: Message, row: Row) -> None:
    if message.reply is not None:
        folded.asks.add(message.reply)
    folded.order.append(("outputs", message, row))
    folded.answers |= message.answers


def _met_again(world: World, folded: Folded, batch: Batch, place: Place, known: Row | None, here: Row | None) -> None:
    message, (partition, offset) = world.at(place), place
    if known and known.place == place:
        if offset >= batch.published[partition] and world.keeps("known is sent again"):  # (a)
            folded.order.append(("outputs", message, known))
        return  # (b)
    row = known or here
    assert row is not None
    if message.reply is None:
        return
    if message.hash != world.at(row.place).hash:  # (c)
        folded.order.append(("refusal", message, None))
        return
    if not folded.answers:
        folded.asks.add(message.reply)
    folded.order.append(("reply" if folded.answers else "waits", message, known))


def written(folded: Folded, database: Database, loaded: tuple[Entity, ...]) -> Database:
    """The database with it, but for the marks."""
    entities = list(database.entities)
    for entity, ids in folded.effects.items():
        was = loaded[entity]
        entities[entity] = Entity(was.revision + 1, was.effects + tuple(ids))
    there = any(row.id == COMMAND for row in (*database.inbox, *folded.rows))
    asked = database.asked_by if database.answered else tuple(sorted({*database.asked_by, *folded.asks}))
    return database._replace(
        inbox=database.inbox + tuple(folded.rows),
        entities=tuple(entities),
        asked_by=asked if there else (),
        answered=there and (database.answered or folded.answers),
    )


def sends(world: World, folded: Folded, after: Database) -> tuple[Sent, ...]:
    """Everything to send, in order; answers go to those who are on the row once it is written."""
    out: list[Sent] = []
    given = next((world.at(row.place).hash for row in after.inbox if row.id == COMMAND), 0)
    for what, message, row in folded.order:
        if what == "outputs":
            assert row is not None
            out.append((EVENT, message.id, row.stamp))
            if message.answers and after.answered:
                out += [(ANSWER, to, given) for to in after.asked_by]
        elif what == "refusal":
            out.append((REFUSAL, message.reply or 0, message.hash))
        elif what == "reply" or (after.answered and row and not (folded.answers and _is_told(world, message, after))):
            out.append((ANSWER, message.reply or 0, given))
    return tuple(out)


def _is_told(world: World, message: Message, after: Database) -> bool:
    """Whether the message that brings the answer in this batch tells this asker too."""
    return message.reply in after.asked_by or not world.keeps("who is not on the row is answered at once")
