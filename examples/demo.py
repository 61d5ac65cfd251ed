"""`make demo`: a booking's life, each exchange shown and each answer checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import aiohttp

from contracts import examples
from contracts.model import Slot
from examples import another_service, harbour_house, paying, tokens
from examples.harbour_house import House
from examples.telling import Teller, Unexpected
from examples.visitor import Visitor

SECONDS = 30.0  # one exchange may take
NOTICE_SECONDS = 10.0  # a slot is free at its moment; its booking hears of it some milliseconds later
NEXT = (
    ("make up", "the platform in the foreground, its data stays"),
    (".venv/bin/python -m examples.harbour_house", "the same house in it"),
    (".venv/bin/python -m examples.watch_events", "its events as they happen"),
    (".venv/bin/python -m examples.another_service", "bookings over Kafka"),
    (".venv/bin/holdfast listen", "its webhooks as they come"),
    ("make test", "the proof"),
)


class Addresses(Protocol):
    """Where a platform is."""

    url: str
    kafka: str


@dataclass
class Elsewhere:
    """A platform that somebody else runs."""

    url: str
    kafka: str


async def main(platform: Addresses, teller: Teller | None = None) -> int:
    """Show the tour on a platform that is new and holds slots for some seconds; 0, or 1 if something was not as told."""
    teller = teller or Teller()
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    try:
        signed_in = await tokens.authorization(platform.url)
        async with aiohttp.ClientSession(platform.url, headers=signed_in, timeout=timeout) as session:
            await _tour(Visitor(session, teller), teller, platform)
    except (Unexpected, aiohttp.ClientError, TimeoutError, *another_service.FAILURES) as error:
        teller.fails(f"The demo stops here. {another_service.told(error)}")
        return 1
    teller.chapter("What next?")
    teller.code(*(f"{command:46} # {words}" for command, words in NEXT))
    teller.done("docs/tutorial-http.md goes the same way with curl, docs/README.md says where to read on.")
    return 0


async def _tour(visitor: Visitor, teller: Teller, platform: Addresses) -> None:
    teller.chapter(
        "A house, a room, an hour of it",
        f"All requests carry the token of the client `{tokens.CLIENT}` (POST /oauth/token). Opening hours are on the clock of "
        "Marseille, all other times are UTC.",
    )
    house = await harbour_house.load(visitor)
    day = next_workday(datetime.now(UTC))

    teller.chapter(f"What is free on {day:%A, %d %B}?")
    free = await _slots(visitor, house, day)
    if not free:
        raise Unexpected("No slot is free, on a day on which the house is open and nobody has booked.")
    slot = free[0]

    body = {"productId": house.product, "spaceId": house.space, "slot": slot}
    teller.chapter("A customer holds the first hour", "It is theirs until expiresAt, and nobody else's meanwhile.")
    held = await visitor.call("POST", "/v1/bookings", 201, key="order-17", body=body)
    booking = held.json
    _expect(booking, "RESERVED_15_MIN")

    teller.chapter("The hour is not on sale any more")
    left = await _slots(visitor, house, day)
    if left != free[1:]:
        raise Unexpected("The list is not what it was without the held hour.")
    teller.done(f"{len(free)} slots before, {len(left)} now: {slot['from']} is gone.")

    teller.chapter("A second customer wants the same hour", "They are refused, and told why and for how long.")
    refused = await visitor.call("POST", "/v1/bookings", 409, key="order-18", body=body)
    why = [(detail["field"], detail["issue"]) for detail in refused.json["details"]]
    if (refused.json["code"], why) != ("SLOT_UNAVAILABLE", [("slot", "held")]):
        raise Unexpected(f"The refusal says {refused.json['code']} {why}.")

    teller.chapter(
        "The first customer's phone lost the answer and asks again",
        "The Idempotency-Key says that it is the same request: it gets the same answer and books nothing.",
    )
    again = await visitor.call(
        "POST", "/v1/bookings", 201, key="order-17", body=body, fields=("id", "status", "version")
    )
    if again.raw != held.raw or again.headers.get("Idempotency-Replayed") != "true":
        raise Unexpected("The repeat was not answered with the first answer.")
    teller.done("The same answer byte by byte, and the header says that it is a repeat.")

    await _let_go(visitor, teller, house, day, free, booking)
    later = same_hour(slot, next_workday(day))  # early enough to get everything back
    await paying.tour(visitor, teller, house, later, calls_here=not isinstance(platform, Elsewhere))

    teller.chapter(
        "The same over Kafka",
        "Another service needs no HTTP: it publishes a command with the typed client and awaits its answer. "
        "It takes the hour that nobody confirmed (examples/another_service.py).",
    )
    await another_service.book(teller, platform.kafka, house.product, house.space, [Slot.model_validate(slot)])


async def _let_go(
    visitor: Visitor, teller: Teller, house: House, day: datetime, free: Sequence[Any], booking: dict[str, Any]
) -> None:
    """Nobody confirms: the hold ends at its moment, and by itself."""
    began, ends = (datetime.fromisoformat(booking[name]) for name in ("createdAt", "expiresAt"))
    seconds = round((ends - began).total_seconds())
    teller.chapter("Nobody confirms", f"This platform holds a slot for {seconds} s, `make up` for 15 minutes.")
    await teller.countdown(ends, f"{booking['slot']['from']} is back on sale in")
    if await _slots(visitor, house, day) != free:
        raise Unexpected("The hold is over, but the hour is not back on sale.")
    path = f"/v1/bookings/{booking['id']}"
    await visitor.until(path, lambda shown: shown["status"] != "RESERVED_15_MIN", NOTICE_SECONDS)
    lapsed = await visitor.call("GET", path, 200, fields=("id", "status", "version", "cancelReason", "updatedAt"))
    if (lapsed.json["status"], lapsed.json["cancelReason"]) != ("CANCEL", "hold_expired"):
        raise Unexpected(f"The booking is {lapsed.json['status']} after its time.")
    teller.done("The hour is on sale again and the booking says why it ended. Nobody had to ask for it.")


async def _slots(visitor: Visitor, house: House, day: datetime) -> list[dict[str, str]]:
    query = {"productId": house.product, "spaceId": house.space, "from": f"{day:%Y-%m-%d}", "to": f"{day:%Y-%m-%d}"}
    told = await visitor.call("GET", "/v1/bookings/slots", 200, query=query)
    return [{"from": slot["from"], "to": slot["to"]} for slot in told.json]


def _expect(booking: dict[str, Any], status: str) -> None:
    if booking["status"] != status or not booking["expiresAt"]:
        raise Unexpected(f"The booking is {booking['status']}, expected was {status}.")


def same_hour(slot: dict[str, str], day: datetime) -> dict[str, str]:
    """The slot as the clock on the wall shows it on another day."""
    zone = ZoneInfo(examples.HARBOUR_HOUSE.timezone)
    walls = {name: datetime.fromisoformat(moment).astimezone(zone) for name, moment in slot.items()}
    return {
        name: datetime.combine(day, wall.time(), zone).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        for name, wall in walls.items()
    }


def next_workday(now: datetime) -> datetime:
    """The first day from tomorrow on which Harbour House is open nine hours."""
    day = now.astimezone(ZoneInfo(examples.HARBOUR_HOUSE.timezone)) + timedelta(days=1)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return day
