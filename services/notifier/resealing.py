"""`python -m services.notifier.resealing`: seal all secrets under the first of the sealing keys, so that former keys can go.

With the notifier's own settings, while everything runs; done again it changes nothing.
"""

import asyncio
import sys
from collections.abc import Sequence

import asyncpg

from chassis.sealing import NotSealedHere, Seal
from services.notifier.handlers import purpose
from services.notifier.settings import NotifierSettings
from services.notifier.state import State

_ALL = "SELECT organisation_id, id::text, revision, state FROM subscriptions WHERE NOT deleted"
# A decision that has read the former row changes none, and is made again.
_WRITE = """
UPDATE subscriptions
SET revision = revision + 1, secrets = $4, state = $5
WHERE organisation_id = $1 AND id = $2::uuid AND revision = $3
"""


async def reseal(database: str, keys: Sequence[str]) -> tuple[int, int]:
    """How many subscriptions have their secrets under the first key from now on, and how many no key opens."""
    every, first = Seal(keys), Seal(keys[:1])
    changed = lost = 0
    connection = await asyncpg.connect(database)
    try:
        for organisation, about, revision, text in await connection.fetch(_ALL):
            state = State.model_validate_json(text)
            try:
                new = _resealed(state, every, first, purpose(organisation, about))
            except NotSealedHere:
                lost += 1
                continue
            if new != state:
                secrets = [new.secret, *(each.secret for each in new.former)]
                said = await connection.execute(_WRITE, organisation, about, revision, secrets, new.model_dump_json())
                changed += said == "UPDATE 1"
    finally:
        await connection.close()
    return changed, lost


def _resealed(state: State, every: Seal, first: Seal, purpose: str) -> State:
    def again(sealed: str) -> str:
        return first.seal(every.opened(sealed, purpose), purpose)

    former = tuple(each.model_copy(update={"secret": again(each.secret)}) for each in state.former)
    return state.model_copy(update={"secret": again(state.secret), "former": former})


def main() -> int:
    settings = NotifierSettings()
    keys = [key.get_secret_value() for key in settings.sealing_keys]
    changed, lost = asyncio.run(reseal(settings.database, keys))
    print(f"{changed} subscriptions sealed anew under the first key; {lost} that no key opens")  # noqa: T201 - a command
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
