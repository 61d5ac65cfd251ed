"""R11: what ends the process over and over is buried, and all else is handled; who only meets a dying worker is not."""

import contextlib
import uuid
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from answering import replies
from bus import REPLIES, Bus, Log, header
from workers import worker

from chassis.suspects import ENDED, MOST_ATTEMPTS, Suspects
from contracts.booking import ConfirmBooking

LETTERS = "booking.dead-letters"
PROGRAM = (str(Path(__file__).with_name("deadly_booking.py")),)
MEMBER = {"HOLDFAST_INSTANCE": "deadly-1", "HOLDFAST_SESSION_TIMEOUT_MS": "1000"}
FEWEST = ENDED + MOST_ATTEMPTS
ZERO = TopicPartition("booking.commands", 0)


async def ask(bus: Bus, partition: int, booking: str | None = None) -> str:
    """A command that is answered by itself: there is no such booking."""
    command = ConfirmBooking(booking_id=booking or str(uuid.uuid4()))
    return (await bus.tell(command, partition=partition))[0]


async def answered(log: Log, commands: list[str]) -> bool:
    """Once each command is answered: whether it was with one answer, which a worker that ends before its mark has sent again."""
    await log.until(lambda records: all(replies(records, command) for command in commands))
    return all(len({each.value for each in replies(log.records, command)}) == 1 for command in commands)


async def deaths(bus: Bus, log: Log, commands: list[str], **settings: str) -> int:
    """Start workers one after the other until all of this is answered; how many ended before."""
    for number in range(12):
        with contextlib.suppress(AssertionError):  # it ended before it was ready
            async with worker(bus, "booking", **MEMBER, **settings, program=PROGRAM) as running:
                while running.process.returncode is None:
                    await log.read(50)
                    if all(replies(log.records, command) for command in commands):
                        return number
    raise TimeoutError("it never stops to die")


async def test_a_message_that_ends_its_worker_is_buried_and_all_others_are_handled(bus: Bus) -> None:
    deadly = str(uuid.uuid4())
    async with bus.listening(REPLIES, LETTERS) as log:
        good = [await ask(bus, 0), await ask(bus, 1)]
        command = await ask(bus, 0, deadly)
        good += [await ask(bus, 0), await ask(bus, 2)]
        # One more where the first run decided what lies before it, in a batch of its own.
        assert await deaths(bus, log, [*good, command], DEADLY=deadly) in (FEWEST, FEWEST + 1)
        assert await answered(log, [*good, command])
        [letter] = await log.until(lambda records: [each for each in records if each.topic == LETTERS])
        assert header(letter, "ce_id") == command
        reason = header(letter, "dead-letter-reason")
        assert reason == f"failed with Deadly: the worker ended {MOST_ATTEMPTS} times over it"
        told = replies(log.records, command)[0]
        assert b"SERVER_ERROR" in (told.value or b"")
        assert b"worker" not in (told.value or b""), "what goes on inside is nobody's business"
        # The bug is mended: the same command is handled, and whoever repeats it is answered.
        async with bus.deciding():
            await bus.tell(ConfirmBooking(booking_id=deadly), command, partition=0)
            await log.until(lambda records: b"NOT_FOUND" in (replies(records, command)[-1].value or b""))


@pytest.mark.parametrize("point", ["fetched", "deciding", "committed"])
async def test_messages_that_only_met_workers_that_died_are_handled(bus: Bus, point: str) -> None:
    """Two power cuts at one place: the next run is careful, and buries nobody."""
    async with bus.listening(REPLIES, LETTERS) as log:
        commands = [await ask(bus, number % 3) for number in range(12)]
        for _ in range(ENDED + 1):
            with pytest.raises(AssertionError, match="booking ended with"):
                async with worker(
                    bus, "booking", **MEMBER, program=PROGRAM, DEADLY="nobody", HOLDFAST_FAILPOINT=point
                ) as running:
                    raise AssertionError(f"booking ended with {await running.ended()}")
        assert await deaths(bus, log, commands, DEADLY="nobody") == 0
        assert await answered(log, commands)
        await bus.quiet("booking")
        assert [record for record in log.records if record.topic == LETTERS] == []


async def test_a_run_that_leaves_in_order_is_not_counted_nor_one_that_has_decided_more(bus: Bus) -> None:
    pool = bus.pools["booking"]
    await pool.execute("DELETE FROM runs")
    await bus.ends(["booking.commands"])

    async def ended() -> int:
        found: int = await pool.fetchval("SELECT ended FROM runs WHERE topic = $1 AND partition = $2", *ZERO)
        return found

    async def begun() -> Suspects:
        run = Suspects(pool)
        await run.begin([ZERO], {})
        return run

    first = await begun()
    assert await ended() == 0
    second = await begun()
    assert await ended() == 1, "the first one has not left"
    await first.leave()
    assert await ended() == 1, "a late goodbye says nothing of the one that came after"
    await pool.execute("UPDATE progress SET processed = processed + 1 WHERE topic = $1 AND partition = $2", *ZERO)
    third = await begun()
    assert await ended() == 1, "the second one has decided something"
    await third.leave()
    await second.leave()
    await begun()
    assert await ended() == 0
    await pool.execute("DELETE FROM runs")
