"""`holdfast log`: what to do when Kafka came back with less than it had."""

from typing import Annotated

import typer

from embedded.operate import asking

app = typer.Typer(
    help="Repair after Kafka has lost records: marks, and outputs that are missing.", no_args_is_help=True
)
YesOption = Annotated[bool, typer.Option("--yes", help="Do it; without, only say what would be done.")]


@app.command("check")
def check(data: asking.DataOption = None, as_json: asking.JsonOption = False) -> None:
    """Say where a service cannot go on, because the log does not have what comes next."""
    from embedded.operate import marks, telling

    found = asking.looked(marks.lost(asking.place(data)))
    if as_json:
        asking.answered([mark.told() for mark in found])
    else:
        telling.marks(found)
    raise typer.Exit(asking.FOUND if found else 0)


@app.command("realign")
def realign(yes: YesOption = False, data: asking.DataOption = None, as_json: asking.JsonOption = False) -> None:
    """Set the marks that do not fit the log to where the log is; the services must be stopped."""
    from embedded.operate import marks, telling

    async def work() -> list[marks.Mark]:
        place = asking.place(data)
        found = await marks.lost(place)
        for mark in found if yes else ():
            await marks.put(place, mark, mark.right)
        return found

    found = asking.looked(work(), asking.FOUND)
    if as_json:
        asking.answered({"done": yes, "marks": [mark.told() for mark in found]})
    else:
        telling.marks(found, done=yes)
    raise typer.Exit(asking.COULD_NOT_LOOK if found and not yes else 0)


@app.command("set-mark")
def set_mark(
    service: Annotated[str, typer.Argument(help="Whose mark: booking, availability, payment, notifier.")],
    topic: Annotated[str, typer.Argument(help="As in booking.commands.")],
    partition: Annotated[int, typer.Argument(min=0)],
    offset: Annotated[int, typer.Argument(help="The next record that it is to read.", min=0)],
    yes: YesOption = False,
    data: asking.DataOption = None,
) -> None:
    """Set one mark; what lies behind it is read again, what lies before it is passed over. The service must be stopped."""
    from embedded.operate import marks
    from embedded.problem import NoLook, Problem

    async def work() -> str:
        place = asking.place(data)
        mine = (service, topic, partition)
        every = await marks.seen(place)
        mark = next((each for each in every if (each.service, each.topic, each.partition) == mine), None)
        if mark is None:
            raise Problem(f"{service} has no mark in {topic}/{partition}")
        if not mark.first <= offset <= mark.last:
            raise Problem(f"{topic}/{partition} has {mark.first} to {mark.last}: {offset} is not in it")
        if mark.why is None and mark.published < mark.processed:
            raise Problem(
                f"{mark.processed - mark.published} decisions of {service} in {topic}/{partition} may not be in Kafka yet: "
                "start it once, it sends them and moves on"
            )
        again, over = max(0, mark.processed - offset), max(0, offset - mark.processed)
        said = f"{again} records are read again" if again else f"{over} records are passed over and never decided"
        if not yes:
            raise NoLook(f"{said}: say --yes to do it")
        await marks.put(place, mark, offset)
        return f"{service} goes on at {topic}/{partition}/{offset}; it was at {mark.processed}; {said}"

    print(asking.looked(work(), asking.FOUND))


@app.command("republish")
def republish(
    since: Annotated[str, typer.Option(help="Of what was decided since: 30m, 24h, or 2027-01-11T09:00:00Z.")],
    service: Annotated[str | None, typer.Option(help="What one service has decided.")] = None,
    topic: Annotated[str | None, typer.Option(help="Outputs of one topic.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also what Kafka still has.")] = False,
    dry: Annotated[bool, typer.Option("--dry-run", help="Only say what is missing.")] = False,
    data: asking.DataOption = None,
    as_json: asking.JsonOption = False,
) -> None:
    """Send stored outputs that Kafka no longer has once more, in the order of the decisions; readers know repeats."""
    from embedded.operate import republish as again
    from embedded.operate import telling

    begin = asking.moment(since)
    assert begin
    work = again.republish(asking.place(data), begin, service=service, topic=topic, every=every, dry=dry)
    done = asking.looked(work, asking.FOUND)
    if as_json:
        asking.answered(done.told())
    else:
        telling.republished(done)
    raise typer.Exit(asking.FOUND if done.left or (dry and done.missing.total()) else 0)
