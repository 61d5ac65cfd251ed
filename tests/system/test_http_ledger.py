"""`holdfast payments ledger` on the whole platform: what is paid, cancelled, refunded and deleted adds up, and what somebody altered is found."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import asyncpg
import pytest
from http_house import call, opened
from test_http_paid import STEPS, Shop

from embedded.jars import PROJECT
from embedded.platform import Platform

ODD = 4


async def ledger(platform: Platform, *bookings: str) -> tuple[int | None, dict[str, dict[str, Any]]]:
    """The exit code, and the lines of these bookings."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "embedded.command", "payments", "ledger", "--json", "--data", str(platform.data)),
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    lines = {line["bookingId"]: line for line in json.loads(said)["bookings"]}
    return process.returncode, {id_: lines[id_] for id_ in bookings}


@pytest.fixture
async def shop(platform: Platform) -> AsyncIterator[Shop]:
    """A house that keeps 13.50 of the 25.00 of who cancels late."""
    async with aiohttp.ClientSession() as browser, opened(platform.url, cancellationPolicy=STEPS) as house:
        yield Shop(house, browser)


async def paid(shop: Shop) -> str:
    booking, told = await shop.pages()
    await shop.at(told.json["paymentUrl"])
    await shop.becomes(booking, status="PAID")
    return booking


async def refunded(shop: Shop) -> str:
    booking = await paid(shop)
    await shop.house.patch(booking, {"status": "CANCEL"})
    await shop.becomes(booking, status="REFUNDED")
    return booking


async def test_what_is_paid_cancelled_refunded_and_deleted_adds_up(platform: Platform, shop: Shop) -> None:
    kept, back, gone = await paid(shop), await refunded(shop), await refunded(shop)
    assert (await call(shop.house.session, "DELETE", f"/v1/bookings/{gone}")).status == 204
    _, lines = await ledger(platform, kept, back, gone)
    sums = {id_: (line["captured"], line["refunded"], line["kept"]) for id_, line in lines.items()}
    assert sums == {kept: (2500, 0, 2500), back: (2500, 1150, 1350), gone: (2500, 1150, 1350)}
    assert [line["problems"] for line in lines.values()] == [[], [], []]


@contextlib.asynccontextmanager
async def altered(platform: Platform, service: str, sql: str, undo: str, booking: str) -> AsyncIterator[None]:
    """Somebody has been at the database; afterwards it is as it was."""
    connection = await asyncpg.connect(platform.dsn(service))
    try:
        assert await connection.execute(sql, booking) != "UPDATE 0"
        yield
        await connection.execute(undo, booking)
    finally:
        await connection.close()


STATUS = (
    "UPDATE bookings SET state = jsonb_set(state::jsonb, '{{booking,status}}', '\"{0}\"')::text WHERE id = $1::uuid"
)
AMOUNT = "UPDATE entries SET amount = amount {0} WHERE booking_id = $1::uuid AND kind = '{1}'"
PLANTED = {
    "a booking that forgot that it is paid": ("booking", STATUS, "CONFIRMED", "PAID", paid, ", and the booking is CONFIRMED"),
    "a capture that somebody has made smaller": ("payment", AMOUNT, "- 100", "+ 100", paid, "2400 EUR are kept of a booking that is PAID"),
    "a refund that somebody has made larger": ("payment", AMOUNT, "+ 1", "- 1", refunded, "1349 EUR are kept, and the booking, which is REFUNDED, says 1350"),
}  # fmt: skip


@pytest.mark.parametrize("what", PLANTED)
async def test_what_was_altered_is_found(platform: Platform, shop: Shop, what: str) -> None:
    service, sql, change, undo, made, problem = PLANTED[what]
    booking, kind = await made(shop), "captured" if made is paid else "refunded"
    async with altered(platform, service, sql.format(change, kind), sql.format(undo, kind), booking):
        code, lines = await ledger(platform, booking)
    assert code == ODD
    assert problem in " ".join(lines[booking]["problems"])
    assert (await ledger(platform, booking))[1][booking]["problems"] == []
