"""`holdfast dead-letters`: see, replay and set aside what could not be handled."""

from typing import Annotated, Any

import typer

from embedded.operate import asking

app = typer.Typer(help="Records that could not be handled: see, replay, set aside.", no_args_is_help=True)


@app.command("list")
def list_letters(
    service: Annotated[str | None, typer.Option(help="Those of one service.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also those that were replayed or dropped.")] = False,
    data: asking.DataOption = None,
    as_json: asking.JsonOption = False,
) -> None:
    """List what could not be handled and waits for somebody to decide."""
    from embedded.operate import letters, telling

    found = asking.looked(letters.gathered(asking.place(data), service))
    shown = [letter for letter in found if every or letter.handled is None]
    if as_json:
        asking.answered([letter.told() for letter in shown])
    else:
        telling.letters(shown)


@app.command("show")
def show_letter(
    letter: Annotated[str, typer.Argument(help="Its id, or the beginning of it.", show_default=False)],
    data: asking.DataOption = None,
    as_json: asking.JsonOption = False,
) -> None:
    """Show a letter with its headers and body; it may hold personal data."""
    from embedded.operate import letters, telling

    async def work() -> dict[str, Any]:
        place = asking.place(data)
        found = letters.chosen(await letters.gathered(place), letter)
        return letters.whole(found, await letters.opened(place, found))

    shown = asking.looked(work(), asking.FOUND)
    if as_json:
        asking.answered(shown)
    else:
        telling.letter(shown)


@app.command("replay")
def replay_letters(
    letter: Annotated[list[str], typer.Argument(help="Ids, or their beginnings.", show_default=False)],
    again: Annotated[bool, typer.Option("--again", help="Even if it was handled, or is sure to die again.")] = False,
    data: asking.DataOption = None,
    as_json: asking.JsonOption = False,
) -> None:
    """Publish records once more, as they came, to the topics they came from."""
    from embedded.operate import letters

    async def work() -> list[dict[str, str]]:
        place, done = asking.place(data), []
        found = await letters.gathered(place)
        for each in [letters.chosen(found, asked) for asked in letter]:
            done.append({"id": each.id, "replayed": await letters.replay(place, each, force=again)})
            if not as_json:
                print(f"{each.id} is replayed as {done[-1]['replayed']}", flush=True)
        return done

    done = asking.looked(work(), asking.FOUND)
    if as_json:
        asking.answered(done)


@app.command("drop")
def drop_letters(
    letter: Annotated[list[str], typer.Argument(help="Ids, or their beginnings.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do it.")] = False,
    why: Annotated[str, typer.Option(help="For those who read the notes later.")] = "",
    data: asking.DataOption = None,
) -> None:
    """Set letters aside: a note says that nothing is to be done. The records stay in Kafka until their time is over."""
    from embedded.operate import letters, telling

    async def work() -> None:
        place = asking.place(data)
        found = await letters.gathered(place)
        mine = [letters.chosen(found, asked) for asked in letter]
        if not yes:
            names = ", ".join(
                f"{each.id} ({each.type or 'unreadable'}: {telling.cut(each.reason, 80)})" for each in mine
            )
            asking.fail(
                f"this would set aside {names}. Kafka keeps the record until its topic's time is over; it is listed with "
                "--all only. Say --yes to do it.",
                asking.COULD_NOT_LOOK,
            )
        for each in mine:
            await letters.drop(place, each, why)
            print(f"{each.id} is set aside; its record stays in {each.place[0]} until its time is over")

    asking.looked(work(), asking.FOUND)
