"""A producer that can send no more is given up with its worker; whoever comes next sends what is stored (F8)."""

import uuid

from answering import asked, create, granted, replies
from bus import REPLIES, Bus, until


async def test_what_a_broken_producer_could_not_send_is_sent_by_the_next_worker(bus: Bus) -> None:
    first, command = str(uuid.uuid4()), str(uuid.uuid4())
    failures: list[BaseException] = []

    async def failed() -> bool:
        return bool(failures)

    async with bus.listening(REPLIES, "availability.commands") as log:
        async with bus.deciding(failures=failures) as decider:
            await bus.tell(create(first), first)
            await asked(log, first)
            sequences = decider.publisher._producer._txn_manager._sequence_numbers
            for place in list(sequences):  # what a lost batch leaves behind: the broker refuses all that follows
                sequences[place] += 1
            await bus.tell(create(command), command)
            await until(failed, 30)
        assert "OutOfOrderSequence" in repr(failures[0])
        async with bus.deciding():
            await granted(bus, log, command)
            assert await log.until(lambda records: replies(records, command))
            await bus.quiet("booking")
        assert len(await log.caused_by(command, "availability.commands")) == 1
