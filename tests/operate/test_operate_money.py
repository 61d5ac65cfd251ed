"""`verify` adds up payment's accounts, where there are any."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from http_house import House

from chassis import migrations
from embedded.jars import PROJECT
from embedded.operate import places
from embedded.operate.verify import verify


@pytest.fixture
async def account(platform: Any) -> AsyncIterator[Any]:
    """Writes accounts into a database of payment's own making, and says what verify finds."""
    name = f"payment_{uuid.uuid4().hex}"
    url = await platform.create_database(name)
    await migrations.migrate(url, PROJECT / "services" / "payment" / "migrations")
    here = places.named(dict(platform.environment))
    place = replace(here, databases={**here.databases, "payment": url})

    async def found(booking: str, state: str) -> list[tuple[str, str]]:
        connection = await asyncpg.connect(url)
        try:
            sql = "INSERT INTO accounts (organisation_id, booking_id, revision, state) VALUES ('demo', $1, 1, $2)"
            await connection.execute(sql, booking, state)
        finally:
            await connection.close()
        return [(each.rule, each.what) for each in (await verify(place)).found if each.about == f"demo/{booking}"]

    yield found
    await platform.drop_database(name)


PAID = '"payments": [{"id": "pi_1", "amount": 2500, "currency": "EUR"}]'
REFUND = '{"id": "%s", "status": "%s", "payment": "pi_1", "amount": %d, "currency": "EUR", "of_booking": true}'


async def test_more_refunded_than_paid_is_found(account: Any, house: House) -> None:
    booking = await house.held()
    refunds = ", ".join(REFUND % (uuid.uuid4(), status, 1500) for status in ("done", "pending", "failed"))
    found = await account(booking["id"], f'{{{PAID}, "refunds": [{refunds}]}}')
    assert found == [("refunds-stay-below-payments", "3000 EUR of pi_1 go back, 2500 came")]


async def test_money_of_a_booking_that_was_never_confirmed_is_found(account: Any, house: House) -> None:
    booking = await house.held()
    found = await account(booking["id"], f"{{{PAID}}}")
    assert found == [("money-and-status-agree", "2500 are kept, and the booking is RESERVED_15_MIN")]


async def test_money_of_a_cancelled_booking_that_went_back_adds_up(account: Any, house: House) -> None:
    booking = await house.held()
    await house.change(booking["id"], "CANCEL")
    assert await account(booking["id"], f'{{{PAID}, "refunds": [{REFUND % (uuid.uuid4(), "done", 2500)}]}}') == []
