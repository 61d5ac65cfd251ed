"""Customers who pay while their booking is cancelled, expires, or gets another page; and what must be true of all money afterwards."""

import asyncio
import contextlib
import random
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import asyncpg
import orjson
from flows import Load, Street

from contracts.booking import BookingAnswer, CancelBooking, ConfirmBooking, CreateBooking
from contracts.catalogue import ProductFields
from contracts.client import booking_id
from contracts.examples import DETAILS
from contracts.model import Slot
from contracts.terms import CancellationStep, LatePayment
from embedded.platform import Platform

PRICE = 2500
GOOD, DECLINED = "4242424242424242", "4000000000000002"
SPREAD = 0.15  # seconds over which those who race begin

# What a cancel of a paid booking keeps: nothing, half of it, all of it, a flat fee.
POLICIES: list[tuple[tuple[CancellationStep, ...], int]] = [
    ((), 0),
    ((CancellationStep(hours_before=0, refund_percent=50),), PRICE // 2),
    ((CancellationStep(hours_before=8000),), PRICE),
    ((CancellationStep(hours_before=0, fee=300),), 300),
]
LATE: tuple[LatePayment, ...] = ("refund", "reacquire")
# What the provider does with its next events, and with our next calls.
EVENT_FAULTS: list[dict[str, Any]] = [
    {"fault": "webhooks_never", "times": 4},
    {"fault": "webhooks_reversed", "times": 5, "seconds": 2},
    {"fault": "webhooks_delayed", "times": 5, "seconds": 1.5},
    {"fault": "webhooks_duplicated", "times": 20, "copies": 3},
]
CALL_FAULTS: list[dict[str, Any]] = [
    {"fault": fault, "operation": operation, **more}
    for operation in ("checkout.sessions.create", "checkout.sessions.expire", "refunds.create")
    for fault, more in (
        ("conflict", {}),
        ("rate_limited", {}),
        ("lost", {}),
        ("timeout_after_effect", {"seconds": 0.1}),
        ("stored_500", {"effect": True}),
        ("stored_500", {"effect": False}),
    )
]


@dataclass
class Bought:
    """A booking that is raced for."""

    id: str
    fee: int
    space: str
    slot: Slot


@dataclass
class Races:
    """A house, its customers' browser, and the provider that they pay at."""

    platform: Platform
    load: Load
    browser: aiohttp.ClientSession
    luck: random.Random
    products: list[tuple[str, int]] = field(default_factory=list)  # with the fee of each
    bought: list[Bought] = field(default_factory=list)

    @property
    def street(self) -> Street:
        return self.load.street

    async def opened(self) -> "Races":
        """With a product for each policy, late money going back or taking the slot again."""
        client = self.street.clients[0]
        client.answered_within, usual = 30.0, client.answered_within
        for steps, fee in POLICIES:
            for late in LATE:
                product = str(uuid.uuid4())
                about = {"name": "Hour", "reference": product, "price": PRICE, "currency": "EUR"}
                sold = {
                    **about,
                    "spaces": tuple(self.street.spaces),
                    "late_payment": late,
                    "cancellation_policy": steps,
                }
                duration = {"duration": {"value": 1, "type": "hourly"}}
                await client.put_product(product, ProductFields(**sold, metadata=duration), create=True)
                self.products.append((product, fee))
        client.answered_within = usual
        return self

    async def books(self, where: tuple[str, Slot], counts: bool = True) -> Bought | None:
        product, fee = self.luck.choice(self.products)
        key = str(uuid.uuid4())
        id_ = booking_id(self.street.clients[0].command_id(key))
        command = CreateBooking(booking_id=id_, product_id=product, space_id=where[0], slot=where[1])
        if not isinstance(await self.load.ask(command, key), BookingAnswer):
            return None
        mine = Bought(id_, fee, *where)
        if counts:
            self.bought.append(mine)
        return mine

    async def page(self, mine: Bought, back_to: str = "https://shop.example/paid") -> str | None:
        """Confirm with payment; the page, as soon as there is one."""
        pay = {"payment_enabled": True, "success_url": back_to, "cancel_url": "https://shop.example/left"}
        answer = await self.load.ask(ConfirmBooking(booking_id=mine.id, **DETAILS, **pay), str(uuid.uuid4()))
        if isinstance(answer, BookingAnswer) and answer.booking.payment_url:
            return answer.booking.payment_url
        return None

    async def at(self, page: str | None, card: str = GOOD, action: str = "pay") -> None:
        """What the form of the page does; a customer whose connection ends tries again."""
        while page is not None:
            with contextlib.suppress(aiohttp.ClientError):
                form = {"card": card, "action": action}
                async with self.browser.post(page, data=form, allow_redirects=False):
                    return
            await asyncio.sleep(0.1)

    async def expires(self, page: str | None) -> None:
        """The provider closes the page."""
        if page is not None:
            id_ = page.rpartition("/")[2]
            await self._provider("POST", f"/v1/checkout/sessions/{id_}/expire")

    async def cancels(self, mine: Bought) -> None:
        await self.load.ask(CancelBooking(booking_id=mine.id), str(uuid.uuid4()))

    async def soon(self, doing: Awaitable[object]) -> None:
        """At some moment of the race."""
        await moment(self.luck.uniform(0, SPREAD))
        await doing

    async def switch(self, fault: dict[str, Any]) -> None:
        await self._provider("POST", "/_sandbox/faults", json=fault)

    async def calm(self) -> None:
        await self._provider("DELETE", "/_sandbox/faults")

    async def ledger(self) -> dict[str, Any]:
        """All that the provider knows."""
        found: dict[str, Any] = await self._provider("GET", "/_sandbox/ledger")
        return found

    async def _provider(self, method: str, path: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.platform.environment['HOLDFAST_PAYMENT_PROVIDER_KEY']}"}
        url = f"{self.platform.money.sandbox}{path}"
        with contextlib.suppress(aiohttp.ClientError):
            async with self.browser.request(method, url, headers=headers, **more) as answer:
                return orjson.loads(await answer.read() or b"null")


async def moment(later: float) -> None:
    """Return when so many seconds are over: what races is told when to begin."""
    ends = time.monotonic() + later
    while time.monotonic() < ends:
        await asyncio.sleep(0.01)


Race = Callable[[Races, Bought, str | None], Awaitable[None]]


async def pays_and_cancels(races: Races, mine: Bought, page: str | None) -> None:
    await asyncio.gather(races.soon(races.at(page)), races.soon(races.cancels(mine)))


async def pays_and_cancels_and_somebody_follows(races: Races, mine: Bought, page: str | None) -> None:
    async def follows() -> None:
        await races.books((mine.space, mine.slot), counts=False)

    await asyncio.gather(races.soon(races.at(page)), races.soon(races.cancels(mine)), races.soon(follows()))


async def is_declined_and_pays_at_another_page(races: Races, mine: Bought, page: str | None) -> None:
    await races.at(page, DECLINED)
    second = await races.page(mine, "https://shop.example/again")
    await asyncio.gather(*(races.soon(races.at(each)) for each in (page, second)), races.soon(races.cancels(mine)))


async def pays_slowly_and_cancels(races: Races, mine: Bought, page: str | None) -> None:
    card = races.luck.choice([GOOD, DECLINED])
    await asyncio.gather(races.soon(races.at(page, card, "pay_slowly")), races.soon(races.cancels(mine)))


async def pays_while_the_page_ends(races: Races, mine: Bought, page: str | None) -> None:
    await asyncio.gather(races.soon(races.at(page)), races.soon(races.expires(page)))


async def pays_here_and_there(races: Races, mine: Bought, page: str | None) -> None:
    async def elsewhere() -> None:
        await races.at(await races.page(mine, "https://shop.example/another"))

    await asyncio.gather(races.soon(races.at(page)), races.soon(elsewhere()))


async def pays_and_is_cancelled_later(races: Races, mine: Bought, page: str | None) -> None:
    await races.at(page)
    await moment(races.luck.uniform(0, 3))
    if races.luck.random() < 0.6:
        await races.cancels(mine)


RACES: tuple[Race, ...] = (
    pays_and_cancels, pays_and_cancels_and_somebody_follows, is_declined_and_pays_at_another_page, pays_and_cancels,
    pays_slowly_and_cancels, pays_while_the_page_ends, pays_here_and_there, pays_and_is_cancelled_later,
)  # fmt: skip


@contextlib.asynccontextmanager
async def bad_weather(races: Races) -> AsyncIterator[Counter[str]]:
    """The provider's events are doubled, turned round, late and lost, and its answers fail, again and again; how often each."""
    struck: Counter[str] = Counter()

    async def blow() -> None:
        while True:
            fault = races.luck.choice(EVENT_FAULTS if races.luck.random() < 0.7 else CALL_FAULTS)
            await races.switch(fault)
            struck[fault["fault"]] += 1
            await asyncio.sleep(0.25)

    blowing = asyncio.create_task(blow())
    try:
        yield struck
    finally:
        blowing.cancel()
        await asyncio.gather(blowing, return_exceptions=True)
        await races.calm()


@dataclass
class Settled:
    """What booking says of the bookings, and the provider of their money."""

    statuses: dict[str, str]
    paid_before: set[str]  # cancelled when they were paid
    theirs: dict[str, Any]


async def settled(races: Races, happened: list[dict[str, Any]]) -> Settled:
    """As it is now; `happened` are all of booking's events."""
    connection = await asyncpg.connect(races.platform.dsn("booking"))
    try:
        rows = await connection.fetch("SELECT id::text, status FROM bookings")
    finally:
        await connection.close()
    paid_before = {
        each["booking"]["id"]
        for each in happened
        if each["previousStatus"] == "PAID" and each["booking"]["status"] == "CANCEL"
    }
    return Settled({row["id"]: row["status"] for row in rows}, paid_before, await races.ledger())


def findings(races: Races, now: Settled) -> Iterator[str]:
    """What does not fit: each booking's captured - refunded is what the table says, and each cause has one effect at most."""
    theirs, sessions, charged, back = now.theirs, defaultdict(list), defaultdict(list), defaultdict(list)
    for session in theirs["checkout_sessions"]:
        sessions[session["metadata"]["booking_id"]].append(session)
    of = {intent["id"]: intent["metadata"]["booking_id"] for intent in theirs["payment_intents"]}
    for charge in theirs["charges"]:
        if charge["status"] == "succeeded":
            charged[of[charge["payment_intent"]]].append(charge)
    for refund in theirs["refunds"]:
        back[of[refund["payment_intent"]]].append(refund)
    for mine in races.bought:
        status = now.statuses[mine.id]
        kept = sum(each["amount_captured"] for each in charged[mine.id]) - sum(each["amount"] for each in back[mine.id])
        fee = mine.fee if mine.id in now.paid_before else 0
        owed = PRICE if status == "PAID" else fee
        if kept != owed:
            yield f"{mine.id} is {status}: {kept} are kept, {owed} should be"
        if status == "REFUNDED" and not back[mine.id]:
            yield f"{mine.id} is REFUNDED, and nothing went back"
        twice = {
            "sessions of a checkout": [each["metadata"]["checkout_id"] for each in sessions[mine.id]],
            "charges of a session": [each["payment_intent"] for each in charged[mine.id]],
            "refunds of a cause": [each["metadata"].get("refund_id") for each in back[mine.id]],
        }
        yield from (f"{mine.id} has two {what}" for what, ids in twice.items() if len(set(ids)) < len(ids))
        if None in twice["refunds of a cause"]:
            yield f"{mine.id} has a refund that nobody asked for"
        still_open = sum(each["status"] == "open" for each in sessions[mine.id])
        if still_open > (status == "CONFIRMED"):
            yield f"{mine.id} is {status}, and {still_open} of its pages are open"
