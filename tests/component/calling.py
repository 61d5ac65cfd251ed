"""A service that does nothing but call: each Ask becomes a call, each outcome a row of `heard`.

`python calling.py` runs it as a process of its own, so that it can be killed.
"""

import asyncio
import contextlib
import os
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from bus import Bus, Log, header, until
from bus import headers as usual
from other_side import OtherSide

from chassis import calls, database, migrations
from chassis.caller import Caller, Limits
from chassis.calls import Again, Attempt, Call, Done, Schedule
from chassis.decider import Decider
from chassis.messages import Incoming, Output, Row, Save, Statement, columns
from chassis.parts import Parts
from chassis.service import run
from chassis.settings import WorkerSettings
from contracts.model import Id, Message
from contracts.topics import Topic

QUICK = Schedule(delays=(0.05, 0.1, 0.2), jitter=0.0, seconds=30.0)
HEARD = """
-- needs chassis/schema/0001_calls.sql
CREATE TABLE heard (ordinal bigint GENERATED ALWAYS AS IDENTITY, call_id uuid, answer text);
"""


class AskToy(Message):
    thing_id: Id
    url: str
    destination: str
    matters: bool = True


class ToyHeard(Message):
    thing_id: Id
    call_id: Id
    answer: str


@dataclass
class Changes:
    calls: list[Call] = field(default_factory=list)
    heard: list[tuple[str, str]] = field(default_factory=list)


class Toy:
    """The service: pure, as all are."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.commands = Topic(f"{name}.commands", "thing_id", (AskToy, ToyHeard))
        self.inputs = (self.commands,)

    def load(self, messages: Sequence[Incoming]) -> Statement:
        return Statement("SELECT NULL::int AS nothing WHERE false")

    def begin(self, rows: Sequence[Row]) -> Changes:
        return Changes()

    def decide(self, state: Changes, message: Incoming, now: datetime) -> Sequence[Output]:
        match message.body:
            case AskToy() as ask:
                kind = "ring" if ask.destination == "clock" else "ask"
                state.calls.append(calls.call(message, kind, ask.destination, ask.thing_id, ask))
            case ToyHeard() as heard:
                state.heard.append((heard.call_id, heard.answer))
        return ()

    def save(self, state: Changes) -> Sequence[Save]:
        saves = calls.save(state.calls)
        if state.heard:
            sql = "INSERT INTO heard (call_id, answer) SELECT * FROM unnest({0}::uuid[], {1}::text[]) RETURNING 1"
            saves.append(Save("all_is_heard", sql, len(state.heard), columns(state.heard, 2)))
        return saves

    def refuse(self, message: Incoming, /) -> Sequence[Output]:
        return ()


class Asking:
    """Over HTTP, under the call's id."""

    async def call(self, attempt: Attempt, /) -> Done | Again:
        ask = AskToy.model_validate_json(attempt.request)
        headers = {"Idempotency-Key": attempt.id}
        async with aiohttp.ClientSession() as session, session.post(ask.url, headers=headers) as answer:
            words = await answer.text()
        if answer.status >= 500:
            return Again(f"{answer.status} {words}", note=f"attempt {attempt.number} after {attempt.note}")
        return Done(ToyHeard(thing_id=ask.thing_id, call_id=attempt.id, answer=words) if ask.matters else None)

    def give_up(self, attempt: Attempt, why: str, /) -> Done:
        return Done(ToyHeard(thing_id=attempt.key, call_id=attempt.id, answer=f"given up: {why}"))


@dataclass
class Scene:
    """The service's topic and database, and the other side."""

    bus: Bus
    toy: Toy
    url: str
    pool: asyncpg.Pool
    other: OtherSide

    async def ask(self, destination: str, *, matters: bool = True) -> str:
        """A call to this destination is asked for; its id."""
        message = AskToy(
            thing_id=str(uuid.uuid4()), url=f"{self.other.url}/{destination}", destination=destination, matters=matters
        )
        message_id = str(uuid.uuid4())
        value = message.__pydantic_serializer__.to_json(message)
        said = usual(message, message_id, reply_to=None)
        await self.bus.raw(self.toy.commands.name, value, said, message.thing_id.encode())
        return message_id

    async def tell(self, answer: str) -> str:
        """An outcome comes, of whatever call; its id."""
        message = ToyHeard(thing_id=str(uuid.uuid4()), call_id=str(uuid.uuid4()), answer=answer)
        value = message.__pydantic_serializer__.to_json(message)
        said = usual(message, str(uuid.uuid4()), reply_to=None)
        await self.bus.raw(self.toy.commands.name, value, said, message.thing_id.encode())
        return message.call_id

    async def heard(self, call_id: str) -> list[str]:
        """What the service decided on, of this call."""
        rows = await self.pool.fetch("SELECT answer FROM heard WHERE call_id = $1 ORDER BY ordinal", call_id)
        return [row[0] for row in rows]

    async def open_calls(self) -> int:
        count: int = await self.pool.fetchval("SELECT count(*) FROM calls WHERE closed_at IS NULL")
        return count

    async def closed(self, count: int = 1) -> None:
        """Return when so many calls are closed, and none is open."""
        sql = "SELECT count(*) FILTER (WHERE closed_at IS NULL) = 0 AND count(*) >= $1 FROM calls"
        await until(lambda: self.pool.fetchval(sql, count))

    async def told(self, log: Log, count: int) -> list[str | None]:
        """The ids of the outcomes in the topic, when there are so many."""

        def outcomes(records: list[Any]) -> list[str | None] | None:
            found = [header(each, "ce_id") for each in records if header(each, "ce_type") == ToyHeard.type]
            return found if len(found) >= count else None

        return await log.until(outcomes) or []

    def settings(self) -> WorkerSettings:
        return WorkerSettings(
            kafka=self.bus.infra.kafka, internal_token="x", database=self.url, port=1, session_timeout_ms=1000
        )

    @contextlib.asynccontextmanager
    async def deciding(self) -> AsyncIterator[None]:
        """The decider alone, beside the test."""
        failures: list[BaseException] = []
        decider = Decider(self.toy, self.settings(), self.pool, failures.append)
        async with _running(decider, failures):
            yield

    @contextlib.asynccontextmanager
    async def calling(self, schedule: Schedule = QUICK, **limits: float) -> AsyncIterator[Caller]:
        """A caller beside the test."""
        failures: list[BaseException] = []
        bounds = Limits(**limits)  # type: ignore[arg-type]
        schedules = {"ask": schedule, "ring": replace(schedule, timer=True)}
        caller = Caller(
            self.toy.name,
            self.settings(),
            Asking(),
            schedules,
            self.toy.commands,
            self.pool,
            failures.append,
            bounds,
        )
        async with _running(caller, failures):
            yield caller

    @contextlib.asynccontextmanager
    async def process(self, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """The whole service as a process of its own; at the end it is killed, if it still lives."""
        env: Mapping[str, str] = {
            **os.environ,
            "HOLDFAST_KAFKA": self.bus.infra.kafka,
            "HOLDFAST_INTERNAL_TOKEN": "x",
            "HOLDFAST_SESSION_TIMEOUT_MS": "1000",
            "TOY": self.toy.name,
            "TOY_DATABASE": self.url,
            "TOY_PORT": "0",
            "PYTHONPATH": os.pathsep.join(sys.path),  # pytest's, with the folders of the tests' helpers
            **environment,
        }
        process = await asyncio.create_subprocess_exec(sys.executable, __file__, env=env)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def _running(part: Decider | Caller, failures: list[BaseException]) -> AsyncIterator[None]:
    try:
        await part.start()
        async with asyncio.timeout(20):
            await part.joined.wait()
        yield
    finally:
        await part.stop()
    assert failures == []


@contextlib.asynccontextmanager
async def scene(bus: Bus, folder: Path) -> AsyncIterator[Scene]:
    """A topic and a database of its own."""
    toy = Toy(f"toy{uuid.uuid4().hex[:12]}")
    (folder / "0001_heard.sql").write_text(HEARD)
    url = await bus.infra.create_database(toy.name)
    await migrations.migrate(url, folder)
    admin = AIOKafkaAdminClient(bootstrap_servers=bus.infra.kafka)
    await admin.start()
    await admin.create_topics([NewTopic(toy.commands.name, 4, 1)])
    await admin.close()
    pool = await database.connect(url, 4, "test")
    async with OtherSide().serving() as other:
        yield Scene(bus, toy, url, pool, other)
    await pool.close()
    await bus.infra.drop_database(toy.name)


def main() -> None:
    toy = Toy(os.environ["TOY"])
    settings = WorkerSettings(database=os.environ["TOY_DATABASE"], port=0)  # type: ignore[call-arg]
    limits = Limits(claim_seconds=0.5)
    schedules = {"ask": Schedule(delays=(0.1,), for_ever=True, seconds=1.0)}

    def make(pool: asyncpg.Pool, failed: Callable[[BaseException], None]) -> Parts:
        return Parts(
            Decider(toy, settings, pool, failed),
            Caller(toy.name, settings, Asking(), schedules, toy.commands, pool, failed, limits),
        )

    run(toy.name, settings, make, prunes=(calls.PRUNE,))


if __name__ == "__main__":
    main()
