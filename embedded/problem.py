"""What a person at the terminal has to know."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Problem(Exception):
    """Something outside our hands failed; the message says what, why, and the way out."""


class NoLook(Problem):
    """Nobody could even look: an address is not known, or what is asked about cannot be."""


@contextlib.asynccontextmanager
async def side_by_side() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group out of which the first Problem comes as itself, when the others have been cancelled."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        problems = failures.subgroup(Problem)
        if problems is None:
            raise
        found: BaseException = problems
        while isinstance(found, BaseExceptionGroup):
            found = found.exceptions[0]
        raise found from None
