"""What all of the operator's commands share: where the platform is, how an answer is printed, how a failure is said."""

import asyncio
import json
import re
import sys
import uuid
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

if TYPE_CHECKING:
    from embedded.operate.places import Place

# As in `embedded.command`: what needs a Unix, or time to load, is imported inside the functions.

FOUND, COULD_NOT_LOOK = 1, 2
T = TypeVar("T")

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="The data folder of a running platform; without it the platform that HOLDFAST_KAFKA and the like name, else .data/up.",
        file_okay=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs.")]


def place(data: Path | None) -> "Place":
    """The platform that is meant; ends the command if there is none."""
    from embedded.operate import places
    from embedded.problem import Problem

    try:
        return places.of(data)
    except Problem as problem:
        fail(str(problem), COULD_NOT_LOOK)


def looked(work: Coroutine[Any, Any, T], problem_is: int = COULD_NOT_LOOK) -> T:
    """The outcome of the work; what stops it is said in a sentence."""
    from aiokafka import errors
    from aiokafka.errors import KafkaError

    from embedded.operate.databases import AWAY
    from embedded.problem import NoLook, Problem

    away: tuple[type[BaseException], ...] = (KafkaError, *AWAY)
    refused = (
        errors.TopicAuthorizationFailedError,
        errors.GroupAuthorizationFailedError,
        errors.ClusterAuthorizationFailedError,
    )
    try:
        return asyncio.run(work)
    except NoLook as problem:
        fail(str(problem), COULD_NOT_LOOK)
    except Problem as problem:
        fail(str(problem), problem_is)
    except refused as error:
        fail(
            f"Kafka does not allow it to this user ({type(error).__name__}); what repairs comes as its administrator",
            COULD_NOT_LOOK,
        )
    except away as error:
        fail(f"could not look: {type(error).__name__}: {error}", COULD_NOT_LOOK)


def moment(text: str | None) -> datetime | None:
    """A time, or how long ago."""
    if text is None:
        return None
    ago = re.fullmatch(r"([1-9][0-9]{0,5})([smhd])", text)
    if ago:
        units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
        return datetime.now(UTC) - timedelta(**{units[ago[2]]: int(ago[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        fail(f"{text!r} is no time: write 30m, 24h or 2027-01-11T09:00:00Z", COULD_NOT_LOOK)
    return moment


def booking(text: str) -> str:
    """The id of a booking as messages have it."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        fail(f"{text!r} is no id: it looks like 4b96f5ea-3d46-59a4-912d-eb2a1da8d934", COULD_NOT_LOOK)


def answered(told: Any) -> None:
    """Print an answer for programs."""
    print(json.dumps(told, indent=2, ensure_ascii=False))


def fail(sentence: str, code: int) -> NoReturn:
    """End the command with a sentence for whoever typed it."""
    print(f"holdfast: {sentence}", file=sys.stderr)
    raise typer.Exit(code) from None
