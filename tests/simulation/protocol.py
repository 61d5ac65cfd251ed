"""The protocol: one step for each thing that a worker does and others can see, and the code that it models.

A step touches what is shared once: the database by one statement, the log by one record. What lies between is the worker's
own, so it belongs to the step before. `i` is the worker; each way a step can go is yielded as a state.
"""

from collections.abc import Callable
from typing import NamedTuple

from moves import Steps
from taking import join, read, revoked, take, watch_the_database, watch_the_position
from world import State, World
from writing import acknowledged, append, begin, load, mark_when_idle, write


class Step(NamedTuple):
    does: Callable[[World, State, int], Steps]
    words: str
    file: str  # what of the code it models,
    line: str  # and the very text, so that whoever changes it comes here


STEPS = (
    Step(join, "is assigned, begins at `published`", "stream.py", "async def on_partitions_assigned("),
    Step(take, "takes records, reads progress and what is known", "batch.py", "raise Behind(behind)"),
    Step(read, "reads progress and what is known again", "batch.py", "if start > processed:"),
    Step(load, "loads the states", "batch.py", "await self.database.fetch(inbox.known_and("),
    Step(begin, "begins to write", "inbox.py", "'nothing_decided_beside_it'"),
    Step(write, "writes", "batch.py", "inbox.write_statement(saves),"),
    Step(append, "has a record in the log", "publisher.py", "async def publish("),
    Step(acknowledged, "hears the last ack", "decider.py", "async def _acknowledged("),
    Step(mark_when_idle, "marks", "decider.py", "async def _mark("),
    Step(revoked, "learns that the partitions are gone", "stream.py", "self.expected.clear()"),
    Step(watch_the_position, "sees its position ahead", "stream.py", "at == self._queue.comes(tp)"),
    Step(
        watch_the_database,
        "sees that the database has forgotten",
        "decider.py",
        "if upto > processed or sent > published:",
    ),
)
