"""Something is made wrong in a platform that runs, for a while, and what `holdfast verify` says of it."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
from http_house import ADA, House
from terminal import typed

BEFORE: set[tuple[str, str, str]] = set()  # what tests of other folders left on the platform that all share


@contextlib.asynccontextmanager
async def database(platform: Any, service: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(platform.dsn(service))
    try:
        yield connection
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def broken(platform: Any, service: str, breaks: str, mends: str, *arguments: Any) -> AsyncIterator[None]:
    """Something is wrong in this service's database, for a while."""
    async with database(platform, service) as connection:
        await connection.execute(breaks, *arguments)
        try:
            yield
        finally:
            await connection.execute(mends, *arguments)


async def found(platform: Any, *words: str) -> list[tuple[str, str, str]]:
    """What verify finds: rule, what it is about, what is wrong."""
    answer = await typed("verify", "--json", "--data", str(platform.data), *words)
    assert answer.code == (1 if answer.json["findings"] else 0), answer.complained
    assert all(each["means"] and each["remedy"] for each in answer.json["findings"])
    all_of_it = [(each["rule"], each["about"], each["what"]) for each in answer.json["findings"]]
    return [each for each in all_of_it if each not in BEFORE]


async def confirmed(house: House) -> str:
    """A booking that is confirmed."""
    booking = await house.held()
    told = await house.patch(booking["id"], {"status": "CONFIRMED", **ADA})
    assert told.status == 200, told.raw
    return str(booking["id"])
