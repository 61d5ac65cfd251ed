"""A million holds that wait to run out: what it costs the relay's memory, which is to be flat."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer

from bench import commands, processes, release
from bench.setting import Bench
from bench.tables import Row, Table
from contracts import topics
from contracts.availability import ExpireHold
from contracts.envelope import Headers, stamp, write

AN_HOUR = timedelta(hours=1)
SETTLED = 5.0  # seconds
NOTE = (
    "Valid ExpireHold records in the topic of holds of an hour, in batches of 16 kB as availability writes them. The last "
    "row releases other holds while the million waits."
)


async def measure(bench: Bench) -> list[Table]:
    """Memory before, while they come, when they are there, and of a relay that finds them there."""
    count, relay = bench.of(1_000_000, 20_000), bench.platform.pids["relay-1"]
    rows: list[Row] = [_row("nothing but the holds of this bench waits", relay)]
    bench.say(f"{count:,} records into the delay topic")
    await _fill(bench.platform.kafka, bench.house.spaces, count)
    rows.append(_row(f"{count:,} more, just arrived", relay))
    await asyncio.sleep(SETTLED)
    rows.append(_row(f"{count:,} more, {SETTLED:.0f} s later", relay))
    bench.say("the relay is started again and finds them there")
    successor = await bench.platform.restarted("relay-1", await bench.platform.kill("relay-1"))
    await asyncio.sleep(SETTLED)
    rows.append(_row("a relay started with them there", successor))
    holds, over = bench.of(500, 50), bench.of(5.0, 2.0)
    bench.say(f"{holds} holds run out beside them")
    late = release.row("others run out beside them", holds, over, await release.round_(bench, holds, over), "")
    rows.append(_row("the same, after releasing others", successor))
    memory = Table("The relay's memory, MB", rows, NOTE)
    return [memory, Table("Release beside them", [late], release.NOTE)]


def _row(what: str, pid: int) -> Row:
    return {
        "what": what,
        "resident MB": processes.memory_mb(pid),
        "most so far MB": processes.memory_mb(pid, "VmHWM"),
        "asked for": "flat",
    }


async def _fill(kafka: str, spaces: Sequence[str], count: int) -> None:
    keys = {commands.partition_of(space.encode()): space for space in spaces}
    topic = topics.expiry(AN_HOUR).name
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        left, acks = count, list[asyncio.Future[object]]()
        while left:
            for partition, space in keys.items():
                key, value, headers = _expire(space)
                batch = producer.create_batch()
                while left and batch.append(timestamp=None, key=key, value=value, headers=headers):
                    left -= 1
                acks.append(await producer.send_batch(batch, topic, partition=partition))
            if len(acks) > 200:
                await asyncio.gather(*acks)
                acks.clear()
        await asyncio.gather(*acks)
    finally:
        await producer.stop()


def _expire(space: str) -> tuple[bytes, bytes, Headers]:
    due = datetime.now(UTC) + AN_HOUR
    booking, message = str(uuid.uuid4()), str(uuid.uuid4())
    body = ExpireHold(booking_id=booking, space_id=space, expires_at=due)
    now, at = stamp(due - AN_HOUR), stamp(due).decode()
    headers = write(
        b"availability", message, ExpireHold.type, "demo", message, now, space, causation=message, due_at=at
    )
    return space.encode(), body.model_dump_json().encode(), headers
