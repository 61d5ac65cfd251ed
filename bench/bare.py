"""`python -m bench.bare URL COUNT SIDE_BY_SIDE SECRET`: what aiohttp alone posts of signed bodies read on stdin. Prints the rate."""

import asyncio
import itertools
import sys
import time

import aiohttp
import uvloop

from services.notifier import signing


async def _post(url: str, count: int, side_by_side: int, secret: bytes, bodies: list[bytes]) -> float:
    numbers = iter(range(count))
    source = itertools.cycle(bodies)

    async def one(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            body = next(source)
            headers = signing.signed(body, f"bare-{number}", int(time.time()), [secret])
            headers["Content-Type"] = "application/json"
            async with session.post(url, data=body, headers=headers) as answer:
                await answer.read()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        began = time.perf_counter()
        await asyncio.gather(*(one(session) for _ in range(side_by_side)))
        return count / (time.perf_counter() - began)


def main() -> None:
    url, count, side_by_side, secret = sys.argv[1:]
    bodies = sys.stdin.buffer.read().splitlines()
    print(uvloop.run(_post(url, int(count), int(side_by_side), signing.parsed(secret), bodies)))


if __name__ == "__main__":
    main()
