"""Harbour House, the fictional house of all examples, loaded over HTTP.

    python -m examples.harbour_house [--gateway http://127.0.0.1:8000]

loads it into the platform of `make up` and prints its ids as shell variables. The keys make that repeatable.
"""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from contracts import examples
from contracts.model import Value
from examples import addresses, tokens
from examples.telling import Teller, Unexpected
from examples.visitor import Visitor


class House(NamedTuple):
    """The ids that the platform gave."""

    venue: str
    space: str
    product: str


async def load(visitor: Visitor) -> House:
    """The house, its room and what is sold there. Raises Unexpected."""
    venue = await visitor.call(
        "POST",
        "/v1/venues",
        201,
        key="harbour-house",
        body=_said(examples.VENUE_FIELDS),
        fields=("id", "name", "version"),
    )
    room = {**_said(examples.SPACE_FIELDS), "venueId": venue.json["id"]}
    space = await visitor.call(
        "POST", "/v1/spaces", 201, key="lighthouse", body=room, fields=("id", "name", "units", "version")
    )
    hour = {**_said(examples.PRODUCT_FIELDS), "spaces": [space.json["id"]]}
    del hour["holdMinutes"]  # the platform's own length holds, which the demo makes short
    product = await visitor.call(
        "POST", "/v1/products", 201, key="room-1h", body=hour, fields=("id", "name", "price", "currency", "version")
    )
    return House(venue.json["id"], space.json["id"], product.json["id"])


def _said(value: Value) -> dict[str, Any]:
    """As a client says it: what goes without saying is left out."""
    said = value.model_dump(mode="json", by_alias=True, exclude_none=True)
    idle = {"bufferBefore": "PT0S", "bufferAfter": "PT0S", "leadTime": "PT0S", "metadata": {}, "description": ""}
    return {name: each for name, each in said.items() if name not in idle or each != idle[name]}


async def _main(gateway: str) -> None:
    timeout = aiohttp.ClientTimeout(total=30)
    signed_in = await tokens.authorization(gateway)
    async with aiohttp.ClientSession(gateway, headers=signed_in, timeout=timeout) as session:
        house = await load(Visitor(session, Teller(sys.stderr)))
    for name, value in zip(("HOLDFAST", "VENUE", "SPACE", "PRODUCT"), (gateway, *house), strict=True):
        print(f"{name}={value}")


def _where(gateway: str | None, data: Path | None) -> str:
    """The platform's address: what was said here counts before what the shell remembers."""
    if gateway:
        return gateway
    told = os.environ.get("HOLDFAST") if data is None else None
    return told or addresses.of("gateway", data or addresses.DATA)


def main() -> None:
    parser = argparse.ArgumentParser(description="Load Harbour House over HTTP and print its ids as shell variables.")
    parser.add_argument("--gateway", help="http://host:port; else what the folder of --data says, else $HOLDFAST")
    parser.add_argument("--data", type=Path, help=f"the data folder of `make up`, by default {addresses.DATA}")
    given = parser.parse_args()
    try:
        asyncio.run(_main(_where(given.gateway, given.data)))
    except (Unexpected, aiohttp.ClientError, TimeoutError) as error:
        sys.exit(f"Harbour House is not loaded: {error}")


if __name__ == "__main__":
    main()
