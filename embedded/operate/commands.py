"""The operator's commands of `holdfast`. Exit codes: 0 all is well, 1 something was found, 2 nobody could look."""

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from embedded.operate import asking, letter_commands, log_commands

# As in `embedded.command`: what needs a Unix, or time to load, is imported inside the commands.

PartitionsOption = Annotated[int | None, typer.Option(help="How many a topic has; else as most of them have.", min=1)]

events_app = typer.Typer(help="What happens to bookings.", no_args_is_help=True)
topics_app = typer.Typer(help="The topics as they should be, and as they are.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the operator's commands."""
    app.command()(story)
    app.command()(verify)
    app.add_typer(letter_commands.app, name="dead-letters")
    app.add_typer(log_commands.app, name="log")
    app.add_typer(events_app, name="events")
    app.add_typer(topics_app, name="topics")


def seen(data: Path, run: dict[str, Any]) -> dict[str, Any]:
    """How the platform of this run does: readiness, lag, holds, dead letters, calls; `well` says whether all of it is."""
    from embedded.operate import places
    from embedded.operate import status as sight

    found = asyncio.run(sight.look(places.recorded(data, run)))
    return {"well": sight.well(found), **found}


def show(found: dict[str, Any]) -> None:
    """The same as tables."""
    from embedded.operate import telling

    if "services" in found:
        telling.sight(found)


def seen_elsewhere(as_json: bool) -> int:
    """Show how the platform does that the environment names; the exit code."""
    from embedded.operate import status as sight

    place = asking.place(None)
    found = asyncio.run(sight.look(place))
    well = sight.well(found)
    if as_json:
        asking.answered({"name": place.name, "well": well, **found})
    else:
        show(found)
    return 0 if well else asking.FOUND


def story(
    booking_id: Annotated[str, typer.Argument(help="The booking's id.", show_default=False)],
    data: asking.DataOption = None,
    as_json: asking.JsonOption = False,
) -> None:
    """Tell what happened to a booking: each message and call, what caused it, who decided it, and when."""
    from embedded.operate import story as stories
    from embedded.operate import story_told

    booking_id = asking.booking(booking_id)
    told = asking.looked(stories.read(asking.place(data), booking_id), asking.FOUND)
    if as_json:
        asking.answered(told.told())
    else:
        story_told.told(told)


def verify(
    data: asking.DataOption = None,
    as_json: asking.JsonOption = False,
    since: Annotated[
        str | None,
        typer.Option(help="Of messages and events only what happened since: 30m, 24h, or 2027-01-11T09:00:00Z."),
    ] = None,
) -> None:
    """Check what has to be true of databases and log: slots, statuses, progress, outputs, events, money."""
    from embedded.operate import telling
    from embedded.operate import verify as checks

    begin = asking.moment(since)
    report = asking.looked(checks.verify(asking.place(data), begin))
    if as_json:
        asking.answered(report.told())
    else:
        telling.report(report)
    raise typer.Exit(asking.FOUND if report.found else 0)


@events_app.command()
def tail(
    kind: Annotated[str | None, typer.Option("--type", help="As in BookingCreated.")] = None,
    booking: Annotated[str | None, typer.Option(help="Those of one booking.")] = None,
    organisation: Annotated[str | None, typer.Option(help="Those of one organisation.")] = None,
    from_beginning: Annotated[
        bool,
        typer.Option(
            "--from-beginning",
            help="Begin with the oldest that Kafka has; by time, if there are no more than 20,000, else by partition.",
        ),
    ] = False,
    limit: Annotated[int | None, typer.Option(help="End after so many.", min=1)] = None,
    data: asking.DataOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object a line.")] = False,
) -> None:
    """Follow booking.events; Ctrl-C ends it."""
    from contracts import connecting
    from embedded import heard
    from embedded.operate import tail as tails

    if booking is not None:
        booking = asking.booking(booking)

    async def work() -> None:
        place, seen = asking.place(data), 0
        wanted = tails.Wanted(kind, booking, organisation)
        print(
            f"following booking.events at {connecting.address(place.kafka).servers}; Ctrl-C ends it",
            file=sys.stderr,
            flush=True,
        )
        async with contextlib.aclosing(tails.events(place, wanted, from_beginning=from_beginning)) as events:
            async for event in events:
                print(json.dumps(event, ensure_ascii=False) if as_json else tails.line(event), flush=True)
                seen += 1
                if seen == limit or heard.left():
                    return

    with contextlib.suppress(KeyboardInterrupt):
        asking.looked(work())


@topics_app.command()
def check(
    partitions: PartitionsOption = None, data: asking.DataOption = None, as_json: asking.JsonOption = False
) -> None:
    """Compare the broker's topics with the table in contracts/topics.py."""
    from embedded.operate import telling, topics_check

    found, _ = asking.looked(topics_check.check(asking.place(data), partitions))
    if as_json:
        asking.answered([each.told() for each in found])
    else:
        telling.findings(found)
    raise typer.Exit(asking.FOUND if found else 0)


@topics_app.command()
def apply(
    partitions: PartitionsOption = None, data: asking.DataOption = None, as_json: asking.JsonOption = False
) -> None:
    """Make the topics that are missing and put settings right; partitions are never changed."""
    from contracts.topics import TopicsNotMade
    from embedded.operate import telling, topics_check
    from embedded.problem import Problem

    async def work() -> tuple[list[topics_check.Finding], list[topics_check.Finding]]:
        place = asking.place(data)
        try:
            done = await topics_check.apply(place, partitions)
        except TopicsNotMade as error:
            raise Problem(f"Kafka refused: {error}") from error
        return done, (await topics_check.check(place, partitions))[0]

    done, left = asking.looked(work())
    if as_json:
        asking.answered({"done": [each.told() for each in done], "left": [each.told() for each in left]})
    else:
        telling.findings(done, done=True)
        if left:
            telling.findings(left)
    raise typer.Exit(asking.FOUND if left else 0)
