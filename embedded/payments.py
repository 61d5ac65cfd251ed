"""`holdfast payments`: what came, what went back, and what does not add up."""

import asyncio
import json
import os
import sys
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embedded.operate.asking import COULD_NOT_LOOK, DataOption, fail, place

if TYPE_CHECKING:
    import aiohttp

    from embedded.operate.places import Place

# As in `embedded.command`: what takes time to load is imported inside the functions.

app = typer.Typer(help="Money: what came and what went back.", no_args_is_help=True)

EVERYBODY = "*"
AT_ONCE = 8  # bookings asked about side by side
AGAIN_SECONDS = 1.0
SUMS = ("captured", "refunded", "disputed", "kept")
ODD = 4  # the exit code when something does not add up: a job that runs this each night says so
TOKEN = "HOLDFAST_INTERNAL_TOKEN"  # noqa: S105 - as the services' own settings call it

Line = dict[str, Any]


class Unreachable(Exception):
    """Nobody answers, or not to us; the argument says who."""


@app.command()
def ledger(
    begin: Annotated[str | None, typer.Option("--from", help="A day (UTC) or a time with its zone; it counts.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="A day, which counts, or a time, which does not.")] = None,
    organisation: Annotated[str, typer.Option(help="One organisation; all unless given.")] = EVERYBODY,
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: every booking, the totals, what is odd.")
    ] = False,
    data: DataOption = None,
    url: Annotated[
        str | None,
        typer.Option(help="Payment's read port, where neither names it; its token is in HOLDFAST_INTERNAL_TOKEN."),
    ] = None,
    booking_url: Annotated[
        str | None, typer.Option(help="Booking's read port, to compare with; the same token.")
    ] = None,
) -> None:
    """What was captured, refunded and kept, per booking and in total; exit code 4 if something does not add up."""
    try:
        since, until = _moment(begin), _moment(end, closing=True)
        if since and until and since >= until:
            raise ValueError(f"the period ends before it begins: from {begin} to {end}")
        where = Where.of(url, booking_url) if url is not None else Where.at(place(data), booking_url)
        lines = asyncio.run(where.ledger(organisation, since, until))
    except (Unreachable, ValueError) as error:
        fail(str(error), COULD_NOT_LOOK)
    if where.booking is None:
        print(
            "holdfast: nothing is compared with the bookings: HOLDFAST_GATEWAY_BOOKING_URL or --booking-url says where they are read",
            file=sys.stderr,
        )
    odd = [
        {"organisation": each["organisation"], "bookingId": each["bookingId"], "problem": problem}
        for each in lines
        for problem in each["problems"]
    ]
    if as_json:
        print(json.dumps({"bookings": lines, "totals": totals(lines), "problems": odd}, indent=2))
    else:
        _show(lines, odd)
    raise typer.Exit(ODD if odd else 0)


def totals(lines: list[Line]) -> list[Line]:
    """One for each currency."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(SUMS, 0))
    for line in lines:
        for name in SUMS:
            sums[line["currency"]][name] += line[name]
    return [{"currency": currency, **sums[currency]} for currency in sorted(sums)]


class Where:
    """Where payment and booking answer, and with which token."""

    def __init__(self, payment: str, booking: str | None, token: str) -> None:
        self.payment, self.booking, self.token = payment, booking, token

    @classmethod
    def of(cls, payment: str, booking: str | None) -> "Where":
        """At these addresses, with the token of the environment. Raises Unreachable."""
        token = os.environ.get(TOKEN)
        if not token:
            raise Unreachable(f"{TOKEN} is not set: it is the token that the services share")
        return cls(payment.rstrip("/"), booking and booking.rstrip("/"), token)

    @classmethod
    def at(cls, there: "Place", booking: str | None) -> "Where":
        """As the data folder of a running platform says, or the environment. Raises Unreachable."""
        payment, booking = there.reads.get("payment"), booking or there.reads.get("booking")
        if there.run is None:
            if payment is None:
                raise Unreachable(
                    f"{there.name}: where payment is read is not known: set HOLDFAST_GATEWAY_PAYMENT_URL, and {TOKEN}"
                )
            return cls.of(payment, booking)
        if payment is None:
            raise Unreachable(f"the platform in {there.name} has no payment that could be read")
        return cls(payment, booking, (Path(there.name) / "token").read_text())

    async def ledger(self, organisation: str, begin: datetime | None, end: datetime | None) -> list[Line]:
        """All bookings of the period, each compared with what booking says of it. Raises Unreachable."""
        import aiohttp

        period = {"from": begin, "to": end}
        asked = {name: moment.isoformat() for name, moment in period.items() if moment is not None}
        lines: list[Line] = []
        headers = {"Authorization": f"Bearer {self.token}"}
        async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=30)) as session:
            following: str | None = ""
            while following is not None:
                more = {"after": following} if following else {}
                page = await _asked(session, f"{self.payment}/ledger", organisation, {**asked, **more})
                if page is None:
                    raise Unreachable(f"{self.payment}/ledger is not there: is it payment's read port?")
                lines += page["data"]
                following = page["next"]
            if self.booking is not None:
                turns = asyncio.Semaphore(AT_ONCE)
                await asyncio.gather(*(self._compare(session, turns, line) for line in lines))
        return lines

    async def _compare(self, session: "aiohttp.ClientSession", turns: asyncio.Semaphore, line: Line) -> None:
        url = f"{self.booking}/bookings/{line['bookingId']}/money"
        async with turns:
            problem = compared(line, await _asked(session, url, line["organisation"], {}))
            if problem:  # payment hears of money first: what it has just told may be on its way
                await asyncio.sleep(AGAIN_SECONDS)
                problem = compared(line, await _asked(session, url, line["organisation"], {}))
        if problem:
            line["problems"].append(problem)


def compared(line: Line, booking: Line | None) -> str | None:
    """What booking says otherwise about money that is kept, or None."""
    kept = line["keptToday"]
    money = f"{kept} {line['currency']} are kept"
    if booking is None:
        return f"{money}, and there is no such booking" if kept else None
    status = booking["status"]
    if kept and status in ("PENDING", "RESERVED_15_MIN", "CONFIRMED"):
        return f"{money}, and the booking is {status}"
    if status == "PAID" and (kept, line["currency"]) != (booking["totalPrice"], booking["currency"]):
        return f"{money} of a booking that is PAID and costs {booking['totalPrice']} {booking['currency']}"
    if line["currency"] == booking["currency"] and not 0 <= booking["kept"] - kept <= booking["goingBack"]:
        return f"{money}, and the booking, which is {status}, says {booking['kept']}"
    return None


async def _asked(session: "aiohttp.ClientSession", url: str, organisation: str, parameters: dict[str, str]) -> Any:
    """The answer; None for what is not there. Raises Unreachable, and ValueError for a period that is none."""
    import aiohttp

    try:
        async with session.get(url, params=parameters, headers={"X-Organisation": organisation}) as answer:
            if answer.status == 404:
                return None
            if answer.status == 400:
                raise ValueError(await answer.text())
            if answer.status != 200:
                raise Unreachable(f"{url} answers {answer.status}")
            return await answer.json()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Unreachable(f"{url} does not answer: {error!r}") from None


def _moment(text: str | None, *, closing: bool = False) -> datetime | None:
    """A day in UTC, or a time with its zone; a day as the end includes it. Raises ValueError."""
    if text is None:
        return None
    try:
        if len(text) == len("2027-01-11"):
            day = date.fromisoformat(text) + timedelta(days=1 if closing else 0)
            return datetime(day.year, day.month, day.day, tzinfo=UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day and no time: write 2027-01-11 or 2027-01-11T09:00:00Z") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone: write 2027-01-11T09:00:00Z")
    return moment


def _show(lines: list[Line], odd: list[Line]) -> None:
    """Plain columns, as wide as what is in them: nothing is cut off, in no terminal and in no pipe."""
    rows = [["organisation", "booking", *SUMS, "currency"]]
    rows += [[line["organisation"], line["bookingId"], *_amounts(line)] for line in lines]
    for line in totals(lines):
        count = sum(each["currency"] == line["currency"] for each in lines)
        rows.append(["total", f"{count} booking{'s' if count > 1 else ''}", *_amounts(line)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    print("Minor units: 2500 is 25.00 EUR")
    for row in rows:
        cells = [
            cell.ljust(width) if at < 2 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    if not lines:
        print("Nothing happened to money in this time.")
    else:
        print(f"{len(odd)} thing{' does' if len(odd) == 1 else 's do'} not add up:" if odd else "Everything adds up.")
    for each in odd:
        print(f"  {each['organisation']} {each['bookingId']}: {each['problem']}")


def _amounts(line: Line) -> list[str]:
    return [*(str(line[name]) for name in SUMS), line["currency"]]
